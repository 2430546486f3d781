"""The way to a shadow process: bounded, and every exchange on it comes to exactly one verdict."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from flags import FULL
from gateway.capture import (
    AllSaid,
    Capture,
    CaptureCounts,
    Captured,
    ExchangeChannel,
    FeatureCapture,
    Settled,
    WriteBegan,
    encode,
)
from gateway.capture.exchange import CapturedExchange, SessionGap, decode
from gateway.core.decision import Side
from gateway.core.route import Route
from gateway.shadowing import Intake
from shadow import Observation, RequestSnapshot

REQUEST = RequestSnapshot("POST", "/a", (), b"")
ANSWER = Observation("legacy", 200, (), b"{}")
FEATURE = FeatureCapture(FULL, frozenset(Side), writes=True)


class ShadowProcess:
    """The other end, doing what a test says."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.taken: list[object] = []
        self.intakes: set[Intake] = set()
        self.behaviour: Callable[[CapturedExchange, Intake], None] = lambda _, __: None

    def take(self, captured: Captured | AllSaid, size: int, intake: Intake) -> None:
        self.taken.append(captured)
        if isinstance(captured, CapturedExchange):
            self.behaviour(captured, intake)

    @property
    def exchanges(self) -> int:
        """How many came, without the words about sessions."""
        return sum(isinstance(one, CapturedExchange) for one in self.taken)

    async def __aenter__(self) -> ShadowProcess:
        loop = asyncio.get_running_loop()
        self.server = await loop.create_unix_server(
            lambda: Intake(self.take, self.intakes, lambda _: None), str(self.path)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        for intake in list(self.intakes):
            assert intake._transport is not None
            intake._transport.abort()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def capture_over(channel: ExchangeChannel, counts: CaptureCounts, **more: object) -> Capture:
    return Capture({"orders": FEATURE}, [channel], counts)


def offer(capture: Capture, times: int, method: bytes = b"POST", answer: Observation = ANSWER) -> None:
    for _ in range(times):
        plan = capture.plan(Route("orders", "/a"), "key", method, Side.LEGACY, begins=False)
        if plan is not None:
            capture.offer(plan, REQUEST, answer, "id")


def test_frames_there_and_back() -> None:
    exchange = CapturedExchange("id", "orders", "/a", "key", True, 1.0, REQUEST, ANSWER)
    assert decode(encode(exchange)[4:]) == exchange
    assert decode(encode(SessionGap("key", "why"))[4:]) == SessionGap("key", "why")


async def test_verdicts_come_back_and_add_up(tmp_path: Path) -> None:
    counts = CaptureCounts()
    channel = ExchangeChannel(str(tmp_path / "s"), counts.settled)
    async with ShadowProcess(tmp_path / "s") as other:
        other.behaviour = lambda captured, intake: intake.settle(captured.feature, "match")
        channel.start()
        offer(capture_over(channel, counts), 7)
        assert counts.in_flight() == {"orders": 7}
        await until(lambda: other.exchanges == 7)
        for intake in other.intakes:
            intake.tell(FULL)
        await until(lambda: counts.in_flight() == {"orders": 0})
        assert counts.verdicts == {("orders", "match"): 7}
        await channel.close()


async def test_what_a_dead_process_held_was_dropped(tmp_path: Path) -> None:
    """And only that: what waits for the next one is still in flight."""
    counts = CaptureCounts()
    channel = ExchangeChannel(str(tmp_path / "s"), counts.settled)
    capture = capture_over(channel, counts)
    async with ShadowProcess(tmp_path / "s") as other:
        channel.start()
        offer(capture, 5)
        await until(lambda: other.exchanges == 5)
    (tmp_path / "s").unlink(missing_ok=True)
    await until(lambda: counts.verdicts["orders", "dropped"] == 5)
    offer(capture, 3)
    assert counts.in_flight() == {"orders": 3}
    async with ShadowProcess(tmp_path / "s") as another:
        await until(lambda: another.exchanges == 3)
        assert counts.in_flight() == {"orders": 3}
        await channel.close()
    assert counts.verdicts == {("orders", "dropped"): 8}
    assert counts.in_flight() == {"orders": 0}


async def test_a_large_exchange_goes_at_once_and_is_accounted_for(tmp_path: Path) -> None:
    """It waits for no others; nobody will ever say what became of it, so it was dropped."""
    counts = CaptureCounts()
    channel = ExchangeChannel(str(tmp_path / "s"), counts.settled)
    async with ShadowProcess(tmp_path / "s") as other:
        channel.start()
        await until(lambda: bool(other.intakes))
        large = CapturedExchange(
            "id", "orders", "/a", "key", True, 1.0, REQUEST, replace(ANSWER, body=b"x" * 300_000)
        )
        assert channel.send(encode(large), "orders")
        await until(lambda: len(other.taken) == 1)
    await until(lambda: counts.verdicts["orders", "dropped"] == 1)
    await channel.close()
    assert counts.verdicts == {("orders", "dropped"): 1}


async def test_full_is_dropped_and_the_session_told(tmp_path: Path) -> None:
    counts = CaptureCounts()
    channel = ExchangeChannel(str(tmp_path / "s"), counts.settled, limit=200_000)
    async with ShadowProcess(tmp_path / "s") as other:
        channel.start()
        await until(lambda: bool(other.intakes))
        offer(capture_over(channel, counts), 50, answer=replace(ANSWER, body=b"x" * 100_000))
        await until(lambda: any(isinstance(one, SessionGap) for one in other.taken))
        assert counts.outcomes["orders", "dropped"] + counts.outcomes["orders", "sent"] == 50
        assert counts.verdicts["orders", "dropped"] == counts.outcomes["orders", "dropped"] > 0
        await channel.close()


@pytest.mark.parametrize("level", [FULL, FULL // 2, 100])
async def test_the_level_of_the_other_end_counts(tmp_path: Path, level: int) -> None:
    counts = CaptureCounts()
    channel = ExchangeChannel(str(tmp_path / "s"), counts.settled)
    capture = capture_over(channel, counts)
    async with ShadowProcess(tmp_path / "s") as other:
        channel.start()
        await until(lambda: bool(other.intakes))
        for intake in other.intakes:
            intake.tell(level)
        await until(lambda: channel.level == level)
        route = Route("orders", "/a")
        planned = [capture.plan(route, f"k{n}", b"GET", Side.LEGACY, begins=True) for n in range(2000)]
        share = sum(plan is not None for plan in planned) / 2000
        assert abs(share - level / FULL) < 0.05
        assert counts.outcomes["orders", "not_sampled"] == sum(plan is None for plan in planned)
        await channel.close()


async def test_a_write_that_is_not_shadowed_is_told(tmp_path: Path) -> None:
    """It has changed the session on one side only."""
    counts = CaptureCounts()
    channel = ExchangeChannel(str(tmp_path / "s"), counts.settled)
    capture = Capture({"orders": FeatureCapture(FULL, frozenset(Side), writes=False)}, [channel], counts)
    async with ShadowProcess(tmp_path / "s") as other:
        channel.start()
        await until(lambda: bool(other.intakes))
        offer(capture, 1)
        await until(lambda: bool(other.taken))
        assert isinstance(other.taken[0], SessionGap)
        assert counts.in_flight() == Counter()
        await channel.close()


async def test_what_is_said_before_anybody_is_there_is_said_first(tmp_path: Path) -> None:
    """A write that begins while the shadow process is still starting is known of all the same."""
    counts = CaptureCounts()
    channel = ExchangeChannel(str(tmp_path / "s"), counts.settled)
    channel.start()
    offer(capture_over(channel, counts), 1)
    async with ShadowProcess(tmp_path / "s") as other:
        await until(lambda: other.exchanges == 1)
        assert [type(one) for one in other.taken] == [WriteBegan, CapturedExchange]
        await channel.close()


async def test_another_process_is_told_which_sessions_it_does_not_know(tmp_path: Path) -> None:
    """Those that wrote before it came, and before anything else: what they are on the other side died with
    the process before."""
    counts = CaptureCounts()
    channel = ExchangeChannel(str(tmp_path / "s"), counts.settled)
    capture = capture_over(channel, counts)
    channel.to_another = lambda: capture.to_another(channel)
    async with ShadowProcess(tmp_path / "s") as other:
        channel.start()
        offer(capture, 2)
        await until(lambda: other.exchanges == 2)
    (tmp_path / "s").unlink(missing_ok=True)
    await until(lambda: counts.verdicts["orders", "dropped"] == 2)
    offer(capture, 1, b"GET")
    async with ShadowProcess(tmp_path / "s") as another:
        await until(lambda: another.exchanges == 1)
        first, *rest = another.taken
        assert isinstance(first, SessionGap)
        assert first.key == "key"
        assert [type(one) for one in rest] == [CapturedExchange]
        await channel.close()


async def test_a_question_is_answered_behind_all_that_was_to_be_said(tmp_path: Path) -> None:
    counts = CaptureCounts()
    channel = ExchangeChannel(str(tmp_path / "s"), counts.settled)
    async with ShadowProcess(tmp_path / "s") as other:
        channel.start()
        await until(lambda: bool(other.intakes))
        (intake,) = other.intakes
        assert intake.pid == os.getpid()
        intake.ask(7)
        await asyncio.sleep(0)
        offer(capture_over(channel, counts), 1)
        await until(lambda: AllSaid(7) in other.taken)
        assert other.exchanges == 1
        await channel.close()


def test_a_worker_without_shadow_processes() -> None:
    capture = Capture({"orders": FEATURE}, [], CaptureCounts())
    assert capture.plan(Route("orders", "/a"), "key", b"GET", Side.LEGACY, begins=True) is None


def test_an_answer_that_cannot_be_read_ends_the_connection(tmp_path: Path) -> None:
    counts = CaptureCounts()
    channel = ExchangeChannel(str(tmp_path / "s"), counts.settled)
    channel.data_received(b"\x00\x00\x00\x01\xc1")
    channel.data_received(encode(Settled([("orders", "match", 1)], FULL)))
    assert counts.verdicts["orders", "match"] == 1


class Deaf(asyncio.Protocol):
    """A process that hangs: it takes the connection, and nothing that comes on it."""

    def __init__(self) -> None:
        self.connections = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.connections += 1
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()


def held(channel: ExchangeChannel) -> int:
    written = channel._transport.get_write_buffer_size() if channel._transport else 0
    return written + channel._batch_size


async def test_words_for_a_process_that_hangs_are_bounded(tmp_path: Path) -> None:
    """It is hung up on. The books stay exact, and whoever comes in its place is told of every session that
    wrote."""
    path, limit, deaf = tmp_path / "s", 50_000, Deaf()
    counts = CaptureCounts()
    channel = ExchangeChannel(str(path), counts.settled, limit)
    capture = capture_over(channel, counts)
    channel.to_another = lambda: capture.to_another(channel)
    server = await asyncio.get_running_loop().create_unix_server(lambda: deaf, str(path))
    channel.start()
    await until(lambda: deaf.connections == 1)
    most = 0
    for number in range(30_000):
        offer(capture, 1)
        if number % 200 == 0:  # several rounds of the loop: what is gathered goes out
            await asyncio.sleep(0.005)
        most = max(most, held(channel))
    assert most <= 2 * limit
    await until(lambda: deaf.connections > 1)
    offered = counts.outcomes["orders", "eligible"]
    assert offered == 30_000
    assert counts.verdicts["orders", "dropped"] + counts.in_flight()["orders"] == offered
    server.close()
    path.unlink(missing_ok=True)
    async with ShadowProcess(path) as other:
        if channel._transport is not None:  # not hung up on once more already
            channel._transport.abort()  # as when the process is killed
        await until(lambda: bool(other.taken))
        assert isinstance(other.taken[0], SessionGap)
        await channel.close()
    assert counts.in_flight() == {"orders": 0}


async def test_words_that_nobody_was_there_to_take_are_told_by_telling_all(tmp_path: Path) -> None:
    counts = CaptureCounts()
    channel = ExchangeChannel(str(tmp_path / "s"), counts.settled, limit=1000)
    capture = capture_over(channel, counts)
    channel.to_another = lambda: capture.to_another(channel)
    offer(capture, 100)
    assert held(channel) <= 2000
    async with ShadowProcess(tmp_path / "s") as other:
        channel.start()
        await until(lambda: bool(other.taken))
        assert other.taken[0] == SessionGap("key", "the shadow process that knew the session has ended")
        await channel.close()
