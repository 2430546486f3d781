"""The kinds of value a key can have: each reads what TOML gives and refuses what cannot be. It must not
know which keys there are.

A kind's `read` takes the TOML value and returns plain data as `model.py` wants it, or raises `Refused`
with what was expected.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from flags import to_hundredths
from gateway.config.patterns import checked_pattern
from gateway.config.problems import Refused

__all__ = ["Kind"]


@dataclass(frozen=True, slots=True)
class Kind:
    """`name`: as the documentation calls it. `text`: how the text of an environment variable becomes a
    TOML value: as it is, as a TOML value where it is one, or as a list (a TOML one, or separated by
    commas)."""

    name: str
    read: Callable[[object], Any]
    text: Literal["as-is", "value", "list"] = "value"


# --- numbers --------------------------------------------------------------------------------------

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"(\d+)\s*(B|KiB|MiB|GiB)")
_BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def integer(least: int, most: int) -> Kind:
    """A whole number within bounds, both included."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise Refused(f"a whole number from {least} to {most}")
        return value

    return Kind("whole number", read)


def duration(least: str, most: str) -> Kind:
    """A time: text with a unit, or a number of seconds → seconds."""

    def seconds(value: object) -> float | None:
        if isinstance(value, str) and (found := _DURATION.fullmatch(value.strip())):
            return round(float(found[1]) * _SECONDS[found[2]], 9)
        return float(value) if _is_number(value) else None  # type: ignore[arg-type]

    low, high = seconds(least) or 0.0, seconds(most) or 0.0

    def read(value: object) -> float:
        found = seconds(value)
        if found is None or not low <= found <= high:
            raise Refused(
                f'a time from {least} to {most}, such as "200ms", "1.5s", "2m", or a number of seconds'
            )
        return found

    return Kind("duration", read)


def size(least: str, most: str) -> Kind:
    """A size: text with a unit, or a whole number of bytes → bytes."""

    def count(value: object) -> int | None:
        if isinstance(value, str) and (found := _SIZE.fullmatch(value.strip())):
            return int(found[1]) * _BYTES[found[2]]
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    low, high = count(least) or 0, count(most) or 0

    def read(value: object) -> int:
        found = count(value)
        if found is None or not low <= found <= high:
            raise Refused(
                f'a size from {least} to {most}, such as "64 KiB", "1 MiB", or a whole number of bytes'
            )
        return found

    return Kind("size", read)


def _percent(value: object) -> int:
    try:
        if not _is_number(value):
            raise ValueError("a percentage from 0 to 100 in steps of 0.01")
        return to_hundredths(value)
    except ValueError as error:
        raise Refused(str(error)) from None


def _rate(value: object) -> float:
    if not _is_number(value) or not math.isfinite(value) or not 0 <= value <= 1:  # type: ignore[arg-type, operator]
        raise Refused("a rate from 0 to 1 (0.001 is one in a thousand)")
    return float(value)  # type: ignore[arg-type]


def _chance(value: object) -> float:
    if not _is_number(value) or not 1e-6 <= value <= 0.5:  # type: ignore[operator]
        raise Refused("a chance from 0.000001 to 0.5 (0.01 is one in a hundred)")
    return float(value)  # type: ignore[arg-type]


def _factor(value: object) -> float:
    if not _is_number(value) or not 1 <= value <= 1000:  # type: ignore[operator]
        raise Refused("a factor from 1 to 1000 (1.1 is a tenth more)")
    return float(value)  # type: ignore[arg-type]


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise Refused("true or false")
    return value


PERCENT = Kind("percentage", _percent)
RATE = Kind("rate", _rate)
CHANCE = Kind("chance", _chance)
FACTOR = Kind("factor", _factor)
BOOLEAN = Kind("true or false", _boolean)


