"""How long work over one pair may take: in processor time, and with little of that by the clock."""

from __future__ import annotations

import time

import pytest

from gateway.shadowing import limit as limits
from gateway.shadowing.limit import TimeLimit, TookTooLong

FOR_EVER = 600


def busy(seconds: float) -> None:
    """Use so much of a processor."""
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def now_and_then() -> None:
    """Work for ever, with a tenth of a processor."""
    while True:
        busy(0.01)
        time.sleep(0.1)


def test_work_that_does_not_come_back_is_given_up_and_the_next_has_its_own_limit() -> None:
    limit = TimeLimit(0.1)
    for times in (1, 2):
        with pytest.raises(TookTooLong), limit.over(10):
            busy(FOR_EVER)
        assert limit.reached == times
    with limit.over(10):
        busy(0.02)
    assert limit.reached == 2


def test_a_pair_that_waits_for_a_processor_is_not_poisonous() -> None:
    limit = TimeLimit(0.1)
    with limit.over(10):
        time.sleep(0.3)
    assert limit.reached == 0


def test_a_large_pair_may_take_longer() -> None:
    limit = TimeLimit(0.05)
    with limit.over(20 * limits.ROOMY):
        busy(0.2)
    assert limit.reached == 0


def test_work_that_gets_little_of_a_processor_does_not_stretch_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "ELAPSED", 0.3)
    limit = TimeLimit(0.3)
    began = time.process_time()
    with pytest.raises(TookTooLong), limit.over(10):
        now_and_then()
    assert time.process_time() - began < 0.25, "long before its share of a processor was used up"
