"""The breaker, row by row of its table."""

import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.breaker import Breaker, BreakerLimits, Phase

LIMITS = BreakerLimits(failures=3, open_seconds=10, failure_rate=0.5, min_requests=20, window=10, ramp=9)


def a_breaker(chance: float = 0.0, limits: BreakerLimits = LIMITS) -> Breaker:
    return Breaker(limits, lambda: chance)


def ask(breaker: Breaker, now: float, *, fails: bool, who: str = "", place: float = 0.0) -> bool:
    """One request with its outcome at once → whether the new side was asked."""
    if breaker.blocks(now, place):
        return False
    era = breaker.sent(now)
    if fails:
        breaker.failed(now, era, who)
    else:
        breaker.succeeded(now, era)
    return True


def phase(breaker: Breaker) -> Phase:
    """Its phase now."""
    return breaker.phase


def opened(at: float = 100.0, chance: float = 0.0) -> Breaker:
    """One that has just opened: three failures, ten seconds."""
    breaker = a_breaker(chance)
    for _ in range(3):
        ask(breaker, at, fails=True)
    return breaker


def test_closed_it_blocks_nothing_and_counts_failures_in_a_row() -> None:
    """A success starts the count again."""
    breaker = a_breaker()
    for _ in range(3):
        for fails in (True, True, False, False, False):
            assert ask(breaker, 1, fails=fails)
    assert phase(breaker) is Phase.CLOSED


def test_the_last_failure_in_a_row_opens_it() -> None:
    """From then on it blocks, for as long as it is open."""
    breaker = opened(at=100)
    assert phase(breaker) is Phase.OPEN
    assert breaker.blocks(100)
    assert breaker.blocks(109.9)


def test_too_many_failures_in_a_window_open_it() -> None:
    """Two of three fail, never three in a row; not before there are twenty."""
    breaker = a_breaker()
    asked = 0
    while ask(breaker, 1 + asked / 100, fails=asked % 3 != 0):
        asked += 1
    assert phase(breaker) is Phase.OPEN
    assert asked == 20


def test_failures_of_long_ago_are_forgotten() -> None:
    """Every other request of the last window failed, and not more."""
    breaker = a_breaker()
    for second in range(300):
        ask(breaker, second, fails=second % 2 == 0)
    assert phase(breaker) is Phase.CLOSED


def test_a_rate_of_one_never_opens_it() -> None:
    """Nothing is more than all."""
    breaker = a_breaker(limits=LIMITS._replace(failures=10**6, failure_rate=1.0))
    for _ in range(100):
        assert ask(breaker, 1, fails=True)


def test_failures_in_a_row_of_one_user_count_once() -> None:
    """A page that is broken for one user, asked for again and again, takes nobody else back."""
    breaker = a_breaker()
    for _ in range(90):
        assert ask(breaker, 1, fails=True, who="ann")
    ask(breaker, 1, fails=True, who="bob")
    assert phase(breaker) is Phase.CLOSED
    ask(breaker, 1, fails=True, who="ann")
    assert phase(breaker) is Phase.OPEN


def test_an_answer_from_before_it_opened_counts_for_nothing() -> None:
    """Neither while it is open, nor when it comes while the probe is under way."""
    breaker = a_breaker()
    early = breaker.sent(99)
    for _ in range(3):
        ask(breaker, 100, fails=True)
    breaker.succeeded(101, early)
    assert phase(breaker) is Phase.OPEN
    assert not breaker.blocks(110)
    breaker.sent(110)
    breaker.succeeded(111, early)
    breaker.failed(111, early)
    assert phase(breaker) is Phase.HALF_OPEN
    assert breaker.blocks(111), "only the probe says how the side is"


def test_half_open_lets_one_try() -> None:
    """Until that one has an answer, or for another open time."""
    breaker = opened(at=100)
    assert not breaker.blocks(110)
    assert phase(breaker) is Phase.HALF_OPEN
    breaker.sent(110)
    assert breaker.blocks(111)
    assert not breaker.blocks(120), "the probe was lost: another one may try"


