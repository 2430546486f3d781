"""Where one WebSocket frame ends and the next begins, in what a server sends (RFC 6455 section 5.2). Reads
only lengths; changes nothing.

A close frame of our own may go between two frames of the application, never into one.
"""

from __future__ import annotations

_LENGTH_16 = 126
_LENGTH_64 = 127
_MASKED = 0x80


class FrameBoundary:
    """``whole``: the last byte that was passed ended a frame."""

    __slots__ = ("_head", "_left")

    def __init__(self) -> None:
        self._head = b""
        self._left = 0

    @property
    def whole(self) -> bool:
        """Whether nothing of a frame is under way."""
        return not self._left and not self._head

    def passed(self, data: bytes) -> None:
        """These bytes have gone by."""
        at, end = 0, len(data)
        while at < end:
            at = self._frame(data, at)

    def rest_of_frame(self, data: bytes) -> int:
        """How many of these bytes still belong to the frame that is under way; they have then gone by."""
        at, end = 0, len(data)
        while at < end and not self.whole:
            at = self._frame(data, at)
        return at

    def _frame(self, data: bytes, at: int) -> int:
        """Go to the end of the frame that is under way, or of the next one, or of the data."""
        if not self._left:
            head = self._head
            used = at
            size = _head_size(head)
            while len(head) < size and used < len(data):
                head += data[used : used + size - len(head)]
                used = at + len(head) - len(self._head)
                size = _head_size(head)
            if len(head) < size:
                self._head = head
                return used
            self._head = b""
            self._left = _payload(head)
            at = used
        step = min(self._left, len(data) - at)
        self._left -= step
        return at + step


def _head_size(head: bytes) -> int:
    if len(head) < 2:
        return 2
    length = head[1] & ~_MASKED
    size = 2 + {_LENGTH_16: 2, _LENGTH_64: 8}.get(length, 0)
    return size + 4 if head[1] & _MASKED else size


def _payload(head: bytes) -> int:
    length = head[1] & ~_MASKED
    if length == _LENGTH_16:
        return int.from_bytes(head[2:4], "big")
    return int.from_bytes(head[2:10], "big") if length == _LENGTH_64 else length
