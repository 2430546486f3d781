"""Samples of distinct users: exact merging, bounded memory, fairness."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from flags import POSITIONS, Seen, UserRecorder, UserSample, position, user_mark
from flags.judge import users
from flags.judge.users import CAPACITY

seen = st.builds(Seen, st.integers(0, 3), st.sampled_from((100, 1000, 5000)), st.booleans())
small = st.dictionaries(st.integers(0, 2**64 - 1), seen, max_size=20).map(lambda d: UserSample(0, d))


@given(small, small, small)
def test_merging_commutes_associates_and_repeats_for_nothing(
    a: UserSample, b: UserSample, c: UserSample
) -> None:
    assert a.merged(b) == b.merged(a)
    assert a.merged(b).merged(c) == a.merged(b.merged(c))
    assert a.merged(a) == a
    assert a.merged(b).merged(b) == a.merged(b)
    assert a.merged(UserSample()) == a == UserSample().merged(a)


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 4000))
def test_workers_apart_know_what_one_alone_would(random: Random, many: int) -> None:
    """The users shared out among three workers, some of them to several, in another order each."""
    found = [
        (user_mark("f", str(n)), 0, random.choice((100, 1000)), random.random() < 0.3) for n in range(many)
    ]
    alone, parts = UserRecorder(), [UserRecorder() for _ in range(3)]
    for event in found:
        alone.see(*event)
    for event in random.sample(found, len(found)) + found[: many // 3]:
        random.choice(parts).see(*event)
    merged = UserSample()
    for part in parts:
        merged = merged.merged(part.samples().get(0, UserSample()))
    assert merged == alone.samples().get(0, UserSample())


def test_memory_is_bounded_and_the_sample_stays_fair() -> None:
    recorder = UserRecorder()
    for number in range(50_000):
        recorder.see(user_mark("f", str(number)), 7, 1000, position("f", str(number)) < 1000)
    sample = recorder.samples()[7]
    assert CAPACITY / 2 * 0.8 < len(sample.users) <= CAPACITY
    assert sample.level == 6
    assert all(mark % 64 == 0 for mark in sample.users)
    assert 0.07 < sample.on_new() / len(sample.users) < 0.13


def test_a_user_counts_once_with_what_was_seen_first() -> None:
    recorder = UserRecorder()
    for share, new in ((1000, False), (5000, True), (1000, False)):
        recorder.see(5, 1, share, new)
    assert recorder.samples()[1].users == {5: Seen(1, 1000, False)}
    later = UserSample(0, {5: Seen(2, 5000, True)})
    assert later.merged(recorder.samples()[1]).users == {5: Seen(1, 1000, False)}


def test_two_windows_are_kept_and_one_long_past_is_not_taken_up_again() -> None:
    recorder = UserRecorder()
    for window in (1, 2, 3, 1):
        recorder.see(window, window, 1000, True)
    assert sorted(recorder.samples()) == [2, 3]


def test_nobody_is_noted_while_the_dial_is_at_zero() -> None:
    recorder = UserRecorder()
    recorder.see(1, 1, 0, False)
    assert recorder.samples() == {}


def test_users_are_counted_by_dial_and_side() -> None:
    sample = UserSample(0, {1: Seen(0, 100, True), 2: Seen(0, 100, False), 3: Seen(1, 5000, True)})
    assert sample.by_share() == {100: (1, 1), 5000: (1, 0)}
    assert sample.on_new() == 2


def test_a_mark_says_nothing_about_the_position() -> None:
    """Among marks with the same ending, and with the same beginning, half are below the middle."""
    keys = [f"user-{number}" for number in range(20_000)]
    endings = [key for key in keys if user_mark("f", key) % 8 == 0]
    beginnings = [key for key in keys if user_mark("f", key) >> 63]
    for chosen in (endings, beginnings):
        where = [position("f", key) for key in chosen]
        assert 0.47 < sum(at < POSITIONS / 2 for at in where) / len(where) < 0.53
    assert user_mark("f", "a") != user_mark("g", "a")
    assert 0 <= user_mark("f", "\ud800") < 2**64


def test_the_capacity_is_what_the_documents_say() -> None:
    assert users.CAPACITY == 1024
