"""The simulation behind docs/judge.md, made small: false alarms stay within alpha, gross regressions are
found, and the page names every guard.
"""

from __future__ import annotations

import re
from math import log, sqrt
from pathlib import Path
from random import Random

import pytest

from bench.judge import alarms, detection, limits, users, whole
from bench.judge.__main__ import main
from bench.judge.rules import evidence
from bench.judge.traffic import RAMP, errors, steady
from flags.judge import ALPHA_SHARES, GUARDS, Outcome

PAGE = Path(__file__).resolve().parents[3] / "docs" / "judge.md"
ALPHA = 0.05


def at_most(alpha: float, runs: int) -> float:
    """How many of so many runs may alarm: three standard deviations beyond alpha."""
    return alpha * runs + 3 * sqrt(alpha * (1 - alpha) * runs)


@pytest.mark.parametrize("base", [0.0005, 0.002])
def test_false_alarms_on_a_ramp_looked_at_after_every_error(base: float) -> None:
    found = alarms.highest(11, 200, base)
    assert sum(value >= 1 / ALPHA for value in found["evidence"]) <= at_most(ALPHA, 200)
    assert all(value >= 0.0 for value in found["evidence"])


def test_the_same_test_without_protection_does_cry_wolf() -> None:
    """The measure above can fail."""
    found = alarms.highest(11, 100)
    assert sum(value >= alarms.NAIVE_BAR for value in found["z-test"]) > at_most(ALPHA, 100)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_a_gross_regression_is_found(share: float) -> None:
    for run in range(20):
        seen = errors(Random(f"gross {run}"), steady(share, 300_000), 0.002, 20.0)
        assert detection.until(evidence, seen, 1 / ALPHA) is not None


@pytest.mark.parametrize("more", [True, False])
def test_a_rate_on_its_limit_is_neither_above_nor_below(more: bool) -> None:
    random = Random(5)
    false = sum(
        limits.proven_after(random, 0.01, 0.01, 5000, -log(ALPHA), more=more) is not None for _ in range(200)
    )
    assert false <= at_most(ALPHA, 200)


def test_users_who_always_fail_are_no_false_alarm() -> None:
    runs = [users.draw(Random(f"chronic {run}")) for run in range(60)]
    assert sum(users.alarmed(run, Random(0), ALPHA) for run in runs) <= at_most(ALPHA, 60)


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("well within", Outcome.PASS),
        ("errors ×5", Outcome.FAIL),
        ("p95 ×1.5", Outcome.FAIL),
        ("mismatches ×5", Outcome.FAIL),
    ],
)
def test_all_guards_together(case: str, expected: Outcome) -> None:
    assert [whole.judged(Random(run), whole.CASES[case], ALPHA)[1] for run in range(3)] == [expected] * 3


def test_the_same_seed_draws_the_same_traffic() -> None:
    first, second = (list(errors(Random("seed"), RAMP, 0.002, 3.0)) for _ in range(2))
    assert first == second
    assert first != list(errors(Random("other"), RAMP, 0.002, 3.0))


def test_the_new_side_has_its_share_of_errors() -> None:
    """Odds of 3 at a share of a half: three errors of four."""
    seen = list(errors(Random("share"), steady(0.5, 400_000), 0.002, 3.0))
    assert 0.70 < sum(error.new for error in seen) / len(seen) < 0.80


def test_before_it_begins_a_regression_is_not_there() -> None:
    seen = list(errors(Random("late"), steady(0.5, 400_000), 0.002, 9.0, since=200_000))
    early = [error.new for error in seen if error.requests < 200_000]
    assert 0.42 < sum(early) / len(early) < 0.58


def test_the_program_prints_its_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--runs", "4", "--seed", "3"]) == 0
    printed = capsys.readouterr().out
    assert set(re.findall(r"^### (.+)$", printed, re.M)) == set(
        re.findall(r"^### (.+)$", PAGE.read_text(encoding="utf-8"), re.M)
    )


def test_the_page_has_every_guard_with_its_part_of_alpha() -> None:
    rows = re.findall(r"^\| `([a-z0-9_]+)` \| ([0-9.]+ %|none) \|", PAGE.read_text(encoding="utf-8"), re.M)
    assert dict(rows) == {
        guard.name: f"{100 * ALPHA_SHARES[guard.name]:g} %" if guard.name in ALPHA_SHARES else "none"
        for guard in GUARDS
    }
