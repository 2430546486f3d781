"""The way to a shadow process: bounded, and every exchange on it comes to exactly one verdict."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from flags import FULL
from gateway.capture import Capture, CaptureCounts, ExchangeChannel, FeatureCapture, Settled, encode
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

    def take(self, captured: CapturedExchange | SessionGap, size: int, intake: Intake) -> None:
        self.taken.append(captured)
        if isinstance(captured, CapturedExchange):
            self.behaviour(captured, intake)

    async def __aenter__(self) -> ShadowProcess:
        loop = asyncio.get_running_loop()
        self.server = await loop.create_unix_server(lambda: Intake(self.take, self.intakes), str(self.path))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        for intake in list(self.intakes):
            assert intake._transport is not None
            intake._transport.abort()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def capture_over(channel: ExchangeChannel, counts: CaptureCounts, **more: object) -> Capture:
    return Capture({"orders": FEATURE}, [channel], counts)


def offer(capture: Capture, times: int, method: bytes = b"POST") -> None:
    for _ in range(times):
        plan = capture.plan(Route("orders", "/a"), "key", method, Side.LEGACY, begins=False)
        if plan is not None:
            capture.offer(plan, REQUEST, ANSWER, "id")


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
        await until(lambda: len(other.taken) == 7)
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
        await until(lambda: len(other.taken) == 5)
    (tmp_path / "s").unlink(missing_ok=True)
    await until(lambda: counts.verdicts["orders", "dropped"] == 5)
    offer(capture, 3)
    assert counts.in_flight() == {"orders": 3}
    async with ShadowProcess(tmp_path / "s") as another:
        await until(lambda: len(another.taken) == 3)
        assert counts.in_flight() == {"orders": 3}
        await channel.close()
    assert counts.verdicts == {("orders", "dropped"): 8}
    assert counts.in_flight() == {"orders": 0}


async def test_full_is_dropped_and_the_session_told(tmp_path: Path) -> None:
    counts = CaptureCounts()
    channel = ExchangeChannel(str(tmp_path / "s"), counts.settled, limit=200)
    async with ShadowProcess(tmp_path / "s") as other:
        channel.start()
        await until(lambda: bool(other.intakes))
        offer(capture_over(channel, counts), 50)
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


def test_a_worker_without_shadow_processes() -> None:
    capture = Capture({"orders": FEATURE}, [], CaptureCounts())
    assert capture.plan(Route("orders", "/a"), "key", b"GET", Side.LEGACY, begins=True) is None


def test_an_answer_that_cannot_be_read_ends_the_connection(tmp_path: Path) -> None:
    counts = CaptureCounts()
    channel = ExchangeChannel(str(tmp_path / "s"), counts.settled)
    channel.data_received(b"\x00\x00\x00\x01\xc1")
    channel.data_received(encode(Settled([("orders", "match", 1)], FULL)))
    assert counts.verdicts["orders", "match"] == 1
