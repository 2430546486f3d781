"""A chunked body as it comes in, taken apart (RFC 9112 section 7.1). Knows no socket and no request.

Extensions are read by their grammar, white space in them included, and end here: nobody is told of them.
Whatever else is not as the RFC has it, a bare line feed above all, is refused.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Protocol

from gateway.wire.framing import TOKEN, goes_on

_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*+"'
_EXTENSION = rb"[ \t]*;[ \t]*%b(?:[ \t]*=[ \t]*(?:%b|%b))?" % (TOKEN, TOKEN, _QUOTED)
_PLAIN = re.compile(rb"([0-9A-Fa-f]{1,16})\r\n")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:%b)*+\r\n" % _EXTENSION)
_SIZE_BEGUN = re.compile(rb"(?:[0-9A-Fa-f]{1,16}[ \t]*(?:;[\t -~\x80-\xff]*)?\r?)?\Z")
_TRAILER = re.compile(rb"(?:(%b):([\t -~\x80-\xff]*))?\r\n" % TOKEN)
_TRAILER_BEGUN = re.compile(rb"(?:%b(?::[\t -~\x80-\xff]*)?)?\r?\Z" % TOKEN)
_LINE_END = b"\r\n"
_LONGEST_SIZE = 1024
"""Bytes of a chunk's line, its extensions included."""


class BadChunk(ValueError):
    """What came is no chunked body; answered with ``status``."""

    def __init__(self, rule: str, status: int = 400) -> None:
        super().__init__(rule)
        self.status = status


class Hears(Protocol):
    """Who is told what is in it. May raise."""

    def body(self, data: bytes) -> None: ...
    def trailer(self, name: bytes, value: bytes) -> None: ...


class _Next(Enum):
    SIZE = auto()
    DATA = auto()
    END_OF_DATA = auto()
    TRAILER = auto()


class Chunks:
    """One body. ``longest``: bytes of a trailer's line. ``ended`` when all of it was read."""

    __slots__ = ("_held", "_left", "_longest", "_next", "ended")

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._held = b""
        self._left = 0
        self._next = _Next.SIZE
        self.ended = False

    def read(self, data: bytes, at: int, hears: Hears) -> int:
        """Read on in ``data`` from ``at``. Returns where what was read ends: all of it, unless the body does.

        Raises:
            BadChunk: this is none.
        """
        ahead = 0
        if self._held:
            longest = self._longest if self._next is _Next.TRAILER else _LONGEST_SIZE
            if len(self._held) + len(data) - at < longest and goes_on(self._held, data[at:]):
                self._held += data[at:]
                return len(data)
            ahead = at - len(self._held)
            data, at, self._held = self._held + data[at:], 0, b""
        while at < len(data) and not self.ended:
            begun, at = at, self._read(data, at, hears)
            if at == begun:
                self._held, at = data[at:], len(data)
        return at + ahead

    def _read(self, data: bytes, at: int, hears: Hears) -> int:
        """One line or one piece. Where it ends, or ``at`` where more of a line has to come."""
        match self._next:
            case _Next.DATA:
                piece = data[at : at + self._left]
                self._left -= len(piece)
                if not self._left:
                    self._next = _Next.END_OF_DATA
                hears.body(piece)
                return at + len(piece)
            case _Next.END_OF_DATA:
                if data.startswith(_LINE_END, at):
                    self._next = _Next.SIZE
                    return at + len(_LINE_END)
                if data[at:] != b"\r":
                    raise BadChunk("a chunk does not end where it should")
                return at
            case _Next.SIZE:
                behind = _whole_ones(data, at, hears)
                return behind if behind > at else self._size(data, at)
            case _Next.TRAILER:
                return self._trailer(data, at, hears)

    def _size(self, data: bytes, at: int) -> int:
        found = _SIZE.match(data, at, at + _LONGEST_SIZE)
        if found is None:
            if len(data) - at >= _LONGEST_SIZE or not _SIZE_BEGUN.match(data, at):
                raise BadChunk("this is not the line of a chunk")
            return at
        self._left = int(found[1], 16)
        self._next = _Next.DATA if self._left else _Next.TRAILER
        return found.end()

    def _trailer(self, data: bytes, at: int, hears: Hears) -> int:
        found = _TRAILER.match(data, at, at + self._longest)
        if found is None:
            begun = _TRAILER_BEGUN.match(data, at, at + self._longest)
            if begun and len(data) - at >= self._longest:
                raise BadChunk("a trailer is too large", 431)
            if not begun:
                raise BadChunk("this is not a trailer")
            return at
        name, value = found.groups()
        if name is None:
            self.ended = True
        else:
            hears.trailer(name, value.strip(b" \t"))
        return found.end()


def _whole_ones(data: bytes, at: int, hears: Hears) -> int:
    """Take the chunks from ``at`` on that are here from end to end, without extensions: nearly all are.
    Returns where they end."""
    while found := _PLAIN.match(data, at):
        begin = found.end()
        end = begin + int(found[1], 16)
        if begin == end or data[end : end + 2] != _LINE_END:
            break
        hears.body(data[begin:end])
        at = end + 2
    return at
