"""What the judge says, guard by guard."""

from __future__ import annotations

from math import log
from random import Random

import msgspec
import pytest

from flags import (
    EvidenceHistory,
    EvidenceWindow,
    Finding,
    GuardLimits,
    Judgement,
    Outcome,
    Seen,
    SideCounts,
    Totals,
    UserSample,
    weigh,
)
from flags.judge.case import ALPHA_SHARES
from flags.judge.latency import quantile_bounds
from flags.judge.weighing import GUARDS

BOUNDS = (0.1, 0.15, 0.2, 0.3, 0.5)
LIMITS = GuardLimits(max_error_rate=0.001, max_p95=0.2, max_mismatch_rate=0.001, min_samples=500)
FAST = (1, 0, 0, 0, 0, 0)
SLOW = (0, 0, 0, 0, 1, 0)


def side(requests: int, errors: int = 0, latency: tuple[int, ...] = FAST) -> SideCounts:
    return SideCounts(requests, errors, tuple(requests * count for count in latency))


def users(new: int, legacy: int, share: int = 1000, window: int = 0, seed: int = 0) -> UserSample:
    random = Random(seed)
    sides = [True] * new + [False] * legacy
    return UserSample(0, {random.getrandbits(64): Seen(window, share, is_new) for is_new in sides})


def window(number: int = 0, **parts: object) -> EvidenceWindow:
    whole = {
        "totals": Totals(legacy=side(9000), new=side(1000), compared=8000),
        "keys": users(50, 450, window=number, seed=99),
    }
    return EvidenceWindow(number, **(whole | parts))  # type: ignore[arg-type]


def judged(*windows: EvidenceWindow, on: str = "users shadow", step: Totals | None = None) -> Judgement:
    return weigh(
        EvidenceHistory(windows), LIMITS, BOUNDS, users="users" in on, shadow="shadow" in on, step=step
    )


def finding(found: Judgement, guard: str) -> Finding:
    return next(each for each in found.findings if each.guard == guard)


def test_a_good_new_side_passes() -> None:
    found = judged(window())
    assert found.outcome is Outcome.PASS, found.reasons
    assert [each.guard for each in found.findings] == [guard.name for guard in GUARDS]
    assert found.missing == ()


@pytest.mark.parametrize("on", ["users shadow", "users", "shadow", ""])
def test_no_data_means_hold(on: str) -> None:
    found = judged(on=on)
    assert found.outcome is Outcome.HOLD
    assert found.reasons


def test_neither_users_nor_shadow_is_said_in_words() -> None:
    assert judged(on="").reasons == (
        "neither a user nor the shadow has reached the new side; no data means hold",
    )


def test_what_is_proven_stands_when_nobody_is_let_in_any_more() -> None:
    """It was taken back because of that: whoever looks afterwards wants to see why."""
    broken = window(totals=Totals(legacy=side(9000), new=side(1000, errors=900), compared=8000))
    found = judged(broken, on="shadow")
    assert (found.outcome, finding(found, "error_rate").outcome) == (Outcome.FAIL, Outcome.FAIL)
    assert {one.guard for one in judged(window(), on="shadow").findings} == {"mismatch_rate"}


def test_what_is_missing_is_counted() -> None:
    found = judged(window(totals=Totals(legacy=side(9000), new=side(312), compared=100)))
    assert found.outcome is Outcome.HOLD
    assert finding(found, "error_rate").reason == "312 of 500 samples on the new side"
    assert finding(found, "mismatch_rate").reason.startswith("100 of 4357 comparisons (0 differ:")
    assert {each.guard for each in found.missing} == {"error_rate", "p95", "p95_ratio", "mismatch_rate"}


def test_a_dead_new_side_fails_long_before_the_minimum_sample() -> None:
    """Four users at 10 %, all of them on the new side, against none of legacy's."""
    found = judged(
        window(totals=Totals(legacy=side(36), new=side(0), fallbacks=4), erring=users(4, 0)), on="users"
    )
    assert found.outcome is Outcome.FAIL
    assert "errors gather on the new side: 4 of 4 users" in found.reasons[0]
    assert finding(found, "errors").evidence >= finding(found, "errors").bar == 250


def test_one_user_who_reloads_is_no_proof() -> None:
    found = judged(window(totals=Totals(legacy=side(900), new=side(100, 50)), erring=users(1, 0)), on="users")
    assert found.outcome is Outcome.HOLD
    assert any("error rate of the new side 50 %" in f.reason or f.samples < f.needed for f in found.findings)


def test_errors_as_the_dial_has_them_pass_at_any_base_rate() -> None:
    found = finding(
        judged(window(totals=Totals(side(9000, 900), side(1000, 100)), erring=users(100, 900))), "errors"
    )
    assert found.outcome is Outcome.PASS
    assert found.value == pytest.approx(1.0)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 1.0 < found.high


