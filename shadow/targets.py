"""A request target as people and rules read it: bytes above ASCII written out. Pure.

Browsers write them out, programs often do not, and both ask for the same. What goes on is what came.
"""

from __future__ import annotations

import re

_ABOVE_ASCII = re.compile("[\x80-\xff]")


def written_out(target: str) -> str:
    """``target``, its bytes decoded as latin-1, with each byte above ASCII percent-encoded."""
    return target if target.isascii() else _ABOVE_ASCII.sub(lambda found: f"%{ord(found[0]):02X}", target)
