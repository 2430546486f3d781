"""Work of one session that arrives in the wrong order, as two workers may send it."""

from __future__ import annotations

import asyncio

from gateway.shadowing import Lanes


async def test_an_earlier_piece_that_comes_a_moment_later_is_first() -> None:
    done: list[float] = []

    async def run(work: float) -> None:
        done.append(work)

    lanes: Lanes[float] = Lanes(run, in_flight=1, limit=10, hold=0.05)
    for began in (2.0, 1.0, 3.0):
        assert lanes.put("a", began, order=began)
    assert lanes.put("b", 9.0, order=9.0)
    await asyncio.sleep(0.01)
    assert done == []
    await lanes.idle()
    assert [work for work in done if work < 9] == [1.0, 2.0, 3.0]
    assert (lanes.waiting, lanes._bytes) == (0, 0)


async def test_a_piece_that_comes_while_the_lane_is_at_work_is_held_too() -> None:
    done: list[float] = []
    gate = asyncio.Event()

    async def run(work: float) -> None:
        if work == 1.0:
            await gate.wait()
        done.append(work)

    lanes: Lanes[float] = Lanes(run, in_flight=1, limit=10, hold=0.03)
    lanes.put("a", 1.0, order=1.0)
    await asyncio.sleep(0.05)
    lanes.put("a", 3.0, order=3.0)
    gate.set()
    await asyncio.sleep(0.005)
    lanes.put("a", 2.0, order=2.0)
    await lanes.idle()
    assert done == [1.0, 2.0, 3.0]