def test_a_ramp_is_judged_share_by_share() -> None:
    """As many errors as the dial predicts at 1 and at 50 %: added up they would look like 10 times too
    many."""
    early = window(0, erring=users(2, 198, share=100, seed=1))
    late = window(1, erring=users(100, 100, share=5000, window=1, seed=2))
    found = finding(judged(early, late), "errors")
    assert found.outcome is Outcome.PASS
    assert found.evidence < 1.0


def test_suspicion_holds_before_it_is_proof() -> None:
    found = finding(judged(window(erring=users(4, 4))), "errors")
    assert found.outcome is Outcome.HOLD
    assert 5.0 < found.evidence < found.bar
    assert "may be gathering" in found.reason


def test_a_regression_after_many_good_windows_is_found() -> None:
    good = [window(n, erring=users(50, 450, window=n, seed=n)) for n in range(8)]
    bad = window(8, erring=users(30, 50, window=8, seed=8))
    assert finding(judged(*good), "errors").outcome is Outcome.PASS
    assert finding(judged(*good, bad), "errors").outcome is Outcome.FAIL
    whole = window(0, erring=users(430, 3650))
    assert finding(judged(whole), "errors").outcome is not Outcome.FAIL, "the same counts without windows"


def test_errors_without_a_counted_user_hold() -> None:
    found = judged(window(totals=Totals(side(9000, 9), side(5000, 1), compared=8000)))
    assert "no user with an error was counted" in finding(found, "errors").reason


def test_an_error_rate_above_the_limit_holds_until_it_is_proven() -> None:
    above = window(totals=Totals(side(9000), side(1000, 2), compared=8000), erring=users(2, 10))
    found = finding(judged(above), "error_rate")
    assert (found.outcome, found.value) == (Outcome.HOLD, 0.002)
    proven = window(totals=Totals(side(9000), side(1000, 20), compared=8000), erring=users(20, 180))
    found = finding(judged(proven), "error_rate")
    assert found.outcome is Outcome.FAIL
    assert found.low is not None
    assert found.low > 0.001


def test_a_p95_above_the_limit_fails_and_one_near_it_holds() -> None:
    slow = window(totals=Totals(side(9000, 0, SLOW), side(1000, 0, SLOW), compared=8000))
    assert finding(judged(slow), "p95").outcome is Outcome.FAIL
    near = SideCounts(1000, 0, (945, 0, 0, 0, 55, 0))
    found = finding(judged(window(totals=Totals(side(9000), near, compared=8000))), "p95")
    assert found.outcome is Outcome.HOLD
    assert found.reason.endswith("limit 200 ms; not proven")


def test_a_busier_hour_on_the_way_up_is_no_slower_side() -> None:
    """Both sides are alike in every hour; legacy has answered in the quiet one, the new side in the busy
    one."""
    busy = (0, 0, 1, 0, 0, 0)
    quiet_hour = Totals(side(19_900), side(100), compared=8000)
    busy_hour = Totals(side(500, 0, busy), side(9500, 0, busy), compared=8000)
    ramp = (window(0, totals=quiet_hour), window(1, totals=busy_hour))
    assert finding(judged(*ramp, step=busy_hour), "p95_ratio").outcome is Outcome.PASS
    assert finding(judged(*ramp), "p95_ratio").outcome is Outcome.FAIL  # what it would have been taken for


def test_a_new_side_slower_than_legacy_fails_within_the_limit() -> None:
    slower = window(totals=Totals(side(9000), side(1000, 0, (0, 0, 1, 0, 0, 0)), compared=8000))
    found = judged(slower)
    assert finding(found, "p95").outcome is Outcome.PASS
    assert finding(found, "p95_ratio").outcome is Outcome.FAIL


def test_at_100_percent_there_is_nothing_to_compare_with() -> None:
    alone = window(totals=Totals(new=side(1000), compared=8000), keys=users(500, 0, share=10_000))
    assert judged(alone).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("compared", "mismatches", "outcome"),
    [(8000, 0, Outcome.PASS), (8000, 2, Outcome.HOLD), (600, 0, Outcome.HOLD), (600, 30, Outcome.FAIL)],
)
def test_the_shadow_alone_can_be_the_gate(compared: int, mismatches: int, outcome: Outcome) -> None:
    shadow = window(totals=Totals(compared=compared, mismatches=mismatches))
    assert judged(shadow, on="shadow").outcome is outcome


def test_mismatches_of_one_user_are_one() -> None:
    one = window(totals=Totals(compared=600, mismatches=30), differing=users(1, 0))
    assert judged(one, on="shadow").outcome is Outcome.HOLD


def test_lost_comparisons_are_not_matches() -> None:
    lost = window(totals=Totals(compared=8000, lost=100))
    assert judged(lost, on="shadow").reasons == ("100 comparisons without an answer beside 8000 with one",)