def test_users_come_back_in_steps_each_of_them_once() -> None:
    """A tenth, a quarter, a half, everybody; in the order of their places below the dial."""
    breaker = opened(at=100)
    assert ask(breaker, 110, fails=False)
    places = [place / 100 for place in range(100)]
    seen = [[not breaker.blocks(110 + second, place) for place in places] for second in (0, 2, 4, 7, 9)]
    assert [sum(row) for row in seen] == [10, 10, 25, 50, 100]
    for before, after in pairwise(seen):
        assert all(now for was, now in zip(before, after, strict=True) if was)
    assert phase(breaker) is Phase.CLOSED


def test_without_a_ramp_everybody_is_back_at_once() -> None:
    """`ramp = 0`."""
    breaker = a_breaker(limits=LIMITS._replace(ramp=0))
    for _ in range(3):
        ask(breaker, 100, fails=True)
    ask(breaker, 110, fails=False)
    assert phase(breaker) is Phase.CLOSED


def test_it_stays_open_for_twice_as_long_each_time_and_begins_anew_when_it_was_well() -> None:
    """Ten seconds, twenty, forty, eighty, and no longer."""
    breaker, now, waits = opened(at=100), 100.0, []
    for _ in range(5):
        since = now
        while breaker.blocks(now):
            now += 0.5
        waits.append(now - since)
        ask(breaker, now, fails=True)
    assert waits == [10, 20, 40, 80, 80]
    ask(breaker, now + 80, fails=False)
    assert ask(breaker, now + 89, fails=False)
    for _ in range(3):
        ask(breaker, now + 89 + 80, fails=True)
    assert phase(breaker) is Phase.OPEN
    assert not breaker.blocks(now + 89 + 80 + 10)


def test_chance_makes_it_longer_never_shorter() -> None:
    """By up to a quarter."""
    breaker = opened(at=100, chance=1.0)
    assert breaker.blocks(112.4)
    assert not breaker.blocks(112.5)


def test_a_side_that_is_half_well_does_not_make_it_flap() -> None:
    """Four of five requests fail, for an hour, ten a second: it moves a few dozen times, most users stay."""
    dice = random.Random(7)
    breaker = Breaker(LIMITS, dice.random)
    moves, asked, before = 0, 0, breaker.phase
    for tick in range(36_000):
        asked += ask(breaker, tick / 10, fails=dice.random() < 0.8, place=dice.random())
        moves += breaker.phase is not before
        before = breaker.phase
    assert moves < 150
    assert asked < 36_000 / 50


@given(
    st.lists(st.tuples(st.floats(0, 30), st.sampled_from(["ask", "late", "nothing"]), st.booleans())),
    st.floats(0, 1),
)
def test_whatever_happens_it_asks_again_sooner_or_later(
    events: list[tuple[float, str, bool]], chance: float
) -> None:
    """No order of events leaves it closed to everybody for ever, and open it lets nobody through."""
    breaker, now, late = a_breaker(chance), 0.0, 0
    for wait, what, fails in events:
        now += wait
        if what == "nothing":
            blocked = breaker.blocks(now)
            assert not (blocked and breaker.phase is Phase.CLOSED)
        elif what == "late":
            (breaker.failed if fails else breaker.succeeded)(now, late)
        elif not breaker.blocks(now):
            late = breaker.sent(now)
            if not fails:
                breaker.succeeded(now, late)
    assert not breaker.blocks(now + 1000, 0.0)


def test_the_numbers_are_what_the_metric_shows() -> None:
    """0 closed, 1 half open, 2 open."""
    assert [int(phase) for phase in (Phase.CLOSED, Phase.HALF_OPEN, Phase.OPEN)] == [0, 1, 2]
