"""The breaker, row by row of its table."""

from gateway.core.breaker import Breaker, Phase


def opened(at: float = 100.0) -> Breaker:
    """One that has just opened: three failures, ten seconds."""
    breaker = Breaker(3, 10)
    for _ in range(3):
        breaker.failed(at)
    return breaker


def test_closed_it_blocks_nothing_and_counts_failures_in_a_row() -> None:
    """A success starts the count again."""
    breaker = Breaker(3, 10)
    for _ in range(5):
        breaker.failed(1)
        breaker.failed(1)
        breaker.succeeded()
    assert breaker.phase is Phase.CLOSED
    assert not breaker.blocks(1)


def test_the_last_failure_opens_it() -> None:
    """From then on it blocks, for as long as it is open."""
    breaker = opened(at=100)
    assert breaker.phase is Phase.OPEN
    assert breaker.blocks(100)
    assert breaker.blocks(109.9)


def test_failures_in_a_row_of_one_user_count_once() -> None:
    """A page that is broken for one user, asked for again and again, takes nobody else back."""
    breaker = Breaker(3, 10)
    for _ in range(9):
        assert not breaker.failed(1, "ann")
    assert not breaker.blocks(1)
    assert not breaker.failed(1, "bob")
    assert breaker.failed(1, "ann")
    assert breaker.phase is Phase.OPEN


def test_a_late_success_does_not_close_what_is_open() -> None:
    """It was sent before the breaker opened; only a probe closes it."""
    breaker = opened(at=100)
    assert not breaker.succeeded()
    assert breaker.blocks(101)


def test_it_says_when_it_has_moved() -> None:
    """Once for each opening and each closing."""
    breaker = Breaker(2, 10)
    assert [breaker.failed(1), breaker.failed(1), breaker.failed(1)] == [False, True, False]
    breaker.blocks(11)
    breaker.sent(11)
    assert [breaker.succeeded(), breaker.succeeded()] == [True, False]


def test_half_open_lets_one_try() -> None:
    """Until that one has an answer, or for another open time."""
    breaker = opened(at=100)
    assert not breaker.blocks(110)
    assert breaker.phase is Phase.HALF_OPEN
    breaker.sent(110)
    assert breaker.blocks(111)
    assert not breaker.blocks(120), "the probe was lost: another one may try"


def test_half_open_a_success_closes() -> None:
    """And the count is at nothing again."""
    breaker = opened()
    breaker.blocks(110)
    breaker.sent(110)
    breaker.succeeded()
    assert breaker.phase is Phase.CLOSED
    breaker.failed(111)
    assert not breaker.blocks(111)


def test_half_open_a_failure_opens_for_the_whole_time_again() -> None:
    """One is enough."""
    breaker = opened()
    breaker.blocks(110)
    breaker.sent(110)
    breaker.failed(112)
    assert breaker.phase is Phase.OPEN
    assert breaker.blocks(121.9)
    assert not breaker.blocks(122)


def test_failures_while_open_do_not_stop_the_clock() -> None:
    """Requests that were under way when it opened end later."""
    breaker = opened(at=100)
    breaker.sent(100)
    assert not breaker.blocks(110)


def test_the_numbers_are_what_the_metric_shows() -> None:
    """0 closed, 1 half open, 2 open."""
    assert [int(phase) for phase in (Phase.CLOSED, Phase.HALF_OPEN, Phase.OPEN)] == [0, 1, 2]
