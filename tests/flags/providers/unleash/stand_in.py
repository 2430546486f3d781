"""A server that says what a test wants, also what a real one never would."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

Answer = Callable[[asyncio.StreamWriter], object]


def whole(body: bytes, status: str = "200 OK", etag: str = "") -> bytes:
    """A whole answer as bytes."""
    tag = f"ETag: {etag}\r\n" if etag else ""
    head = f"HTTP/1.1 {status}\r\n{tag}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


class StandIn:
    """`answer`: bytes to send, or None to say nothing at all; `slowly`: a byte now and then, for ever."""

    def __init__(self) -> None:
        self.answer: bytes | None = whole(b"{}")
        self.slowly = False
        self.asked: list[bytes] = []
        self.url = ""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.asked.append(await reader.readuntil(b"\r\n\r\n"))
            if self.answer is None:
                await reader.read()
            elif self.slowly:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                while True:
                    writer.write(b" ")
                    await writer.drain()
                    await asyncio.sleep(0.02)
            else:
                writer.write(self.answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def stand_in() -> AsyncIterator[StandIn]:
    """One that listens."""
    made = StandIn()
    server = await asyncio.start_server(made._serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
