"""The fields of one request's head as they come in, by httptools' parser, within their limits. Knows no
socket.

The parser sees a head and never a body: it would stop at every Upgrade, and read one chunk's line in a way
of its own. So each head has a new one.
"""

from __future__ import annotations

from typing import Any

import httptools

from gateway.core.message import Fields
from gateway.wire.asking import Asked
from gateway.wire.limits import ListenLimits
from gateway.wire.refusal import Refusal

_EMPTY_LINE = b"\r\n\r\n"


class HeadFields:
    """``read`` until ``whole``. ``upgrades``: Upgrade and Connection both ask for it."""

    __slots__ = ("_limits", "_number", "_parser", "_size", "_tail", "fields", "upgrades", "whole")

    def __init__(self, asked: Asked, limits: ListenLimits) -> None:
        self._limits = limits
        self._size = 0
        self._number = 0
        self._tail = b"\r\n"
        self.fields: Fields = []
        self.upgrades = False
        self.whole = False
        self._parser: Any = httptools.HttpRequestParser(self)
        self._feed(asked.in_place)

    def read(self, data: bytes, at: int) -> int:
        """Read on in ``data`` from ``at``. Returns where what was read ends.

        Raises:
            Refusal: a field is not one, or beyond a limit.
        """
        end = self._end(data, at)
        self._feed(data[at:end])
        if self.whole:
            self._parser = None  # the two hold each other
        self._tail = (self._tail + data[max(at, end - 3) : end])[-3:]
        return end

    def _end(self, data: bytes, at: int) -> int:
        """Behind the empty line, or of the data. It may have begun in what was read before."""
        begun = (self._tail + data[at : at + 3]).find(_EMPTY_LINE)
        if begun >= 0:
            return at + begun + len(_EMPTY_LINE) - len(self._tail)
        found = data.find(_EMPTY_LINE, at)
        return found + len(_EMPTY_LINE) if found >= 0 else len(data)

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # it would read no further, and is not asked to
        except httptools.HttpParserError as error:
            cause = error.__context__
            if isinstance(cause, Refusal):
                raise cause from None
            raise Refusal(400, f"the request is not valid: {error}") from None

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field, from the parser."""
        self.count(name, value)
        self.fields.append((name, value.rstrip(b" \t")))  # the parser leaves what follows a value

    def on_headers_complete(self) -> None:
        """The last of them, from the parser."""
        self.upgrades = self._parser.should_upgrade()
        self.whole = True

    def count(self, name: bytes, value: bytes) -> None:
        """One more field of this request, which may be a trailer too.

        Raises:
            Refusal: it is too large, or one too many.
        """
        size = len(name) + len(value)
        self._size += size
        self._number += 1
        limits = self._limits
        if size > limits.field or self._size > limits.fields_bytes or self._number > limits.fields:
            raise Refusal(431, "a field is too large, or there are too many")
