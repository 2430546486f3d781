"""The configuration: environment variables, read and checked once at start.

| variable               | default                | meaning                                              |
|------------------------|------------------------|------------------------------------------------------|
| `SESSION_TYPE`         | `filesystem`           | `filesystem` or `redis`                              |
| `SESSION_DIR`          | `var/legacy-sessions`  | folder of `sessions/`, `shadow/` and `secret_key`    |
| `REDIS_URL`            |                        | needed by `SESSION_TYPE=redis`                       |
| `SECRET_KEY`           | kept in `SESSION_DIR`  | signs the session cookie                             |
| `PARTNER`              | `offline`              | `offline` or `gemini`                                |
| `GEMINI_API_KEYS`      |                        | comma separated; needed by `PARTNER=gemini`          |
| `GEMINI_BASE_URL`      | Google's               | another address of the same interface                |
| `GEMINI_TIMEOUT`       | `30`                   | seconds for one attempt                              |
| `PARTNER_FALLBACK`     | `offline`              | who answers when every key is out of quota, or `none`|

An empty variable counts as absent.
"""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SESSION_TYPES: Final = ("filesystem", "redis")
PARTNERS: Final = ("offline", "gemini")
FALLBACKS: Final = ("offline", "none")
SECRET_FILE: Final = "secret_key"


class SettingsError(Exception):
    """The environment does not make sense; the text is one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Settings:
    session_type: str
    session_dir: Path
    redis_url: str
    secret_key: str
    partner: str
    gemini_api_keys: tuple[str, ...]
    gemini_base_url: str
    gemini_timeout: float
    partner_fallback: str


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Settings from the environment, or `SettingsError`. May create the secret key's file."""
    session_type = _choice(environ, "SESSION_TYPE", SESSION_TYPES)
    partner = _choice(environ, "PARTNER", PARTNERS)
    redis_url = _redis_url(environ, session_type)
    keys = _keys(environ, partner)
    timeout = _seconds(environ, "GEMINI_TIMEOUT", "30")
    fallback = _choice(environ, "PARTNER_FALLBACK", FALLBACKS)
    session_dir = Path(environ.get("SESSION_DIR") or "var/legacy-sessions").absolute()
    return Settings(
        session_type=session_type,
        session_dir=session_dir,
        redis_url=redis_url,
        # Last, because it may write a file, which a refused start must not.
        secret_key=environ.get("SECRET_KEY") or _kept_secret(session_dir),
        partner=partner,
        gemini_api_keys=keys,
        gemini_base_url=environ.get("GEMINI_BASE_URL", ""),
        gemini_timeout=timeout,
        partner_fallback=fallback,
    )


def _choice(environ: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    value = environ.get(name) or allowed[0]
    if value not in allowed:
        raise SettingsError(f"{name} must be one of {', '.join(allowed)}, not {value!r}.")
    return value


def _redis_url(environ: Mapping[str, str], session_type: str) -> str:
    url = environ.get("REDIS_URL", "")
    if session_type != "redis":
        return url
    if not url:
        raise SettingsError("SESSION_TYPE=redis needs REDIS_URL, which is not set.")
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise SettingsError("REDIS_URL must start with redis://, rediss:// or unix://.")
    return url


def _keys(environ: Mapping[str, str], partner: str) -> tuple[str, ...]:
    keys = tuple(key.strip() for key in environ.get("GEMINI_API_KEYS", "").split(",") if key.strip())
    if partner == "gemini" and not keys:
        raise SettingsError("PARTNER=gemini needs GEMINI_API_KEYS, which is not set.")
    return keys


def _seconds(environ: Mapping[str, str], name: str, default: str) -> float:
    try:
        value = float(environ.get(name) or default)
    except ValueError:
        value = 0.0
    if not 0 < value <= 600:
        raise SettingsError(f"{name} must be a number of seconds between 0 and 600.")
    return value


def _kept_secret(folder: Path) -> str:
    """The secret of this folder, made at the first start: all workers sign with the same."""
    path = folder / SECRET_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _create_whole(path, secrets.token_hex(32))
        return path.read_text(encoding="ascii").strip()
    except OSError as failure:
        reason = failure.strerror or str(failure)
        raise SettingsError(f"SESSION_DIR {str(folder)!r} cannot be used: {reason}.") from failure


def _create_whole(path: Path, text: str) -> None:
    # Written aside and linked: another worker sees the whole secret or none, and the first wins.
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text + "\n")
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
