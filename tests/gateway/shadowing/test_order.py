"""Work of one session that arrives in the wrong order, as two workers may send it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway.shadowing import Lanes

HOLD = 0.1


async def test_an_earlier_piece_that_comes_a_moment_later_is_first() -> None:
    done: list[float] = []

    def begin(work: float, ended: Callable[[], None]) -> None:
        done.append(work)
        ended()

    lanes: Lanes[float] = Lanes(begin, lost=done.append, in_flight=1, limit=10, hold=HOLD)
    clock = asyncio.get_running_loop().time
    put = clock()
    for began in (2.0, 1.0, 3.0):
        assert lanes.put("a", began, order=began)
    assert lanes.put("b", 9.0, order=9.0)
    await asyncio.sleep(0.01)
    assert done == [] or clock() - put >= HOLD
    await lanes.idle()
    assert [work for work in done if work < 9] == [1.0, 2.0, 3.0]
    assert (lanes.waiting, lanes.weight) == (0, 0)


async def test_a_piece_that_comes_while_the_lane_is_at_work_is_held_too() -> None:
    found = [await _two_behind_one_at_work() for _ in range(5)]
    assert all(done == [1.0, 2.0, 3.0] for done, in_time in found if in_time)
    assert any(in_time for _, in_time in found)


async def _two_behind_one_at_work() -> tuple[list[float], bool]:
    """What was done in which order, and whether the earlier one came while the later one was held: this
    process may stand still.
    """
    done: list[float] = []
    gates: list[Callable[[], None]] = []

    def begin(work: float, ended: Callable[[], None]) -> None:
        done.append(work)
        if work == 1.0:
            gates.append(ended)
        else:
            ended()

    lanes: Lanes[float] = Lanes(begin, lost=done.append, in_flight=1, limit=10, hold=HOLD)
    lanes.put("a", 1.0, order=1.0)
    while not gates:  # noqa: ASYNC110 -- the lanes tell nobody
        await asyncio.sleep(0.005)
    clock = asyncio.get_running_loop().time
    put = clock()
    lanes.put("a", 3.0, order=3.0)
    gates[0]()
    await asyncio.sleep(0.005)
    lanes.put("a", 2.0, order=2.0)
    in_time = clock() - put < HOLD
    await lanes.idle()
    return done, in_time
