"""Which side gets copies of writes: one that honours the header at ``/`` alone gets one, and no second."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any, cast

import pytest

from gateway.core.decision import Side
from gateway.shadowing import Trust
from gateway.shadowing.trust import LONGEST_RETRY, RENEW
from shadow import Observation, RequestSnapshot

WORD = ((b"Banyan-Shadow", b"honoured"),)


class Probed:
    """A side that honours the header where it is probed."""

    def __init__(self) -> None:
        self.probes = 0

    def send(self, request: RequestSnapshot, host: bytes, deadline: float, answered: Any) -> None:
        self.probes += 1
        answered(Observation("new", 200, WORD, b""))


class Rig:
    """Trust in one side, with a clock of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.side, self.now = Probed(), 0.0
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: self.now, raising=False)
        self.trust = Trust(dict.fromkeys(Side, cast("Any", self.side)), dict.fromkeys(Side, b"x"))

    def write(self, status: int, headers: Any = (), error: str = "") -> bool:
        """Whether the copy of a write was allowed; it was answered so."""
        allowed: list[bool] = []
        self.trust.allows_write(Side.NEW, allowed.append)
        if allowed == [True]:
            self.trust.note(Side.NEW, Observation("new", status, headers, b"", error=error))
        return allowed == [True]


@pytest.mark.parametrize("status", [200, 201, 302, 404, 422])
async def test_a_side_that_did_a_write_gets_no_second_one(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(monkeypatch)
    assert rig.write(200, WORD)
    assert rig.write(status)
    for _ in range(10):
        rig.now += LONGEST_RETRY + RENEW
        assert not rig.write(status)
    assert rig.side.probes == 1


async def test_after_failures_of_the_server_it_is_asked_again_later_and_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig, sent = Rig(monkeypatch), list[float]()
    for _ in range(200):
        if rig.write(500):
            sent.append(rig.now)
        rig.now += 0.5
    waits = [after - before for before, after in itertools.pairwise(sent)]
    assert len(waits) >= 4
    assert all(after >= 1.5 * before for before, after in itertools.pairwise(waits)), waits


async def test_a_write_that_is_honoured_makes_the_wait_short_again(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(monkeypatch)
    for _ in range(5):
        assert rig.write(502)
        rig.now += 40
        assert rig.write(200, WORD)


async def test_no_answer_says_nothing_of_the_word(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(monkeypatch)
    assert rig.write(0, error="timeout")
    assert rig.write(200, WORD)
