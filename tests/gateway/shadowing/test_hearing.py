"""Before a mismatch is called one, every worker has said what it knows."""

from __future__ import annotations

import asyncio

import pytest

from gateway.shadowing.hearing import Hearing


class Worker:
    """A worker's connection that remembers what it was asked."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.asked: list[int] = []

    def ask(self, question: int) -> None:
        self.asked.append(question)


async def test_all_workers_are_waited_for() -> None:
    one, two = Worker(1), Worker(2)
    heard: list[bool] = []
    hearing = Hearing([one, two], lambda: {1, 2})
    hearing.after_all(heard.append)
    assert (one.asked, two.asked) == ([1], [1])
    hearing.answered(one, 1)
    assert heard == []
    hearing.answered(two, 1)
    assert heard == [True]


async def test_who_asks_meanwhile_waits_for_an_answer_that_was_given_later() -> None:
    """The open question may have been answered before the write in doubt began."""
    one, two = Worker(1), Worker(2)
    heard: list[str] = []
    hearing = Hearing([one, two], lambda: {1, 2})
    hearing.after_all(lambda _: heard.append("first"))
    hearing.answered(one, 1)
    for name in ("second", "third"):
        hearing.after_all(lambda _, name=name: heard.append(name))  # type: ignore[misc] # of a default that is bound here
    hearing.answered(two, 1)
    assert heard == ["first"]
    hearing.answered(one, 1)  # late, and to another question
    hearing.answered(two, 2)
    assert heard == ["first"]
    hearing.answered(one, 2)
    assert heard == ["first", "second", "third"]
    assert one.asked == two.asked == [1, 2]


async def test_one_worker_alone_is_not_asked() -> None:
    only = Worker(1)
    heard: list[bool] = []
    Hearing([only], lambda: {1}).after_all(heard.append)
    assert (heard, only.asked) == ([True], [])


async def test_a_worker_that_is_not_connected_yet_is_asked_when_it_is() -> None:
    one, two = Worker(1), Worker(2)
    connected, heard = [one], list[bool]()
    hearing = Hearing(connected, lambda: {1, 2})
    hearing.after_all(heard.append)
    hearing.answered(one, 1)
    assert heard == []
    connected.append(two)
    hearing.look()
    hearing.look()
    assert two.asked == [1]
    hearing.answered(two, 1)
    assert heard == [True]


async def test_a_worker_that_has_ended_is_not_waited_for() -> None:
    serving, heard = {1, 2}, list[bool]()
    one, two = Worker(1), Worker(2)
    hearing = Hearing([one, two], lambda: set(serving))
    hearing.after_all(heard.append)
    hearing.answered(one, 1)
    serving.discard(2)
    hearing.look()
    assert heard == [True]


@pytest.mark.parametrize("knows", [True, False])
async def test_one_that_does_not_answer_is_not_waited_for_long(knows: bool) -> None:
    """Also where nobody can say who serves: then it is those that are connected."""
    heard: list[bool] = []
    hearing = Hearing([Worker(1), Worker(2)], lambda: {1, 2} if knows else None, patience=0.01)
    hearing.after_all(heard.append)
    async with asyncio.timeout(60):
        while not heard:  # noqa: ASYNC110
            await asyncio.sleep(0.002)
    assert heard == [False]
