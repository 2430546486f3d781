"""Who gets a connection, and what is known of it."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, cast

import pytest

from gateway.core.failure import Failure, Reason
from gateway.wire import Sweeper, Upstream, UpstreamLimits, UpstreamPool
from tests.support.ports import LOOPBACK


class Receiver:
    """Waits for a connection."""

    def __init__(self) -> None:
        self.upstream: asyncio.Future[Upstream] = asyncio.get_running_loop().create_future()

    def connected(self, upstream: Upstream) -> None:
        self.upstream.set_result(upstream)

    def failed(self, failure: Failure) -> None:
        self.upstream.set_exception(ConnectionError(failure.reason))


async def test_a_connection_that_is_handed_on_has_not_rested() -> None:
    """If it dies now, that was not of old age, whatever lay between the two answers before."""
    loop = asyncio.get_running_loop()
    sweeper = Sweeper(loop)
    server = await loop.create_server(asyncio.Protocol, LOOPBACK, 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        pool = UpstreamPool(LOOPBACK, port, UpstreamLimits(connections=1), sweeper)
        receivers = [Receiver() for _ in range(3)]
        first, second, third = (cast("Any", receiver) for receiver in receivers)
        pool.ask(first)
        upstream = await first.upstream
        pool.put_back(upstream)
        assert upstream.used == 1, "it may be stale now, though its first client left before it asked"
        sweeper.now += 1.5
        pool.ask(second)
        assert second.upstream.result() is upstream
        assert upstream.rested
        pool.ask(third)
        pool.put_back(upstream)
        assert third.upstream.result() is upstream
        assert not upstream.rested
        pool.close()
        await asyncio.sleep(0)


@pytest.mark.parametrize(("idled", "rested"), [(0.9, False), (1.1, True)])
async def test_a_connection_rests_longer_than_a_busy_machine_stands_still(idled: float, rested: bool) -> None:
    """One that dies sooner died with its application, and the repeat goes to the other side."""
    loop = asyncio.get_running_loop()
    sweeper = Sweeper(loop)
    server = await loop.create_server(asyncio.Protocol, LOOPBACK, 0)
    async with server:
        pool = UpstreamPool(LOOPBACK, server.sockets[0].getsockname()[1], UpstreamLimits(), sweeper)
        first, second = Receiver(), Receiver()
        pool.ask(cast("Any", first))
        upstream = await first.upstream
        pool.put_back(upstream)
        sweeper.now += idled
        pool.ask(cast("Any", second))
        assert second.upstream.result() is upstream
        assert upstream.rested is rested
        pool.close()
        await asyncio.sleep(0)


async def test_whoever_waits_is_told_whatever_a_connection_cannot_be_tried_for() -> None:
    """A host that is none fails with no error of the system; its place is free again."""
    pool = UpstreamPool("a..b", 80, UpstreamLimits(connections=1), Sweeper(asyncio.get_running_loop()))
    for _ in range(2):
        receiver = Receiver()
        pool.ask(cast("Any", receiver))
        with pytest.raises(ConnectionError, match=Reason.CONNECT_REFUSED):
            await asyncio.wait_for(receiver.upstream, 60)
    assert pool.size == 0


async def test_a_refusal_does_not_speak_for_a_side_that_hangs() -> None:
    """Else it would be called down, and not silent, for as long as it hangs."""
    loop = asyncio.get_running_loop()
    full = socket.socket()
    full.bind((LOOPBACK, 0))
    limits = UpstreamLimits(refused_for=1e-9, connect_timeout=0.2)
    pool = UpstreamPool(LOOPBACK, full.getsockname()[1], limits, Sweeper(loop))

    async def asks() -> str:
        receiver = Receiver()
        pool.ask(cast("Any", receiver))
        await asyncio.wait([receiver.upstream])
        return str(receiver.upstream.exception() or "connected")

    assert await asks() == str(Reason.CONNECT_REFUSED)
    full.listen(0)
    taken = [socket.socket() for _ in range(8)]
    try:
        for one in taken:  # the system takes one or two; the others, and whoever comes now, wait
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        await asyncio.sleep(0.1)
        assert await asks() == str(Reason.CONNECT_TIMEOUT)
        assert set(await asyncio.gather(asks(), asks())) == {str(Reason.CONNECT_TIMEOUT)}
    finally:
        for one in (*taken, full):
            one.close()


async def test_a_refusal_speaks_for_those_who_ask_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """And only where that was wanted, and until somebody is there again."""
    loop = asyncio.get_running_loop()
    nobody_listens = socket.socket()
    nobody_listens.bind((LOOPBACK, 0))
    port = nobody_listens.getsockname()[1]

    async def asks(pool: UpstreamPool) -> tuple[bool, str]:
        """Whether the answer was there at once, and what it was."""
        receiver = Receiver()
        pool.ask(cast("Any", receiver))
        at_once = receiver.upstream.done()
        await asyncio.wait([receiver.upstream])
        return at_once, str(receiver.upstream.exception() or "connected")

    refused = str(Reason.CONNECT_REFUSED)
    patient = UpstreamPool(LOOPBACK, port, UpstreamLimits(refused_for=3600), Sweeper(loop))
    assert [await asks(patient) for _ in range(3)] == [(False, refused), (True, refused), (True, refused)]
    short = UpstreamPool(LOOPBACK, port, UpstreamLimits(refused_for=1e-9), Sweeper(loop))
    plain = UpstreamPool(LOOPBACK, port, UpstreamLimits(), Sweeper(loop))
    for pool in (short, plain):
        assert [await asks(pool) for _ in range(2)] == [(False, refused)] * 2
    knocks = await asyncio.gather(*(asks(short) for _ in range(3)))
    assert knocks == [(False, refused), (True, refused), (True, refused)], "one at a time"
    assert await asyncio.gather(*(asks(plain) for _ in range(3))) == [(False, refused)] * 3
    few = UpstreamPool(LOOPBACK, port, UpstreamLimits(refused_for=3600, connections=1), Sweeper(loop))
    tried: list[UpstreamPool] = []
    opened = UpstreamPool._opened

    async def counted(pool: UpstreamPool) -> Upstream:
        tried.append(pool)
        return await opened(pool)

    with monkeypatch.context() as patched:
        patched.setattr(UpstreamPool, "_opened", counted)
        assert await asyncio.gather(*(asks(few) for _ in range(5))) == [(False, refused)] * 5
    assert tried == [few], "those in the line do not try"
    server = await loop.create_server(asyncio.Protocol, sock=nobody_listens)
    async with server:
        for pool in (short, plain):
            assert await asks(pool) == (False, "connected")
            pool.close()
        await asyncio.sleep(0)