# --- text -----------------------------------------------------------------------------------------

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 section 5.6.2: header and cookie names
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def text(expected: str, matching: re.Pattern[str] | None = None, *, empty: bool = False) -> Kind:
    """Text of one line, of a form; `empty`: "" means none."""

    def read(value: object) -> str:
        if not isinstance(value, str) or not value.isprintable() or not (value or empty):
            raise Refused(expected)
        if value and matching and not matching.fullmatch(value):
            raise Refused(expected)
        return value

    return Kind("text", read, "as-is")


def choice(*words: str) -> Kind:
    """One of a few words."""
    expected = " or ".join(f'"{word}"' for word in words)

    def read(value: object) -> str:
        if value not in words:
            raise Refused(expected)
        return str(value)

    return Kind(expected, read, "as-is")


FEATURE_NAME = text("a name of 1 to 64 characters a-z, 0-9, _ and -, not beginning with _ or -", _NAME)
JOURNEY_NAME = text('a name of 1 to 64 characters a-z, 0-9, _ and -, or "" for none', _NAME, empty=True)
COOKIE_NAME = text('a cookie name, such as "banyan_key"', _TOKEN)
HEADER_NAME = text('a header name, such as "X-App-Version", or "" for none', _TOKEN, empty=True)
VARIABLE_NAME = text('the name of an environment variable, or ""', _VARIABLE, empty=True)
PATH = text("a path")
FILE = text('the path of a file, or "" for none', empty=True)
SOCKET_MODE = text('the rights of a file in octal, such as "0660"', re.compile(r"0?[0-7]{3}"))
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
SERVER_NAME = text('the name in the certificate, or ""', re.compile(rf"{_LABEL}(\.{_LABEL})*"), empty=True)
_MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+")
MAIL_ADDRESS = text('a mail address, such as "banyan@example.org", or ""', _MAIL, empty=True)
ANY_TEXT = text("text of one line", empty=True)


# --- lists ----------------------------------------------------------------------------------------


def listing(item: str, read_item: Callable[[str], Any]) -> Kind:
    """A list of texts, each read by `read_item`, which raises ValueError with what was expected (or
    nothing). All that will not do are named at once."""

    def read(value: object) -> list[Any]:
        if not isinstance(value, list):
            raise Refused(f"a list of {item}")
        found, refused = [], []
        for entry in value:
            try:
                if not isinstance(entry, str):
                    raise ValueError
                found.append(read_item(entry))
            except ValueError as error:
                refused.append(f"{entry!r} is none" + (f": {error}" if str(error) else ""))
        if refused:
            raise Refused("; ".join([f"a list of {item}", *refused]))
        return found

    return Kind(f"list of {item.partition(',')[0]}", read, "list")


def _sticky_key(value: str) -> dict[str, str]:
    source, _, name = value.partition(":")
    if source not in ("cookie", "header", "claim") or not _TOKEN.fullmatch(name):
        raise ValueError
    return {"source": source, "name": name}


def _property(value: str) -> dict[str, str]:
    name, _, place = value.partition("=")
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name):
        raise ValueError
    return {"property": name, **_sticky_key(place)}


STICKY_KEYS = listing('sticky keys, "cookie:NAME", "header:NAME" or "claim:NAME"', _sticky_key)
PROPERTIES = listing(
    'properties, NAME and a place, such as "tenant=header:X-Tenant", "plan=claim:plan"', _property
)
EVENT_WORDS = ("rollback", "restore", "guard", "freeze", "dial", "source", "divergence", "ledger")


def _event(value: str) -> str:
    if value not in EVENT_WORDS:
        raise ValueError
    return value


def _mail_address(value: str) -> str:
    if not _MAIL.fullmatch(value):
        raise ValueError
    return value


EVENTS = listing(f"events, of {', '.join(EVENT_WORDS)}", _event)
MAIL_ADDRESSES = listing('mail addresses, such as "oncall@example.org"', _mail_address)
PATTERNS = listing('patterns, such as "POST /api/items/{id}" or "/api/v2/*"', checked_pattern)
