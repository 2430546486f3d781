"""Reads ``Cookie`` and ``Set-Cookie`` fields the way a browser does (RFC 6265). It must not know sessions or
comparing.
"""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import NamedTuple


class SetCookie(NamedTuple):
    """One ``Set-Cookie`` field. ``attributes`` has lower-case names; a flag's value is an empty string."""

    name: str
    value: str
    attributes: dict[str, str]

    def lifetime(self, now: float) -> float | None:
        """Seconds it lives from ``now`` (seconds since 1970), 0 or less when it deletes, None when it lasts
        with the session.
        """
        if "max-age" in self.attributes:
            try:
                return float(int(self.attributes["max-age"]))
            except ValueError:
                pass  # RFC 6265, 5.2.2: an unreadable attribute counts as absent
        if "expires" in self.attributes:
            try:
                return parsedate_to_datetime(self.attributes["expires"]).timestamp() - now
            except (ValueError, OverflowError):
                return None
        return None


def parse_set_cookie(field: bytes) -> SetCookie | None:
    """The cookie in one ``Set-Cookie`` field; None when it has no name."""
    first, *rest = field.decode("latin-1").split(";")
    name, equals, value = first.partition("=")
    if not equals or not name.strip():
        return None
    attributes = {}
    for part in rest:
        key, _, content = part.partition("=")
        attributes[key.strip().lower()] = content.strip()
    return SetCookie(name.strip(), value.strip(), attributes)


def cookie_pairs(field: bytes) -> Iterator[tuple[str, str]]:
    """The names and values in one ``Cookie`` field, in order."""
    for part in field.decode("latin-1").split(";"):
        name, equals, value = part.strip().partition("=")
        if equals and name:
            yield name.strip(), value.strip()
