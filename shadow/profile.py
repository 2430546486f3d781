"""Named sets of framework differences that are no regressions. It must not know rules, which excuse; a
profile makes equal.

Key order, ``\\u`` escapes and white space need nothing after parsing, and Date, Server and Content-Length are
never compared. What users do see stays visible: 307 against 308, ``message`` against ``detail``, 422 against
400, the Allow header of a 405.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_UTC_OFFSET = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(?:\+00:00|Z)\Z")


@dataclass(frozen=True, slots=True)
class Profile:
    """Which spellings count as one and the same value."""

    whole_floats: bool = False  # 1 and 1.0
    utc_spelling: bool = False  # 2024-01-01T00:00:00+00:00 and 2024-01-01T00:00:00Z
    charset: bool = False  # text/html and text/html; charset=utf-8

    def same(self, control: object, candidate: object) -> bool:
        """Whether two leaves that are not equal are two spellings of one value."""
        if self.whole_floats and {type(control), type(candidate)} == {int, float}:
            return control == candidate  # Python compares an int with a float exactly, whatever their size
        if self.utc_spelling and isinstance(control, str) and isinstance(candidate, str):
            return _instant(control) == _instant(candidate)
        return False

    def spelled(self, value: object) -> object:
        """The one spelling of a leaf for which ``same`` and ``==`` agree."""
        if self.whole_floats and isinstance(value, float) and value.is_integer():
            return int(value)
        return _instant(value) if self.utc_spelling and isinstance(value, str) else value

    def joined(self, other: Profile) -> Profile:
        """Everything either of the two allows."""
        return Profile(
            self.whole_floats or other.whole_floats,
            self.utc_spelling or other.utc_spelling,
            self.charset or other.charset,
        )


def _instant(text: str) -> str:
    found = _UTC_OFFSET.match(text)
    return found[1] + "Z" if found else text


STRICT = Profile()
PROFILES: Mapping[str, Profile] = MappingProxyType(
    {"flask-to-fastapi": Profile(whole_floats=True, utc_spelling=True, charset=True)}
)
