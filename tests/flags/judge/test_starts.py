"""Fresh starts share one stake."""

from __future__ import annotations

from math import exp, log

import pytest

from flags import EvidenceHistory, EvidenceWindow
from flags.judge.starts import log_blended, log_stake


def test_the_stakes_of_all_starts_that_can_ever_be_sum_to_one() -> None:
    assert sum(exp(log_stake(ordinal)) for ordinal in range(1, 100_000)) == pytest.approx(1.0, abs=1e-4)


def test_each_start_bets_its_stake() -> None:
    history = EvidenceHistory(tuple(EvidenceWindow(number) for number in (10, 11, 14)))
    found = exp(log_blended(history.starts(), lambda start: log(start.ordinal * 100)))
    assert found == pytest.approx(100 / 2 + 200 / 6 + 500 / 30)


def test_before_the_first_window_there_is_no_evidence() -> None:
    assert exp(log_blended([], lambda start: 0.0)) == 0.0
