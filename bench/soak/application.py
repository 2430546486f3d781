"""An application that does what it is asked: `python -m bench.soak.application PORT`.

The first segment of the path behind the feature says what: `/orders/ok/17`, `/orders/cut/18`. Knows no
gateway.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import cast

import httptools
import uvloop

SMALL = b'{"id": 17, "text": "' + b"x" * 900 + b'"}'
LARGE = b"y" * 200_000
_HEAD = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


def _whole(body: bytes, status: bytes = b"200 OK") -> bytes:
    return _HEAD % (status, len(body)) + body


def _chunked(body: bytes, size: int) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


OK = _whole(SMALL)
BIG = _chunked(LARGE, 16_000)
ERROR = _whole(b'{"error": "as you like it"}', b"500 Internal Server Error")
CUT = OK[:-400]
CUT_CHUNKED = BIG[:-1000]
BAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx"


class Application(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody connects."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()

    def on_message_begin(self) -> None:
        """The parser tells: a request."""
        self._url = b""

    def on_url(self, part: bytes) -> None:
        """The parser tells: its target."""
        self._url += part

    def on_message_complete(self) -> None:
        """The parser tells: it is whole. Do as asked."""
        word = self._url.split(b"/")[2] if self._url.count(b"/") > 1 else b"ok"
        DEEDS.get(word, Application.ok)(self)

    def say(self, data: bytes) -> None:
        """Write, if anybody still listens."""
        if not self._transport.is_closing():
            self._transport.write(data)

    def ok(self) -> None:
        """A good answer."""
        self.say(OK)

    def big(self) -> None:
        """A large one in chunks."""
        self.say(BIG)

    def slow(self) -> None:
        """A good one, after a while."""
        asyncio.get_running_loop().call_later(0.03, self.say, OK)

    def error(self) -> None:
        """A server error."""
        self.say(ERROR)

    def cut(self) -> None:
        """An answer that ends early."""
        self.say(CUT)
        self._transport.close()

    def cutchunks(self) -> None:
        """The same, in chunks."""
        self.say(CUT_CHUNKED)
        self._transport.close()

    def bad(self) -> None:
        """An answer against the rules."""
        self.say(BAD)

    def reset(self) -> None:
        """No answer at all."""
        self._transport.abort()

    def leave(self) -> None:
        """A good answer, and the connection ends behind it without a word: a keep-alive race."""
        self.say(OK)
        self._transport.close()

    def silent(self) -> None:
        """Nothing, ever."""


DEEDS: dict[bytes, Callable[[Application], None]] = {
    name.encode(): getattr(Application, name)
    for name in ("ok", "big", "slow", "error", "cut", "cutchunks", "bad", "reset", "leave", "silent")
}


async def serve(port: int) -> None:
    """Until somebody ends the process."""
    server = await asyncio.get_running_loop().create_server(Application, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
