"""What is wrong with a configuration: all of it at once. It must not know how it was found."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["ConfigError", "Problem", "Refused"]

_LONGEST = 120
_USER_INFO = re.compile(r"//[^/\s]*@")


class Problem(NamedTuple):
    """`key`: the path, such as `feature[0].percent`, or "" for the file as a whole; `value`: as written,
    shortened, "" where there is none; `expected`: what would have been right; `source`: the environment
    variable it came from, or "".
    """

    key: str
    value: str
    expected: str
    source: str = ""

    def __str__(self) -> str:
        where = f"{self.key} (from {self.source})" if self.source and self.key else self.source or self.key
        value = f" = {self.value}" if self.value else ""
        return f"{where}{value}: {self.expected}" if where else self.expected


class ConfigError(Exception):
    """The configuration was refused; `.problems` has every reason, in the order of the file. Nothing was
    started."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


class Refused(ValueError):
    """One value will not do; its text is what was expected."""


def shown(value: object) -> str:
    """A value as its author would recognise it, shortened; URLs without user and password, for the log."""
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str):
        text = f'"{value}"'
    else:
        text = repr(value)
    text = text.encode("unicode_escape").decode() if not text.isprintable() else text
    text = _USER_INFO.sub("//…@", text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
