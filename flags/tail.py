"""The end of a file of lines, read without what is before it. It must not know what the lines say."""

from __future__ import annotations

import os
from typing import NamedTuple

__all__ = ["Tail", "read_tail"]


class Tail(NamedTuple):
    """`lines`: the last whole ones, without their ends, oldest first. `rest`: what stands behind the last end
    of a line. `size`: of the file, bytes. `complete`: there are no lines before these.
    """

    lines: list[bytes]
    rest: bytes
    size: int
    complete: bool


def read_tail(fd: int, length: int) -> Tail:
    """What of the file's last `length` bytes is whole lines; `rest` is whole if there is a line. Raises
    OSError.
    """
    size = os.fstat(fd).st_size
    start = max(0, size - length)
    *lines, rest = os.pread(fd, size - start, start).split(b"\n")
    # The first may have begun before: it is looked at when more is asked for.
    return Tail(lines[1:] if start else lines, rest, size, not start)
