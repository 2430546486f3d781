"""The programs about the shadow, small: they measure what they say; two identical sides never mismatch."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter

import pytest

from bench.alarm import Alarm
from bench.books import Books
from bench.shadow import words
from bench.shadow.faithful import twins
from bench.shadow.moved import Round, moved, percentile_of_all


def test_two_identical_sides_give_no_mismatch() -> None:
    """Cookies, tokens and ids are made up by each; reads and writes, sessions of many turns."""
    assert twins(1000, turns=25)


def rounds(chance: random.Random, number: int, by: float = 0.0) -> list[Round]:
    """Rounds of 200 requests, each round with a mood of its own; all wait longer by ``by``."""
    moods = [abs(chance.gauss(0, 0.1)) for _ in range(number)]
    return [[9.0 + mood + by + chance.random() for _ in range(200)] for mood in moods]


def test_a_percentile_that_moved_too_far_is_above() -> None:
    calm = [[1.0] * 98 + [11.0, 12.0]] * 2
    assert percentile_of_all(calm, 0.5) == 1.0
    assert percentile_of_all(calm, 0.985) == 11.0
    assert moved(calm, [[time + 0.2 for time in one] for one in calm]).judged == "within"
    assert moved(calm, [[time + 0.4 for time in one] for one in calm]).judged == "above"
    assert "of 0.22" in str(moved(calm, calm))


def test_a_percentile_that_may_have_moved_too_far_is_said_to_be_unsure() -> None:
    calm = [[10.0] * 100] * 8
    some = [[10.0 + by] * 100 for by in (-1, -0.5, 0.1, 0.1, 0.1, 0.2, 0.3, 0.4)]
    assert moved(calm, some).judged == "unsure"


@pytest.mark.parametrize("number", [30, 60])
def test_the_bounds_hold_what_is_true_nineteen_times_of_twenty(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.shadow.moved.AGAIN", 200)
    chance = random.Random(number)
    held = 0
    for _ in range(100):
        found = moved(rounds(chance, number), rounds(chance, number, 0.3))
        held += found.low <= 0.3 <= found.high
    assert 88 <= held <= 100


def test_what_a_word_costs_is_the_median_of_what_it_cost_in_a_round(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = {
        "said": {key: [200.0, 230.0, 260.0] for key in words.PROCESSES},
        "unsaid": {key: [190.0, 210.0, 280.0] for key in words.PROCESSES},
    }
    books = dict.fromkeys(words.STATES, Books(3, 0, Counter(match=3)))
    assert words.show(found, books) == 0
    assert "230.0 µs with the word,  210.0 µs without; +10.0 µs (-20.0 to +20.0)" in capsys.readouterr().out
    assert words.show(found, books | {"said": Books(3, 0, Counter(match=2, mismatch=1))}) == 1


def test_an_alarm_never_rings_too_early_and_rings_again() -> None:
    async def waits() -> list[float]:
        found = []
        with Alarm() as alarm:
            for seconds in (0.0003, 0.0, 0.002, -1.0, 0.0003):
                began = time.perf_counter()
                await alarm.wait(seconds)
                found.append(time.perf_counter() - began - seconds)
        return found

    assert min(asyncio.run(waits())) > -1e-6
