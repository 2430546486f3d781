"""A request target as people and rules read it: bytes above ASCII written out. Pure.

Browsers write them out, programs often do not, and both ask for the same. What goes on is what came.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote, unquote

_ABOVE_ASCII = re.compile("[\x80-\xff]")


def written_out(target: str) -> str:
    """``target``, its bytes decoded as latin-1, with each byte above ASCII percent-encoded."""
    return target if target.isascii() else _ABOVE_ASCII.sub(lambda found: f"%{ord(found[0]):02X}", target)


def hidden_in_path(path: str, hide: Callable[[str], str]) -> str:
    """``path`` with what ``hide`` finds in its segments hidden, however it is written there."""
    if path.isascii() and "%" not in path:
        return path
    return "/".join(_hidden(segment, hide) for segment in written_out(path).split("/"))


def _hidden(segment: str, hide: Callable[[str], str]) -> str:
    text = unquote(segment)
    clean = hide(text)
    return segment if clean == text else quote(clean, safe="<>:")
