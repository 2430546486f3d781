"""What is written in one turn of the loop goes out at its end, in order; who speaks first answers nothing."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from gateway.core.failure import Failure, Phase, Reason
from gateway.wire import KnownAnswers, Outbox, Upstream, UpstreamLimits

LARGE = b"x" * 100_000


class Writer:
    """Remembers what it wrote, among others."""

    def __init__(self, name: str, written: list[tuple[str, bytes]]) -> None:
        self.name, self.written = name, written

    def write_now(self, data: bytes) -> None:
        self.written.append((self.name, data))


async def test_it_goes_out_at_the_end_of_the_turn_in_order() -> None:
    written: list[tuple[str, bytes]] = []
    outbox, one, other = (
        Outbox(asyncio.get_running_loop()),
        Writer("one", written),
        Writer("other", written),
    )
    outbox.put(one, b"1")
    outbox.put(other, b"2")
    outbox.put(one, b"3")
    assert written == []
    await asyncio.sleep(0)
    assert written == [("one", b"1"), ("other", b"2"), ("one", b"3")]
    outbox.put(one, b"4")
    await asyncio.sleep(0)
    assert written[3:] == [("one", b"4")]


async def test_pieces_for_the_same_one_are_written_together() -> None:
    written: list[tuple[str, bytes]] = []
    outbox, one, other = (
        Outbox(asyncio.get_running_loop()),
        Writer("one", written),
        Writer("other", written),
    )
    for writer, data in ((one, b"1"), (one, b"2"), (other, b"3"), (one, b"4"), (one, b"5")):
        outbox.put(writer, data)
    outbox.flush()
    assert written == [("one", b"12"), ("other", b"3"), ("one", b"45")]


async def test_no_more_than_a_bound_waits() -> None:
    written: list[tuple[str, bytes]] = []
    outbox, one = Outbox(asyncio.get_running_loop()), Writer("one", written)
    for _ in range(10):
        outbox.put(one, LARGE[:50_000])
    assert sum(len(data) for _, data in written) >= 250_000


async def test_one_that_cannot_be_written_to_costs_the_others_nothing() -> None:
    class Broken(Writer):
        def write_now(self, data: bytes) -> None:
            raise RuntimeError("the connection is gone")

    written: list[tuple[str, bytes]] = []
    outbox = Outbox(asyncio.get_running_loop())
    outbox.put(Broken("broken", written), b"1")
    outbox.put(Writer("one", written), b"2")
    outbox.flush()
    assert written == [("one", b"2")]


async def test_what_is_large_does_not_wait_and_overtakes_nothing() -> None:
    written: list[tuple[str, bytes]] = []
    outbox, one = Outbox(asyncio.get_running_loop()), Writer("one", written)
    outbox.put(one, b"1")
    outbox.put(one, LARGE)
    assert written == [("one", b"1"), ("one", LARGE)]
    outbox.put(one, b"2")
    outbox.flush()
    assert written[2:] == [("one", b"2")]
    await asyncio.sleep(0)
    assert len(written) == 3


class Transport:
    """A connection that does nothing but remember."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = False

    def set_write_buffer_limits(self, high: int) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, _: str) -> None: ...

    def write(self, data: bytes) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def abort(self) -> None:
        self.closed = True


class Receiver:
    """Waits for an answer."""

    def __init__(self) -> None:
        self.failures: list[Failure] = []
        self.told: list[str] = []

    def failed(self, failure: Failure) -> None:
        self.failures.append(failure)

    def __getattr__(self, name: str) -> Any:
        return lambda *_: self.told.append(name)


class Pool:
    """Has connections back, or forgets them."""

    def __init__(self, outbox: Outbox) -> None:
        self.known, self.outbox = KnownAnswers(), outbox
        self.limits = UpstreamLimits()
        self.back: list[Upstream] = []

    def put_back(self, upstream: Upstream) -> None:
        self.back.append(upstream)

    def forget(self, upstream: Upstream) -> None: ...


def asked(pool: Pool) -> tuple[Upstream, Transport, Receiver]:
    """A connection on which a request is about to go out."""
    upstream, transport, receiver = Upstream(cast("Any", pool)), Transport(), Receiver()
    upstream.connection_made(cast("Any", transport))
    upstream.start(cast("Any", receiver), head_only=False)
    upstream.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n")
    return upstream, transport, receiver


async def test_an_application_that_speaks_before_it_was_asked_has_not_answered() -> None:
    """It closes an idle connection with 408, in the very turn in which a request was to go out on it: nobody
    gets that for an answer, and the request, which was never written, has reached nobody.
    """
    upstream, transport, receiver = asked(Pool(Outbox(asyncio.get_running_loop())))
    upstream.data_received(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
    await asyncio.sleep(0)
    assert receiver.failures == [Failure(Phase.CONNECT, Reason.CLOSED_EARLY, receiver.failures[0].detail)]
    assert receiver.told == []
    assert transport.closed
    assert transport.written == b""


async def test_a_connection_that_ends_before_it_was_asked_has_reached_nobody() -> None:
    upstream, _, receiver = asked(Pool(Outbox(asyncio.get_running_loop())))
    upstream.connection_lost(None)
    assert [failure.phase for failure in receiver.failures] == [Phase.CONNECT]


async def test_a_connection_on_which_something_waits_is_nobody_elses() -> None:
    """The answer came before the whole of the request was written."""
    pool = Pool(Outbox(asyncio.get_running_loop()))
    upstream, transport, receiver = asked(pool)
    pool.outbox.flush()
    upstream.send(b"ab")
    upstream.data_received(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
    assert receiver.told[-1] == "end"
    upstream.release()
    assert pool.back == []
    assert transport.closed
    other, _, _ = asked(pool)
    pool.outbox.flush()
    other.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    other.release()
    assert pool.back == [other]
