"""The fields of one request's head as they come in, by httptools' parser, within their limits. Knows no
socket.

The parser sees heads and never a body: it would stop at every Upgrade, and has its own way with the line of a
chunk. So behind a head at which its message does not end, there is a new parser.
"""

from __future__ import annotations

from typing import Any

import httptools

from gateway.core.message import Fields
from gateway.wire.asking import Asked
from gateway.wire.limits import ListenLimits
from gateway.wire.refusal import Refusal, our_mistake

_EMPTY_LINE = b"\r\n\r\n"


class HeadFields:
    """``begin`` it with a line, then ``read`` until it is ``whole``."""

    __slots__ = (
        "_between",
        "_limits",
        "_number",
        "_parser",
        "_size",
        "_tail",
        "_unfed",
        "fields",
        "whole",
    )

    def __init__(self, limits: ListenLimits) -> None:
        self._limits = limits
        self._parser: Any = None
        self._between = False
        self._size = self._number = 0
        self._tail = self._unfed = b""
        self.fields: Fields = []
        self.whole = True

    def begin(self, asked: Asked) -> None:
        """The line has been read."""
        self._size = self._number = 0
        self._tail, self._unfed = b"\r\n", asked.in_place
        self.fields = []
        self.whole = False
        if not self._between:
            self._parser = httptools.HttpRequestParser(self)
        self._between = False

    def read(self, data: bytes, at: int) -> int:
        """Read on in ``data`` from ``at``. Returns where what was read ends.

        Raises:
            Refusal: a field is not one, or beyond a limit.
        """
        end = self._end(data, at)
        piece = data[at:end]
        self._feed(self._unfed + piece)
        self._unfed = b""
        if not self.whole:
            self._tail = (self._tail + piece)[-3:]
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
            pass  # no byte behind the head was fed
        except httptools.HttpParserError as error:
            cause = error.__context__
            if isinstance(cause, Refusal):
                raise cause from None
            if isinstance(error, httptools.HttpParserCallbackError):
                raise our_mistake(cause) from None
            raise Refusal(400, f"the request is not valid: {error}") from None

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field, from the parser."""
        size = len(name) + len(value)
        self._size += size
        self._number += 1
        limits = self._limits
        if size > limits.field or self._size > limits.fields_bytes or self._number > limits.fields:
            raise Refusal(431, "a field is too large, or there are too many")
        self.fields.append((name, value.rstrip(b" \t")))  # the parser leaves what follows a value

    def on_headers_complete(self) -> None:
        """The last of them, from the parser."""
        self.whole = True

    def on_message_complete(self) -> None:
        """The parser expects another message, unless it thinks that this was the last."""
        self._between = self._parser.should_keep_alive()

    def trailer(self, name: bytes, value: bytes) -> None:
        """One more field of the same request, behind its body. It counts as the others do.

        Raises:
            Refusal: it is too large, or one too many.
        """
        self.on_header(name, value)
