"""What is still to be delivered: tried again, bounded, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from gateway.alerts import outbox as module
from gateway.alerts.events import Alert
from gateway.alerts.outbox import Outbox


class FakeChannel:
    """Takes what it is given, after so many refusals."""

    name = "fake"
    address = "nowhere"

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.taken: list[str] = []

    async def deliver(self, alert: Alert) -> str:
        if self.refusals:
            self.refusals -= 1
            return "It does not want to."
        self.taken.append(alert.id)
        return ""


class Picky(FakeChannel):
    """Takes everything but the first."""

    async def deliver(self, alert: Alert) -> str:
        return "It is too large." if alert.id == "a1" else await super().deliver(alert)


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not reached():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


def alert(number: int) -> Alert:
    return Alert(f"a{number}", "rollback", "text", "here", "2026-01-01T00:00:00+00:00")


async def delivered(outbox: Outbox) -> None:
    """Let it work until nothing waits."""
    task = asyncio.create_task(outbox.run())
    async with asyncio.timeout(60):
        while outbox.waiting:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    task.cancel()


async def test_it_is_tried_again_until_it_is_taken_and_in_order() -> None:
    channel, done = FakeChannel(refusals=3), list[int]()
    outbox = Outbox(channel, first_pause=0)
    outbox.put(alert(1), lambda: done.append(1))
    outbox.put(alert(2), lambda: done.append(2))
    await delivered(outbox)
    assert (channel.taken, done) == (["a1", "a2"], [1, 2])
    assert outbox.counts == {"sent": 2, "failed": 3, "dropped": 0}


async def test_it_is_given_up_in_the_end_and_the_next_one_has_its_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "TRIES", 4)
    channel, done = FakeChannel(refusals=4), list[int]()
    outbox = Outbox(channel, first_pause=0)
    outbox.put(alert(1), lambda: done.append(1))
    outbox.put(alert(2), lambda: done.append(2))
    await delivered(outbox)
    assert (channel.taken, done) == (["a2"], [1, 2])
    assert outbox.counts == {"sent": 1, "failed": 4, "dropped": 1}


async def test_one_that_is_always_refused_does_not_hold_up_the_others() -> None:
    """With the pauses of a real channel it would, for three hours; the others may be taken at once."""
    channel, done = Picky(), list[int]()
    outbox = Outbox(channel, first_pause=0.001)
    outbox.put(alert(1), lambda: done.append(1))
    outbox.put(alert(2), lambda: done.append(2))
    task = asyncio.create_task(outbox.run())
    await until(lambda: done == [2])
    assert outbox.problem == "It is too large."  # of the one that waits, though the last delivery was fine
    outbox.put(alert(3), lambda: done.append(3))
    await until(lambda: done == [2, 3])
    assert (outbox.waiting, channel.taken) == (1, ["a2", "a3"])
    task.cancel()


async def test_a_new_one_does_not_wait_until_a_refused_one_is_due_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_IN_ORDER", 1)
    channel, done = Picky(), list[int]()
    outbox = Outbox(channel, first_pause=3600)
    outbox.put(alert(1), lambda: done.append(1))
    task = asyncio.create_task(outbox.run())
    await until(lambda: outbox.counts["failed"] == 1)
    outbox.put(alert(2), lambda: done.append(2))
    await until(lambda: done == [2])
    task.cancel()


async def test_of_too_many_the_oldest_goes() -> None:
    outbox, done = Outbox(FakeChannel()), list[int]()
    for number in range(module.ROOM + 3):
        outbox.put(alert(number), lambda number=number: done.append(number))  # type: ignore[misc] # of a default that is bound here
    assert (outbox.waiting, done, outbox.counts["dropped"]) == (module.ROOM, [0, 1, 2], 3)