def test_a_limit_of_no_mismatch_at_all() -> None:
    """It can never be shown, so the minimum sample without one is enough; one is proof against it."""
    limits = msgspec.structs.replace(LIMITS, max_mismatch_rate=0.0)

    def said(mismatches: int) -> Outcome:
        history = EvidenceHistory((window(totals=Totals(compared=600, mismatches=mismatches)),))
        return weigh(history, limits, BOUNDS, users=False, shadow=True).outcome

    assert (said(0), said(1)) == (Outcome.PASS, Outcome.FAIL)


def test_a_split_that_is_not_the_dials_holds() -> None:
    found = judged(window(keys=users(150, 350)))
    assert found.outcome is Outcome.HOLD
    assert "the split of users is not the dial's: 150 of 500" in found.reasons[0]


def test_users_nobody_counted_hold() -> None:
    assert judged(window(keys=UserSample())).outcome is Outcome.HOLD


def test_the_self_test_finds_two_halves_that_differ() -> None:
    lopsided = UserSample(0, {(n << 1) | (1 << 63): Seen(0, 1000, n % 10 == 0) for n in range(100)})
    found = judged(window(erring=lopsided))
    assert finding(found, "self_test").outcome is Outcome.HOLD
    assert "cannot be trusted" in finding(found, "self_test").reason
    assert finding(judged(window(erring=users(10, 90))), "self_test").outcome is Outcome.PASS


def test_a_thinned_sample_passes_the_self_test() -> None:
    """What is left of a thinned sample ends in zero bits: the halves must not be told apart by those."""
    random = Random(3)
    marks = [random.getrandbits(60) << 4 for _ in range(400)]
    thinned = UserSample(4, {mark: Seen(0, 1000, number % 10 == 0) for number, mark in enumerate(marks)})
    assert finding(judged(window(erring=thinned)), "self_test").outcome is Outcome.PASS


def test_a_thinned_sample_bets_with_less() -> None:
    whole, thinned = (UserSample(level, users(30, 30).users) for level in (0, 1))
    evidence = [finding(judged(window(erring=sample)), "errors").evidence for sample in (whole, thinned)]
    assert evidence[1] == pytest.approx(evidence[0] * 0.005 / 0.99)


def test_users_of_a_full_dial_are_not_compared() -> None:
    found = finding(judged(window(erring=users(90, 0, share=10_000))), "errors")
    assert (found.samples, found.evidence, found.reason) == (0, 0.495, "no user with an error to compare")


def test_the_ratio_of_p95s_pays_for_two_bounds_and_for_the_start() -> None:
    """It fails at the number of samples at which both bounds hold at a quarter of its part of alpha."""

    def counts(number: int) -> tuple[int, ...]:
        return (4 * number, 0, number, 0, 0, 0)

    def slower(number: int) -> bool:
        new = SideCounts(5 * number, 0, counts(number))
        whole = EvidenceHistory((window(totals=Totals(side(9000), new)),))
        few = msgspec.structs.replace(LIMITS, min_samples=1)
        found = weigh(whole, few, BOUNDS, users=True, shadow=True)
        return finding(found, "p95_ratio").outcome is Outcome.FAIL

    bar = log(32 / (LIMITS.alpha * ALPHA_SHARES["p95_ratio"]))
    enough = next(n for n in range(1, 99) if quantile_bounds(counts(n), BOUNDS, 0.95, bar)[0] == 0.15)
    assert slower(enough)
    assert not slower(enough - 1)


def test_requests_that_were_slow_together_are_no_proof() -> None:
    """A pause of everything, right behind the start: below the least number of samples nothing fails for
    it."""
    for number, outcome in ((499, Outcome.HOLD), (500, Outcome.FAIL)):
        slow = SideCounts(number, 0, (0, 0, 0, 0, number, 0))
        found = judged(window(totals=Totals(side(9000), slow, compared=8000)))
        assert finding(found, "p95").outcome is outcome
        assert finding(found, "p95_ratio").outcome is outcome


def test_a_pass_rests_on_the_step_a_fail_on_everything() -> None:
    good = window(0, totals=Totals(side(9000), side(5000), compared=80_000))
    little = judged(good, step=Totals(side(90), side(10), compared=20))
    assert little.outcome is Outcome.HOLD
    bad = window(0, totals=Totals(side(9000), side(5000, 90), compared=80_000), erring=users(90, 10))
    assert judged(bad, step=Totals(side(9000), side(1000), compared=8000)).outcome is Outcome.FAIL


def test_the_budget_is_spent_once() -> None:
    assert sum(ALPHA_SHARES.values()) == pytest.approx(1.0)
    assert set(ALPHA_SHARES) < {guard.name for guard in GUARDS}


def test_a_judgement_can_be_written_down() -> None:
    for found in (judged(), judged(window()), judged(window(erring=users(900, 0)))):
        assert msgspec.json.decode(msgspec.json.encode(found), type=Judgement) == found
