"""An upstream that streams: `python -m bench.events PORT`. Fifty events, each in a write of its own."""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import uvloop

EVENTS = 50
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_EVENT = b"66\r\ndata: " + b"x" * 94 + b"\n\n\r\n"


class Events(asyncio.Protocol):
    """Answers whatever is asked, one request at a time."""

    def __init__(self) -> None:
        self._transport = cast(asyncio.Transport, None)
        self._left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if data.endswith(b"\r\n\r\n"):
            self._left = EVENTS
            self._transport.write(_HEAD)
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        """One event for each turn of the loop, so that each is a write of its own."""
        self._left -= 1
        self._transport.write(_EVENT if self._left else _EVENT + b"0\r\n\r\n")
        if self._left:
            asyncio.get_running_loop().call_soon(self._go_on)


async def serve(port: int) -> None:
    """Until the end of the process."""
    server = await asyncio.get_running_loop().create_server(Events, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
