"""The decisions that are kept: for a while, and not too many."""

from __future__ import annotations

from pathlib import Path

from gateway.control.decisions import DecisionBook
from gateway.core.kept import Decided, KeptDecision, KeyHash
from gateway.sinks import DecisionSamples

ONE = Decided(0.0, "id", "GET", "orders", "/o", "new", "percentage", "ann", "cookie:s", 12, 50, 3, 200, False)


def kept(request: str, at: float) -> KeptDecision:
    samples = DecisionSamples(1, "worker-0", KeyHash(b"a secret of some length"))
    samples.take(ONE._replace(request=request, at=at))
    return samples.told()[0]


def test_they_go_after_their_time_and_the_oldest_when_there_are_too_many(tmp_path: Path) -> None:
    now = [1000.0]
    book = DecisionBook(tmp_path / "d.sqlite", 100, 5, lambda: now[0])
    book.add([kept(f"r{number}", 1000) for number in range(20)])
    book.write()
    assert book.find("r19")[0].key_hash == KeyHash(b"a secret of some length")("ann")
    now[0] = 1070
    book.add([kept("late", 1070)])
    book.write()
    assert [bool(book.find(f"r{number}")) for number in (0, 15, 16, 19)] == [False, False, True, True]
    now[0] = 1101
    assert not book.find("r19")
    assert book.find("late")
    book.close()


def test_of_an_id_that_is_sent_again_and_again_the_youngest_are_told(tmp_path: Path) -> None:
    book = DecisionBook(tmp_path / "d.sqlite", 1000, 500, lambda: 1000.0)
    book.add([kept("same", number) for number in range(300)])
    assert [one.at for one in book.find("same")] == list(range(200, 300))
    book.close()


def test_a_folder_that_cannot_be_written_loses_them_quietly(tmp_path: Path) -> None:
    book = DecisionBook(tmp_path / "none" / "d.sqlite", 100, 5, lambda: 0.0)
    book.add([kept("r", 0)])
    book.write()
    assert book.find("r") == []


def test_a_worker_keeps_all_of_few_and_some_of_many() -> None:
    """Two a second: 240 at once, then two in each second."""
    samples = DecisionSamples(2, "worker-0", str)
    taken = 0
    for tick in range(100_000):
        if samples.wants(tick / 1000):
            samples.take(ONE)
            taken += 1
        if tick % 250 == 0:
            samples.told()
    assert 240 + 150 <= taken <= 240 + 202
    none = DecisionSamples(0, "worker-0", str)
    assert not any(none.wants(float(second)) for second in range(1000))
