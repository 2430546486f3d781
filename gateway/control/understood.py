"""What another machine or process has written down about itself, in a place that everybody can write to."""

from __future__ import annotations

from typing import TypeVar

import msgspec

__all__ = ["understood"]

_Kind = TypeVar("_Kind")


def understood(data: bytes, kind: type[_Kind], *, longest: int | None = None) -> _Kind | None:
    """None for what no gateway of this version has written, or what is longer than so many bytes."""
    if longest is not None and len(data) > longest:
        return None
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
