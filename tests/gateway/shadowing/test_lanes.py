"""Lanes: in order within a session, side by side between sessions, never more than allowed."""

import asyncio
from collections.abc import Callable

import pytest

from gateway.shadowing.lanes import Lanes


class Worker:
    """Works until told; remembers in which order it began and ended, and how many at once."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.ended: list[str] = []
        self.most = 0
        self._now = 0
        self.gates: dict[str, asyncio.Event] = {}
        self.lost: list[str] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, work: str, done: Callable[[], None]) -> None:
        """What the lanes call."""
        task = asyncio.get_running_loop().create_task(self._work(work))
        self._tasks.add(task)
        task.add_done_callback(lambda _: done())

    async def _work(self, work: str) -> None:
        self.began.append(work)
        self._now += 1
        self.most = max(self.most, self._now)
        await self.gates.setdefault(work, asyncio.Event()).wait()
        self._now -= 1
        self.ended.append(work)

    def finish(self, *works: str) -> None:
        """Let these pieces end."""
        for work in works:
            self.gates.setdefault(work, asyncio.Event()).set()


async def turns() -> None:
    """Let everything go as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_in_order_within_a_session() -> None:
    """The second begins when the first has ended."""
    worker = Worker()
    lanes: Lanes[str] = Lanes(worker.begin, lost=worker.lost.append, in_flight=4, limit=10)
    for work in ("a1", "a2", "b1"):
        assert lanes.put(work[0], work)
    await turns()
    assert worker.began == ["a1", "b1"]
    worker.finish("a1")
    await turns()
    assert worker.began == ["a1", "b1", "a2"]
    worker.finish("b1", "a2")
    await lanes.idle()
    assert lanes.waiting == 0


async def test_never_more_at_once_than_allowed() -> None:
    """The others wait for their turn, first come, first served."""
    worker = Worker()
    lanes: Lanes[str] = Lanes(worker.begin, lost=worker.lost.append, in_flight=2, limit=100)
    names = [f"{n}" for n in range(10)]
    for name in names:
        lanes.put(name, name)
    await turns()
    assert worker.began == ["0", "1"]
    worker.finish(*names)
    await lanes.idle()
    assert worker.most == 2
    assert worker.began == names


async def test_beyond_the_limit_it_says_no() -> None:
    """And takes again when there is room."""
    worker = Worker()
    lanes: Lanes[str] = Lanes(worker.begin, lost=worker.lost.append, in_flight=1, limit=2)
    assert lanes.put("a", "a1")
    await turns()  # a1 is under way and waits no longer
    assert [lanes.put("a", f"a{n}") for n in range(2, 6)] == [True, True, False, False]
    assert lanes.waiting == 2
    worker.finish("a1", "a2", "a3")
    await lanes.idle()
    assert worker.ended == ["a1", "a2", "a3"]
    assert lanes.put("a", "a6")
    worker.finish("a6")
    await lanes.idle()


async def test_one_that_goes_wrong_ends_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    """Neither its lane nor the others; it is logged."""
    ended: list[str] = []

    def begin(work: str, done: Callable[[], None]) -> None:
        if work == "a!":
            raise RuntimeError(work)
        ended.append(work)
        done()

    lanes: Lanes[str] = Lanes(begin, lost=ended.append, in_flight=1, limit=10)
    for work in ("a!", "a2", "b1"):
        lanes.put(work[0], work)
    await lanes.idle()
    assert ended == ["a2", "b1"]
    assert "could not be shadowed" in caplog.text


async def test_work_that_ends_at_once_nests_nothing() -> None:
    """A thousand pieces in a row need no stack."""
    ended: list[int] = []

    def begin(work: int, done: Callable[[], None]) -> None:
        ended.append(work)
        done()

    lanes: Lanes[int] = Lanes(begin, lost=ended.append, in_flight=1, limit=5000, hold=0.01)
    for number in range(2000):
        lanes.put("a", number, order=number)
    await lanes.idle()
    assert ended == list(range(2000))


async def test_the_greediest_session_makes_room() -> None:
    """One that floods pushes out its own newest work, and nobody else's."""
    worker = Worker()
    lanes: Lanes[str] = Lanes(worker.begin, lost=worker.lost.append, in_flight=1, limit=20)
    lanes.put("x", "x0")
    await turns()
    flood = [lanes.put("a", f"a{number}") for number in range(30)]
    assert flood == [True] * 20 + [False] * 10
    assert worker.lost == []
    assert all(lanes.put(f"user-{number}", f"u{number}") for number in range(5))
    assert worker.lost == ["a19", "a18", "a17", "a16", "a15"]
    assert lanes.waiting == 20
    worker.finish("x0", *(f"a{n}" for n in range(30)), *(f"u{n}" for n in range(5)))
    await lanes.idle()
    assert [work for work in worker.ended if work[0] == "a"] == [f"a{n}" for n in range(15)]
    assert (lanes.waiting, lanes.weight) == (0, 0)


async def test_what_waits_is_bounded_in_bytes() -> None:
    """A few large pieces of one user leave room for the small ones of others."""
    worker = Worker()
    lanes: Lanes[str] = Lanes(
        worker.begin, lost=worker.lost.append, in_flight=1, limit=1000, limit_bytes=10_000
    )
    lanes.put("x", "x0")
    await turns()
    assert [lanes.put("a", f"a{number}", 4000) for number in range(4)] == [True, True, False, False]
    assert [lanes.put("b", f"b{number}", 500) for number in range(6)] == [True] * 6
    assert worker.lost == ["a1"]
    worker.finish("x0", "a0", *(f"b{n}" for n in range(6)))
    await lanes.idle()
    assert (lanes.waiting, lanes.weight) == (0, 0)


async def test_a_session_that_comes_back_gets_a_new_lane() -> None:
    """Nothing is kept of one that is done."""
    worker = Worker()
    lanes: Lanes[str] = Lanes(worker.begin, lost=worker.lost.append, in_flight=1, limit=10)
    for turn in range(3):
        work = f"a{turn}"
        worker.finish(work)
        lanes.put("a", work)
        await lanes.idle()
    assert worker.ended == ["a0", "a1", "a2"]
    assert not lanes._lanes
