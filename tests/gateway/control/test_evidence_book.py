"""The book of evidence: totals add up whoever reports how often, and what begins when."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from flags import FULL, Seen, SideCounts, Totals, UserSample
from gateway.control import EvidenceBook, Report, keep
from gateway.control.accord import Where

HOUR = 3600.0
NOON = 500_000 * HOUR


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def book(clock: Clock) -> EvidenceBook:
    return EvidenceBook(clock)


def totals(new: int, errors: int = 0) -> Totals:
    return Totals(new=SideCounts(new, errors, (new,)), compared=new)


def said(worker: str, new: int, errors: int = 0, users: Sequence[int] = (), window: int = 500_000) -> Report:
    sample = UserSample(0, {mark: Seen(window, 1000, True) for mark in users})
    return Report(
        worker,
        f"{worker}-1",
        evidence={"orders": totals(new, errors)},
        users={"orders": {"erring": {window: sample}}} if users else {},
    )


def test_a_report_that_is_lost_or_comes_twice_changes_nothing(book: EvidenceBook) -> None:
    for new in (10, 10, 40):  # the 20 and the 30 were lost
        book.add(said("worker-0", new))
    book.add(said("worker-1", 2, errors=1))
    assert book.history("orders").totals() == totals(42, 1)


def test_what_is_new_belongs_to_the_window_of_the_moment(book: EvidenceBook, clock: Clock) -> None:
    book.add(said("worker-0", 10))
    clock.now += HOUR
    book.add(said("worker-0", 15))
    windows = book.history("orders").windows
    assert [(one.number, one.totals) for one in windows] == [(500_000, totals(10)), (500_001, totals(5))]


def test_a_step_begins_when_the_dial_moves(book: EvidenceBook, clock: Clock) -> None:
    book.look("orders", 100, latched=False)
    book.add(said("worker-0", 10))
    book.look("orders", 100, latched=False)
    assert book.seen("orders") == totals(10)
    clock.now += 5
    book.look("orders", 1000, latched=False)
    book.add(said("worker-0", 13))
    assert (book.step("orders").percent, book.step("orders").since) == (1000, NOON + 5)
    assert book.seen("orders") == totals(3)
    assert book.history("orders").totals() == totals(13)


def test_a_lifted_latch_begins_a_history_without_the_users_of_before(
    book: EvidenceBook, clock: Clock
) -> None:
    book.look("orders", 1000, latched=False)
    book.add(said("worker-0", 10, errors=2, users=(1, 2)))
    book.look("orders", 1000, latched=True)
    assert book.history("orders").windows[0].erring.on_new() == 2
    book.look("orders", 1000, latched=False)
    book.add(said("worker-0", 12, errors=3, users=(1, 2, 3)))  # workers still tell of the first two
    history = book.history("orders")
    assert history.totals() == totals(2, 1)
    assert history.windows[-1].erring.on_new() == 1
    assert history.windows[-1].erring.by_share()[1000] == (1, 0)
    clock.now += HOUR
    book.add(said("worker-0", 12, errors=3, users=(1,), window=500_001))
    assert book.history("orders").windows[-1].erring.on_new() == 1


def test_it_goes_on_from_what_was_kept(book: EvidenceBook, clock: Clock, tmp_path: Path) -> None:
    book.look("orders", 1000, latched=True)
    book.add(said("worker-0", 10, users=(1,)))
    keep(book.packed(), tmp_path / "evidence")
    again = EvidenceBook(clock)
    again.load(tmp_path / "evidence")
    again.add(said("worker-0", 11, users=(1, 2)))  # the same worker counted on meanwhile
    assert again.history("orders").totals() == totals(11)
    assert again.history("orders").windows[0].erring.on_new() == 2
    again.look("orders", 1000, latched=False)
    assert again.history("orders").totals() == Totals()


def test_a_book_that_cannot_be_read_is_an_empty_one(book: EvidenceBook, tmp_path: Path) -> None:
    (tmp_path / "evidence").write_bytes(b"\x00garbage")
    book.load(tmp_path / "evidence")
    book.load(tmp_path / "nowhere")
    assert book.history("orders").totals() == Totals()
    keep(b"", tmp_path / "nowhere" / "evidence")  # a disk that takes nothing


def test_windows_of_another_length_begin_a_history(book: EvidenceBook) -> None:
    book.look("orders", 1000, latched=False)
    book.add(said("worker-0", 10))
    book.look("orders", 1000, latched=False, window=60.0)
    assert book.history("orders").totals() == Totals()
    book.add(said("worker-0", 11))
    assert book.history("orders").windows[0].number == NOON // 60


def test_users_of_everyone_on_the_new_side_are_not_taken_for_those_of_before(book: EvidenceBook) -> None:
    sample = UserSample(0, {7: Seen(500_000, FULL, True)})
    for _ in range(2):
        book.add(Report("worker-0", "a", users={"orders": {"erring": {500_000: sample}}}))
        assert book.history("orders").windows[0].erring.on_new() == 1


def tell(one: EvidenceBook, two: EvidenceBook) -> None:
    """What the first has seen, to the second."""
    for part, data in one.parts("orders").items():
        two.take("one", "orders", part, data)


HERE = Where("", "a move")


def shared(book: EvidenceBook, percent: int = 1000, where: Where = HERE) -> None:
    book.look("orders", percent, latched=False, where=where)


def test_what_others_have_seen_is_added_however_often_they_say_it(book: EvidenceBook, clock: Clock) -> None:
    """Windows old and new, and users once."""
    other = EvidenceBook(clock)
    for each in (book, other):
        shared(each)
    for _ in range(3):
        other.add(said("worker-0", 100, users=(1, 2), window=500_000))
        book.add(said("worker-9", 10, users=(2, 3), window=500_000))
        clock.now += HOUR
        other.add(said("worker-0", 312))
        tell(other, book)
    assert book.history("orders").totals() == totals(322)
    assert book.seen("orders") == totals(322)
    (window,) = (one for one in book.history("orders").windows if one.number == 500_000)
    assert set(window.erring.users) == {1, 2, 3}
    assert other.history("orders").totals() == totals(312)

    before = book.changes("orders")
    book.forget({"two"})
    assert book.history("orders").totals() == totals(10)
    assert book.changes("orders") != before


def test_a_window_that_moves_from_one_part_to_the_other_counts_once(book: EvidenceBook, clock: Clock) -> None:
    """Also in the moment in which only one of the two has been told."""
    other = EvidenceBook(clock)
    for each in (book, other):
        shared(each)
    before = other.parts("orders")
    for hour in range(1, 6):
        other.add(said("worker-0", 10 * hour))
        before = other.parts("orders")
        clock.now += HOUR
    other.add(said("worker-0", 60))
    after = other.parts("orders")
    for recent, earlier in ((before, before), (before, after), (after, before), (after, after)):
        book.take("one", "orders", "earlier", earlier["earlier"])
        book.take("one", "orders", "recent", recent["recent"])
        # For a moment a window may be in none of them; in both it never is.
        assert book.history("orders").totals().new.requests <= 60
    assert book.history("orders").totals() == totals(60)


def test_of_another_history_nothing_counts_and_of_another_step_no_pass(
    book: EvidenceBook, clock: Clock
) -> None:
    other = EvidenceBook(clock)
    for each in (book, other):
        shared(each)
    other.add(said("worker-0", 50))
    tell(other, book)
    shared(book, where=Where("", "another move"))
    assert (book.history("orders").totals(), book.seen("orders")) == (totals(50), Totals())
    shared(book, where=Where("a restore", "another move"))
    assert book.history("orders").totals() == Totals()
    shared(other, where=Where("a restore", "another move"))
    other.add(said("worker-0", 57))
    tell(other, book)
    assert book.seen("orders") == totals(7)


def test_rubbish_of_others_is_nothing(book: EvidenceBook) -> None:
    shared(book)
    for part in ("recent", "earlier", "another"):
        book.take("one", "orders", part, b"\xc1rubbish")
    book.add(said("worker-0", 3))
    assert book.history("orders").totals() == totals(3)


def test_a_copy_elsewhere_has_another_name_and_none_of_the_evidence(clock: Clock, tmp_path: Path) -> None:
    """The others know the name of the one it was copied from, and what that has seen."""
    names = iter("abc")
    book = EvidenceBook(clock, "host:/var/one", lambda: next(names))
    book.add(said("worker-0", 5))
    keep(book.packed(), tmp_path / "evidence")
    again = EvidenceBook(clock, "host:/var/one", lambda: next(names))
    again.load(tmp_path / "evidence")
    assert (again.name, again.history("orders").totals()) == ("a", totals(5))
    copy = EvidenceBook(clock, "host:/var/two", lambda: next(names))
    copy.load(tmp_path / "evidence")
    assert (copy.name, copy.history("orders").totals()) == ("c", Totals())
    copy.add(said("worker-0", 6))  # a worker whose earlier counts lie with the other name
    assert copy.history("orders").totals() == totals(1)
