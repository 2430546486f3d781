"""An exchange that nothing can be made of costs one verdict: it is settled, and its lane goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from gateway.capture import CapturedExchange, SessionGap, WriteBegan
from gateway.config import Config, load_config
from gateway.courtesy import GivingWay
from gateway.shadow_process import ShadowProcess
from gateway.shadowing import Intake, SessionSample, TookTooLong
from golden import GoldenIndex, JourneyState, Recording
from golden.body import NO_BODY
from golden.recording import Answer
from golden.step import Step
from shadow import Observation, RequestSnapshot
from tests.gateway.running import write_config

REQUEST = RequestSnapshot("POST", "/api/orders/1", ((b"host", b"a"),), b"", False)
EXCHANGE = CapturedExchange(
    "id",
    "orders",
    "/api/orders/*",
    "user",
    True,
    2.0,
    REQUEST,
    Observation("legacy", 200, (), b""),
    began=1.0,
)


class Worker:
    """Whoever wants to know the verdicts."""

    def __init__(self) -> None:
        self.settled: list[str] = []

    def settle(self, feature: str, verdict: str) -> None:
        self.settled.append(f"{feature}: {verdict}")


def prepared(folder: Path) -> Config:
    """A configuration whose state folder is there."""
    config = load_config(write_config(folder), {})
    Path(config.state.dir).mkdir()
    return config


def broken(*_: Any, **__: Any) -> Any:
    raise RuntimeError("nobody thought of this one")


@pytest.mark.parametrize("place", ["session", "route"])
async def test_one_that_cannot_even_be_placed_is_undetermined_and_its_session_lost(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = ShadowProcess(prepared(tmp_path), 0, tmp_path)
    parts, worker = process._parts, Worker()
    find = parts.mirrors.find
    if place == "session":
        monkeypatch.setattr(parts.mirrors, "find", broken)
    else:
        monkeypatch.setattr(process._pipeline._templates, "of", broken)
    parts.writes.begin("user", 1.0, worker)
    for _ in range(2):
        process.take(EXCHANGE, 100, cast(Intake, worker))
    async with asyncio.timeout(60):
        await process._lanes.idle()
    assert worker.settled == ["orders: undetermined"] * 2
    assert len(parts.writes) == 0
    assert not find("user", REQUEST, True, 3.0).known_from_start
    process._explainer.close()
    process._keeper.close()


async def test_a_worker_that_dies_in_the_middle_of_a_write_leaves_its_session_unknown(tmp_path: Path) -> None:
    """Whether the write took effect, only that worker knew. Another one's session is what it was."""
    process = ShadowProcess(prepared(tmp_path), 0, tmp_path)
    find = process._parts.mirrors.find
    dying, other = process._intake(), process._intake()
    process.take(WriteBegan("ann", 1.0), 10, dying)
    process.take(WriteBegan("bob", 1.0), 10, other)
    dying.connection_lost(None)
    assert not find("ann", REQUEST, True, 3.0).known_from_start
    assert find("bob", REQUEST, True, 3.0).known_from_start
    assert len(process._parts.writes) == 1
    process._explainer.close()
    process._keeper.close()


async def test_users_requests_go_first_before_each_piece_of_work(tmp_path: Path) -> None:
    """Once before the other side is asked, once before its answer, or that there is none, is looked at."""
    process = ShadowProcess(prepared(tmp_path), 0, tmp_path)
    worker, gave = Worker(), []
    assert isinstance(process._parts.give_way, GivingWay)
    process._parts.give_way = lambda: gave.append(len(worker.settled))
    for at in range(2):
        process.take(_captured(at, LOOK), 100, cast(Intake, worker))
    async with asyncio.timeout(60):
        await process._lanes.idle()
    assert worker.settled == ["orders: shadow_error"] * 2
    assert gave == [0, 0, 1, 1]
    process._explainer.close()
    process._keeper.close()


LOOK = RequestSnapshot("GET", "/api/orders/1", ((b"host", b"a"),), b"", False)


def _captured(at: int, request: RequestSnapshot) -> CapturedExchange:
    answer = Observation("legacy", 404 if at else 200, (), b"")
    return msgspec.structs.replace(
        EXCHANGE, begins=not at, began=2.0 * at + 1, at=2.0 * at + 2, request=request, answer=answer
    )


async def held_to_it(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    between: RequestSnapshot | SessionGap | Callable[[ShadowProcess], None],
) -> list[int]:
    """A session looks, ``between`` comes or happens, and it looks again: the answers (by their status) that
    were held to the recording of a first look.
    """
    case = folder / "goldens" / "shop"
    case.mkdir(parents=True)
    (case / "01-look.json").write_text(
        Recording("shop", Step(1, "look", "GET", "/api/orders/1"), Answer(200, (), NO_BODY)).to_text()
    )
    process = ShadowProcess(prepared(folder), 0, folder)
    process._parts.goldens = GoldenIndex.load(folder / "goldens")
    assert len(process._parts.goldens)
    find = GoldenIndex.find

    def slow(index: GoldenIndex, request: RequestSnapshot, journey: JourneyState) -> Recording | None:
        if request.body == b"slow":
            raise TookTooLong
        return find(index, request, journey)

    monkeypatch.setattr(GoldenIndex, "find", slow)
    found: list[int] = []
    monkeypatch.setattr(
        process._findings, "against_golden", lambda _, __, answer, ___: found.append(answer.status)
    )
    worker = cast(Intake, Worker())
    for at, piece in enumerate((LOOK, between, LOOK)):
        if isinstance(piece, RequestSnapshot):
            process.take(_captured(at, piece), 100, worker)
        elif isinstance(piece, SessionGap):
            process.take(piece, 100, worker)
        else:
            piece(process)
        async with asyncio.timeout(60):
            await process._lanes.idle()
    process._explainer.close()
    process._keeper.close()
    return found


@pytest.mark.parametrize("between", [
    RequestSnapshot("POST", "/api/orders/1", ((b"host", b"a"),), b"", False),
    RequestSnapshot("POST", "/api/orders/1", ((b"host", b"a"),), b"slow", False),
    SessionGap("user", "a write of the session was not shadowed", 3.0),
    lambda process: process._lose_all("something was lost in Redis", 3.0),
    lambda process: process._lose("user", "a worker ended while a write of the session was under way"),
    lambda process: _lowered(process, 3.0),
])  # fmt: skip
async def test_a_session_whose_write_was_not_followed_is_held_to_no_recording(
    tmp_path: Path,
    between: RequestSnapshot | SessionGap | Callable[[ShadowProcess], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is not in the state any more in which that was recorded, whether or not somebody saw the write."""
    assert await held_to_it(tmp_path, monkeypatch, between) == [200]


async def test_a_session_that_only_looked_is_held_to_its_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await held_to_it(tmp_path, monkeypatch, LOOK) == [200, 404, 404]


async def test_a_session_that_began_after_the_sample_was_lowered_is_held_to_its_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await held_to_it(tmp_path, monkeypatch, lambda process: _lowered(process, 1.0)) == [200, 404]


def _lowered(process: ShadowProcess, until: float) -> None:
    """Every session was out of the sample until then."""
    process._sample = SessionSample(10, out=[(0, until)])
