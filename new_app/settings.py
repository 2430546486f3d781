"""The settings: everything the environment may say, read once and checked at start.

| variable                   | default                 | meaning                                            |
|----------------------------|-------------------------|----------------------------------------------------|
| `SESSION_TYPE`             | `filesystem`            | where sessions lie: `filesystem` or `redis`        |
| `NEW_APP_SESSION_DIR`      | `var/new_app/sessions`  | their folder; shadow sessions lie beside it        |
| `REDIS_URL`                |                         | needed by `SESSION_TYPE=redis`                     |
| `NEW_APP_SESSION_LIFETIME` | 31 days                 | seconds after the last change                      |
| `NEW_APP_SHADOW_LIFETIME`  | 15 minutes              | the same for shadow sessions                       |
| `PARTNER`                  | `offline`               | who answers: `offline` or `gemini`                 |
| `PARTNER_FALLBACK`         | `offline`               | who answers when every quota is used up, or `none` |
| `GEMINI_API_KEYS`          |                         | comma separated; needed by `PARTNER=gemini`        |
| `GEMINI_BASE_URL`          | Google's                | another address of the same interface              |
| `GEMINI_TIMEOUT`           | 30                      | seconds for one attempt                            |
| `NEW_APP_STREAM_DELAY_MS`  | 20                      | between two pieces of the offline partner's stream |
| `APP_VERSION`              | 2.0.0                   | the release, in the header `X-App-Version`         |
| `NEW_APP_FAULTS`           |                         | seeded regressions, comma separated; see `faults`  |
| `NEW_APP_FAULTS_FILE`      |                         | a file of the same, looked at with every request   |

An empty variable counts as absent. A wrong one ends in `SettingsError` with one clear sentence: an
application that starts with half a configuration fails later, in front of a user.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from new_app.faults import UnknownFaultError, parse_faults

STORES = ("filesystem", "redis")
PARTNERS = ("offline", "gemini")
FALLBACKS = ("offline", "none")


class SettingsError(ValueError):
    """The environment asks for something that cannot be done; the text is for the person who starts us."""


@dataclass(frozen=True, slots=True)
class Settings:
    store: str
    session_dir: Path
    redis_url: str
    session_lifetime: int
    shadow_lifetime: int
    partner: str
    partner_fallback: str
    gemini_keys: tuple[str, ...]
    gemini_url: str
    gemini_timeout: float
    stream_delay: float
    version: str
    faults: frozenset[str]
    faults_file: Path | None


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The settings of this process, or `SettingsError`."""
    faults_file = _text(environ, "NEW_APP_FAULTS_FILE")
    settings = Settings(
        store=_choice(environ, "SESSION_TYPE", STORES),
        session_dir=Path(_text(environ, "NEW_APP_SESSION_DIR", "var/new_app/sessions")),
        redis_url=_text(environ, "REDIS_URL"),
        session_lifetime=int(_number(environ, "NEW_APP_SESSION_LIFETIME", 31 * 24 * 3600, least=1)),
        shadow_lifetime=int(_number(environ, "NEW_APP_SHADOW_LIFETIME", 15 * 60, least=1)),
        partner=_choice(environ, "PARTNER", PARTNERS),
        partner_fallback=_choice(environ, "PARTNER_FALLBACK", FALLBACKS),
        gemini_keys=tuple(key for key in _text(environ, "GEMINI_API_KEYS").replace(",", " ").split()),
        gemini_url=_text(environ, "GEMINI_BASE_URL"),
        gemini_timeout=_number(environ, "GEMINI_TIMEOUT", 30, least=0.1, most=600),
        stream_delay=_number(environ, "NEW_APP_STREAM_DELAY_MS", 20) / 1000,
        version=_version(environ),
        faults=_faults(environ),
        faults_file=Path(faults_file) if faults_file else None,
    )
    _check_together(settings)
    return settings


def _check_together(settings: Settings) -> None:
    if settings.store == "redis":
        if not settings.redis_url:
            raise SettingsError("SESSION_TYPE=redis needs REDIS_URL, which is not set.")
        if not settings.redis_url.startswith(("redis://", "rediss://", "unix://")):
            raise SettingsError("REDIS_URL must start with redis://, rediss:// or unix://.")
    if settings.partner == "gemini" and not settings.gemini_keys:
        raise SettingsError("PARTNER=gemini needs GEMINI_API_KEYS, which is not set.")


def _text(environ: Mapping[str, str], name: str, default: str = "") -> str:
    return environ.get(name, "").strip() or default


def _choice(environ: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    value = _text(environ, name, allowed[0])
    if value not in allowed:
        raise SettingsError(f"{name} must be one of {', '.join(allowed)}, not {value!r}.")
    return value


def _number(
    environ: Mapping[str, str], name: str, default: float, *, least: float = 0, most: float = 1e9
) -> float:
    text = _text(environ, name)
    try:
        value = float(text) if text else default
    except ValueError:
        raise SettingsError(f"{name} must be a number, not {text!r}.") from None
    if not least <= value <= most:
        raise SettingsError(f"{name} must lie between {least:g} and {most:g}, not {text!r}.")
    return value


def _version(environ: Mapping[str, str]) -> str:
    version = _text(environ, "APP_VERSION", "2.0.0")
    if not (version.isascii() and version.isprintable()):
        raise SettingsError("APP_VERSION goes into a header: printable ASCII characters only.")
    return version


def _faults(environ: Mapping[str, str]) -> frozenset[str]:
    try:
        return parse_faults(_text(environ, "NEW_APP_FAULTS"))
    except UnknownFaultError as error:
        raise SettingsError(f"NEW_APP_FAULTS: {error}") from None
