"""How many sessions are taken, and which of them were out for a while."""

from __future__ import annotations

from gateway.shadowing.sampling import LOWEST, SessionSample


def lowered(times: int) -> SessionSample:
    sample = SessionSample(100)
    for second in range(0, 2 * times, 2):
        sample.look(float(second + 2), 100, second + 1)
    return sample


def test_nothing_waits_nothing_changes() -> None:
    sample = SessionSample(100)
    assert not any(sample.look(float(second), 3, 0) for second in range(20))
    assert (sample.level, sample.is_plain) == (10_000, True)


def test_a_queue_that_shrinks_lowers_nothing() -> None:
    sample = SessionSample(100)
    assert sample.look(2.0, 90, 0)
    assert not sample.look(5.0, 80, 0)


def test_there_is_always_a_sample() -> None:
    assert lowered(12).level == LOWEST


def test_it_comes_back_in_steps() -> None:
    sample = lowered(3)
    seen = [sample.level for second in range(7, 60) if sample.look(float(second), 0, 5)]
    assert seen == sorted(seen)
    assert sample.level == 10_000
    assert not sample.is_plain, "sessions of then are still told apart"


def test_who_was_out_and_until_when() -> None:
    sample = lowered(2)  # 25 %
    assert sample.out_until(1000, 9.0) == 0.0, "never out"
    assert sample.out_until(9000, 9.0) == 9.0, "still out"
    assert sample.look(20.0, 0, 3)
    assert sample.out_until(3000, 30.0) == 21.0, "back, and some worker may have adopted it a moment later"
    assert sample.out_until(1000, 30.0) == 0.0
