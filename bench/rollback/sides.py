"""Both applications and their users, in one loop. The new side notes when it was asked last, by whose
user."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import time
from contextlib import suppress

__all__ = ["Side", "Tunnel", "User"]

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_FRAME = b"\x81\x02ok"
_CLOSED = 0x88
_PAUSE = 0.01


class Side:
    """One application. `last` and `count`: of the requests of each machine's users, by the header they
    bring."""

    def __init__(self) -> None:
        self.last: dict[str, float] = {}
        self.count = 0
        self.port = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """On a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Take nobody new."""
        if self._server:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = (line.partition(b":") for line in head.split(b"\r\n")[1:])
                fields = {name.strip().lower(): value.strip() for name, _, value in lines}
                self.last[fields.get(b"x-machine", b"").decode()] = time.monotonic()
                self.count += 1
                if fields.get(b"upgrade", b"").lower() == b"websocket":
                    await self._talk(writer, fields[b"sec-websocket-key"])
                    return
                writer.write(_ANSWER)
        writer.close()

    async def _talk(self, writer: asyncio.StreamWriter, key: bytes) -> None:
        digest = base64.b64encode(hashlib.sha1(key + _GUID).digest())
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %b\r\n\r\n" % digest
        )
        while not writer.is_closing():
            writer.write(_FRAME)
            await asyncio.sleep(0.02)


class User:
    """A sticky user on one connection, who asks all the time. `failures`: what was not answered with 200."""

    def __init__(self, port: int, machine: str) -> None:
        self.failures: list[str] = []
        self._port = port
        self._request = (
            f"GET /orders/x HTTP/1.1\r\nHost: bench\r\nCookie: banyan_key={secrets.token_hex(16)}\r\n"
            f"X-Machine: {machine}\r\n\r\n"
        ).encode()

    async def ask(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._talk()
            except (OSError, asyncio.IncompleteReadError, ValueError) as error:
                self.failures.append(repr(error))
                await asyncio.sleep(0.05)

    async def _talk(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            while True:
                writer.write(self._request)
                head = await reader.readuntil(b"\r\n\r\n")
                if not head.startswith(b"HTTP/1.1 200"):
                    self.failures.append(head[:40].decode("ascii", "replace"))
                await reader.readexactly(2)
                await asyncio.sleep(_PAUSE)
        finally:
            writer.close()


class Tunnel:
    """A WebSocket to whichever side the gateway chooses; `closed` resolves to the moment of its close
    frame."""

    def __init__(self, port: int, machine: str) -> None:
        self._port = port
        self._machine = machine
        self.closed: asyncio.Task[float] | None = None

    async def open(self) -> None:
        """Shake hands, and listen from then on."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(
            (
                "GET /orders/ws HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"X-Machine: {self._machine}\r\nCookie: banyan_key={secrets.token_hex(16)}\r\n"
                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            ).encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101"):
            raise OSError(head[:40].decode("ascii", "replace"))
        self.closed = asyncio.create_task(self._listen(reader, writer))

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> float:
        try:
            while True:
                opcode, length = await reader.readexactly(2)
                await reader.readexactly(length)
                if opcode == _CLOSED:
                    return time.monotonic()
        finally:
            writer.close()
