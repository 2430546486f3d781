"""The clients of a soak: each asks, one request after the other, and remembers what it saw. Knows no counter
of the gateway.

A visitor of the feature `orders` waits for every answer; one of `leavers` opens a connection, asks, and is
gone after a moment, with a farewell or without.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections import Counter
from dataclasses import dataclass, field
from typing import Final, NamedTuple, cast

import httptools

WORDS: Final = {
    "ok": 700,
    "big": 30,
    "slow": 60,
    "error": 20,
    "cut": 20,
    "cutchunks": 10,
    "bad": 15,
    "reset": 15,
    "leave": 15,
    "silent": 1,
    "post": 60,
}
GOOD: Final = ("ok", "big", "slow", "error", "leave")
"""What the application always answers, and what may be asked twice: no answer of the gateway may stand in."""
LEAVERS: Final = 30
"""Of each thousand requests, how many are a leaver's."""
_RESET: Final = struct.pack("ii", 1, 0)
_PATIENCE: Final = 30.0


class Seen(NamedTuple):
    """What came of one request. ``status`` 0: nothing at all; ``own``: the gateway's own answer; ``whole``:
    to its end; ``goes_on``: the connection may be used again."""

    status: int
    own: bool
    whole: bool
    goes_on: bool


@dataclass
class Tally:
    """What all visitors saw."""

    asked: Counter[str] = field(default_factory=Counter)
    classes: Counter[str] = field(default_factory=Counter)
    own: Counter[str] = field(default_factory=Counter)
    cut: int = 0
    lost: list[str] = field(default_factory=list)
    left: int = 0

    @property
    def requests(self) -> int:
        """Everything that was asked."""
        return self.asked.total() + self.left

    def note(self, word: str, seen: Seen) -> None:
        """One more answer."""
        self.asked[word] += 1
        if not seen.status:
            self.lost.append(word)
            return
        self.classes[f"{seen.status // 100}xx"] += 1
        self.own[word] += seen.own
        self.cut += not seen.whole


class Visit(asyncio.Protocol):
    """One connection to the gateway."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._parser = httptools.HttpResponseParser(self)
        self._waiting: asyncio.Future[Seen] | None = None
        self._status = 0
        self._own = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self._transport = cast(asyncio.Transport, transport)

    async def ask(self, request: bytes) -> Seen:
        """Send a request and wait for what comes of it."""
        self._status, self._own = 0, False
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        async with asyncio.timeout(_PATIENCE):
            return await self._waiting

    def data_received(self, data: bytes) -> None:
        """Read on."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._end(whole=False)
            self._transport.abort()

    def on_header(self, name: bytes, value: bytes) -> None:
        """The parser tells: a field."""
        self._own = self._own or name.lower() == b"proxy-status"

    def on_headers_complete(self) -> None:
        """The parser tells: the head is whole."""
        self._status = self._parser.get_status_code()

    def on_message_complete(self) -> None:
        """The parser tells: the answer is whole."""
        self._end(whole=True)

    def connection_lost(self, exc: Exception | None) -> None:
        """The gateway has closed."""
        self._end(whole=False)

    def _end(self, *, whole: bool) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(Seen(self._status, self._own, whole, self._parser.should_keep_alive()))

    def close(self) -> None:
        """Go."""
        self._transport.close()


class Visitors:
    """``total`` requests by ``many`` visitors side by side."""

    def __init__(self, port: int, total: int, many: int, seed: int) -> None:
        self._port = port
        self._left = total
        self._many = many
        self._seed = seed
        self.tally = Tally()

    async def run(self) -> None:
        """Until everything was asked."""
        async with asyncio.TaskGroup() as group:
            for number in range(self._many):
                group.create_task(self._visit(random.Random(self._seed * 1_000_003 + number), number))

    async def _visit(self, chance: random.Random, number: int) -> None:
        words, weights = list(WORDS), list(WORDS.values())
        connection: Visit | None = None
        while self._left > 0:
            self._left -= 1
            if chance.randrange(1000) < LEAVERS:
                await self._leave(chance)
                continue
            (word,) = chance.choices(words, weights)
            if connection is None:
                connection = await self._connect()
            seen = await connection.ask(request("orders", word, number))
            self.tally.note(word, seen)
            if not (seen.goes_on and seen.whole):
                connection.close()
                connection = None
        if connection is not None:
            connection.close()

    async def _connect(self) -> Visit:
        loop = asyncio.get_running_loop()
        _, visit = await loop.create_connection(Visit, "127.0.0.1", self._port)
        return visit

    async def _leave(self, chance: random.Random) -> None:
        """Ask and go, before the answer or behind it."""
        loop = asyncio.get_running_loop()
        with socket.socket() as client:
            client.setblocking(False)
            await loop.sock_connect(client, ("127.0.0.1", self._port))
            word = chance.choice(("ok", "big", "slow", "post"))
            await loop.sock_sendall(client, request("leavers", word, 0))
            self.tally.left += 1
            if chance.random() < 0.7:
                await asyncio.sleep(chance.random() * 0.05)
            if chance.random() < 0.5:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


def request(feature: str, word: str, number: int) -> bytes:
    """One request as bytes. What is posted is not repeated by anybody."""
    head = b"%b /%b/%b/%d HTTP/1.1\r\nHost: soak.test\r\nCookie: banyan_key=%032x\r\n"
    method, path = (b"POST", b"ok") if word == "post" else (b"GET", word.encode())
    begin = head % (method, feature.encode(), path, number, number + 1)
    return begin + (b"Content-Length: 2000\r\n\r\n" + b"z" * 2000 if word == "post" else b"\r\n")
