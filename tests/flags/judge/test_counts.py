"""Counts that add up exactly."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from flags import EvidenceHistory, EvidenceWindow, Seen, SideCounts, Totals, UserSample
from flags.judge.counts import WINDOWS_KEPT

number = st.integers(0, 50)
sides = st.builds(SideCounts, number, number, st.lists(number, max_size=3).map(tuple))
totals = st.builds(Totals, sides, sides, number, number, number, number)
samples = st.dictionaries(
    st.integers(0, 30), st.builds(Seen, st.integers(0, 30), st.just(1000), st.booleans()), max_size=5
).map(lambda users: UserSample(0, users))
windows = st.builds(EvidenceWindow, st.integers(0, 30), totals, samples, samples, samples)
histories = st.lists(windows, max_size=25).map(
    lambda found: EvidenceHistory(
        tuple(sorted({w.number: w for w in found}.values(), key=lambda w: w.number))
    )
)


@settings(max_examples=30, deadline=None)
@given(histories, histories, histories)
def test_merging_commutes_and_associates_even_where_old_windows_are_folded(
    a: EvidenceHistory, b: EvidenceHistory, c: EvidenceHistory
) -> None:
    assert same(a.merged(b), b.merged(a))
    assert same(a.merged(b).merged(c), a.merged(b.merged(c)))


@settings(max_examples=30, deadline=None)
@given(histories, histories)
def test_nothing_is_lost(a: EvidenceHistory, b: EvidenceHistory) -> None:
    merged = a.merged(b)
    assert trimmed(merged.totals()) == trimmed(a.totals() + b.totals())
    assert len(merged.windows) <= WINDOWS_KEPT
    assert [w.number for w in merged.windows] == sorted({w.number for w in merged.windows})


@given(totals, totals)
def test_what_was_added_can_be_taken_away(a: Totals, b: Totals) -> None:
    assert trimmed(a + b - b) == trimmed(a)


@settings(max_examples=30, deadline=None)
@given(histories)
def test_a_history_survives_being_written(history: EvidenceHistory) -> None:
    for codec in (msgspec.json, msgspec.msgpack):
        assert codec.decode(codec.encode(history), type=EvidenceHistory) == history


def test_starts_go_from_the_latest_window_to_the_first() -> None:
    def window(number: int, users: dict[int, Seen]) -> EvidenceWindow:
        return EvidenceWindow(number, Totals(new=SideCounts(10, 3)), UserSample(0, users))

    history = EvidenceHistory(
        (window(4, {1: Seen(4, 100, True)}), window(6, {1: Seen(6, 100, True), 2: Seen(6, 100, False)}))
    )
    latest, first = history.starts()
    assert (latest.ordinal, first.ordinal) == (3, 1)
    assert latest.everything.totals.asked == 10
    assert first.everything.totals.asked == 20
    assert first.everything.erring.users == {1: Seen(4, 100, True), 2: Seen(6, 100, False)}
    assert (latest.errors_once, first.errors_once) == (1, 2), "once in each window, new side only"


def test_errors_without_sampled_users_count_raw() -> None:
    window = EvidenceWindow(1, Totals(new=SideCounts(10, 3), fallbacks=2, compared=9, mismatches=4))
    (start,) = EvidenceHistory((window,)).starts()
    assert (start.errors_once, start.mismatches_once) == (5, 4)
    assert (window.totals.asked, window.totals.failed) == (12, 5)


def same(a: EvidenceHistory, b: EvidenceHistory) -> bool:
    """Equal, apart from zeros at the end of a histogram that one side did not have."""
    return [(w.number, trimmed(w.totals), w.erring, w.keys) for w in a.windows] == [
        (w.number, trimmed(w.totals), w.erring, w.keys) for w in b.windows
    ]


def trimmed(found: Totals) -> object:
    """Without trailing zeros in the histograms."""

    def side(counts: SideCounts) -> SideCounts:
        kept = list(counts.latency)
        while kept and not kept[-1]:
            kept.pop()
        return SideCounts(counts.requests, counts.errors, tuple(kept))

    return msgspec.structs.replace(found, legacy=side(found.legacy), new=side(found.new))
