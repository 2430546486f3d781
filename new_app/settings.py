"""The settings: everything the environment may say, read once and checked at start.

It knows nothing of the web framework. A wrong value ends in `SettingsError` with one clear sentence, because
an application that starts with half a configuration fails later and in front of a user.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar, cast, get_args

from new_app.faults import UnknownFault, parse_faults

StoreKind = Literal["filesystem", "redis"]
PartnerKind = Literal["offline", "gemini"]
T = TypeVar("T")


class SettingsError(ValueError):
    """The environment asks for something that cannot be done; the text is for the person who starts us."""


@dataclass(frozen=True, slots=True)
class Settings:
    store: StoreKind = "filesystem"
    session_dir: Path = Path("var/new_app/sessions")
    redis_url: str = ""
    session_lifetime: int = 31 * 24 * 3600
    scratch_lifetime: int = 15 * 60
    partner: PartnerKind = "offline"
    gemini_keys: tuple[str, ...] = ()
    gemini_url: str = ""
    stream_delay: float = 0.02
    version: str = "2.0.0"
    faults: frozenset[str] = frozenset()
    faults_file: Path | None = None


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The settings of this process, or `SettingsError`."""
    file = environ.get("NEW_APP_FAULTS_FILE", "").strip()
    settings = Settings(
        store=_choice(environ, "NEW_APP_SESSION_STORE", "filesystem", StoreKind),
        session_dir=Path(environ.get("NEW_APP_SESSION_DIR") or Settings().session_dir),
        redis_url=environ.get("REDIS_URL", "").strip(),
        session_lifetime=_number(environ, "NEW_APP_SESSION_LIFETIME", Settings().session_lifetime, int, 1),
        scratch_lifetime=_number(environ, "NEW_APP_SCRATCH_LIFETIME", Settings().scratch_lifetime, int, 1),
        partner=_choice(environ, "NEW_APP_PARTNER", "offline", PartnerKind),
        gemini_keys=_keys(environ),
        gemini_url=environ.get("GEMINI_BASE_URL", "").strip(),
        stream_delay=_number(environ, "NEW_APP_STREAM_DELAY_MS", 20.0, float, 0) / 1000,
        version=_version(environ),
        faults=_faults(environ),
        faults_file=Path(file) if file else None,
    )
    _check_together(settings)
    return settings


def _check_together(settings: Settings) -> None:
    if settings.store == "redis" and not settings.redis_url:
        raise SettingsError("NEW_APP_SESSION_STORE=redis needs REDIS_URL, for example redis://127.0.0.1:6379/0.")
    if settings.redis_url and not settings.redis_url.startswith(("redis://", "rediss://", "unix://")):
        raise SettingsError("REDIS_URL must start with redis://, rediss:// or unix://.")
    if settings.partner == "gemini" and not settings.gemini_keys:
        raise SettingsError("NEW_APP_PARTNER=gemini needs GEMINI_API_KEYS (comma separated) or GEMINI_API_KEY.")


def _choice(environ: Mapping[str, str], name: str, default: str, kind: type[T] | object) -> T:
    value = environ.get(name, "").strip() or default
    allowed = get_args(kind)
    if value not in allowed:
        raise SettingsError(f"{name}={value} is not known; choose one of: {', '.join(allowed)}.")
    return cast(T, value)


def _number(environ: Mapping[str, str], name: str, default: T, make: Callable[[str], T], least: float) -> T:
    text = environ.get(name, "").strip()
    if not text:
        return default
    try:
        value = make(text)
    except ValueError:
        raise SettingsError(f"{name}={text} is not a number.") from None
    if not least <= value <= 1e9:  # type: ignore[operator]  # int or float, by the two callers above
        raise SettingsError(f"{name}={text} must lie between {least:g} and 1000000000.")
    return value


def _keys(environ: Mapping[str, str]) -> tuple[str, ...]:
    listed = environ.get("GEMINI_API_KEYS") or environ.get("GEMINI_API_KEY") or ""
    return tuple(dict.fromkeys(key.strip() for key in listed.split(",") if key.strip()))


def _version(environ: Mapping[str, str]) -> str:
    version = environ.get("APP_VERSION", "").strip() or Settings().version
    if not (version.isascii() and version.isprintable()):
        raise SettingsError("APP_VERSION goes into a header: printable ASCII characters only.")
    return version


def _faults(environ: Mapping[str, str]) -> frozenset[str]:
    try:
        return parse_faults(environ.get("NEW_APP_FAULTS", ""))
    except UnknownFault as error:
        raise SettingsError(f"NEW_APP_FAULTS: {error}") from None
