"""A client connection whose requests cannot be begun: a mistake of ours is told, never waited out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from gateway.core.headers import RequestFacts
from gateway.core.message import RequestHead
from gateway.wire import Downstream, KnownRequests, ListenLimits, Outbox, Sweeper
from tests.support.ports import LOOPBACK
from tests.support.stage import answer, get, post

BROKEN = b"HTTP/1.1 500 Internal Server Error\r\n"


@dataclass
class Handler:
    """Answers when it begins; ``/late`` a moment later, and ``/broken`` never gets so far."""

    client: Downstream
    path: bytes
    was_refused: int = 0
    head_only: bool = False

    def begin(self) -> None:
        if self.path == b"/broken":
            raise KeyError("a mistake of ours")
        if self.path == b"/late":
            asyncio.get_running_loop().call_later(0.05, self._answer)
        else:
            self._answer()

    def _answer(self) -> None:
        self.client.write(answer(self.path))
        self.client.finished(keep=True)

    def refused(self, status: int) -> bool:
        self.was_refused = status
        return False

    def whole(self, body: bytes) -> None: ...
    def body(self, data: bytes) -> None: ...
    def complete(self) -> None: ...
    def client_gone(self) -> None: ...
    def client_congested(self) -> None: ...
    def client_drained(self) -> None: ...
    def expired(self) -> None: ...
    def part(self) -> bool:
        return False


@dataclass
class Service:
    """A process that has nothing but handlers."""

    sweeper: Sweeper
    outbox: Outbox
    limits: ListenLimits = field(default_factory=ListenLimits)
    known: KnownRequests = field(default_factory=lambda: KnownRequests(8192))
    clients: set[Downstream] = field(default_factory=set)
    turned_away: set[Downstream] = field(default_factory=set)
    stopping: bool = False
    handlers: list[Handler] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def open(self, client: Downstream, head: RequestHead, facts: RequestFacts) -> Handler:
        self.handlers.append(Handler(client, head.target.path))
        return self.handlers[-1]

    def refused(self, status: int) -> None:
        self.statuses.append(status)

    def is_trusted(self, peer: str) -> bool:
        return False


async def _talk(sent: tuple[bytes, ...]) -> tuple[bytes, Service]:
    """All that comes back until the connection closes."""
    loop = asyncio.get_running_loop()
    service = Service(Sweeper(loop), Outbox(loop))
    server = await loop.create_server(lambda: Downstream(service), LOOPBACK, 0)
    async with server:
        reader, writer = await asyncio.open_connection(LOOPBACK, server.sockets[0].getsockname()[1])
        for data in sent:
            writer.write(data)
            await asyncio.sleep(0.01)
        try:
            return await asyncio.wait_for(reader.read(), 60), service
        finally:
            writer.close()


@pytest.mark.parametrize(
    "sent",
    [
        (get(b"/broken"),),
        (get(b"/ok"), get(b"/broken")),
        (get(b"/ok"), get(b"/late") + get(b"/broken")),
        (get(b"/late") + get(b"/broken") + get(b"/never"),),
        (post(b"body", b"/broken"),),
        (get(b"/broken", b"Content-Length: 9", method=b"POST") + b"half",),
    ],
    ids=["alone", "known fields", "known, behind another", "behind another", "with a body", "half a body"],
)
def test_a_request_that_cannot_be_begun_is_answered_with_500(
    sent: tuple[bytes, ...], caplog: pytest.LogCaptureFixture
) -> None:
    """In its turn, and the connection closes; the mistake is in the log."""
    came, service = asyncio.run(_talk(sent))
    good, _, refusal = came.partition(BROKEN)
    asked = [handler.path for handler in service.handlers if handler.path in (b"/ok", b"/late")]
    assert good == b"".join(map(answer, asked))
    assert b"application/problem+json" in refusal
    assert service.statuses == [500]
    assert [one.was_refused for one in service.handlers if one.path == b"/broken"] == [500]
    assert "a mistake of ours" in caplog.text


def test_whoever_is_told_why_is_not_hung_up_on_by_a_gateway_that_stops() -> None:
    """A client that is still sending would lose its answer to a reset: it is read on for a moment."""

    async def talk() -> tuple[bytes, list[bool]]:
        loop = asyncio.get_running_loop()
        service = Service(Sweeper(loop), Outbox(loop))
        server = await loop.create_server(lambda: Downstream(service), LOOPBACK, 0)
        async with server:
            reader, writer = await asyncio.open_connection(LOOPBACK, server.sockets[0].getsockname()[1])
            writer.write(get(b"/ok", b"Content-Length: 9", method=b"POST") + b"half")
            came = await reader.read()  # it has said all that it says, and lingers
            closing = []
            for client in list(service.clients):
                client.drain()
                closing.append(client.transport.is_closing())
            writer.close()
            await writer.wait_closed()
        return came, closing

    came, closing = asyncio.run(talk())
    assert came == answer(b"/ok")
    assert closing == [False]
