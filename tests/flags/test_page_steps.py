"""Each single store of a writer, with a reader (or the writer's death) right after it: no chance involved."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flags import FeatureState, FlagSnapshot, StatePage


class Watched:
    """A mapping that calls `after` when a store into it is done."""

    def __init__(self, page: mmap.mmap, after: Callable[[], None]) -> None:
        self._page = page
        self._after = after

    def __getitem__(self, where: Any) -> Any:
        return self._page[where]

    def __setitem__(self, where: Any, value: Any) -> None:
        self._page[where] = value
        self._after()

    def close(self) -> None:
        self._page.close()


class Died(Exception):
    """The writer was killed here."""


def watch(page: StatePage, after: Callable[[], None]) -> None:
    watched: Any = Watched(page._page, after)
    page._page = page._slots._page = watched


def snapshot(revision: int) -> FlagSnapshot:
    return FlagSnapshot(revision, False, {"a": FeatureState(revision), "b": FeatureState(revision)})


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[tuple[StatePage, StatePage]]:
    writer = StatePage.create(tmp_path / "state.page", ["a", "b"])
    for revision in (1, 2, 3):
        writer.publish(snapshot(revision))
    reader = StatePage.open(writer.path)
    yield writer, reader
    writer.close()
    reader.close()


def test_a_reader_between_any_two_stores_finds_a_whole_snapshot(pages: tuple[StatePage, StatePage]) -> None:
    writer, reader = pages
    seen = []

    def read() -> None:
        stamp, got = reader.revision(), reader.read()
        assert got.features == snapshot(got.revision).features
        assert got.revision >= stamp, "whoever sees a stamp finds at least what it announces"
        seen.append(got.revision)

    watch(writer, read)
    writer.publish(snapshot(4))
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (3, 4)


def test_a_publisher_that_dies_after_any_store_leaves_a_page_that_works(tmp_path: Path) -> None:
    for steps in range(1, 20):
        page = StatePage.create(tmp_path / f"{steps}.page", ["a", "b"])
        page.publish(snapshot(1))
        left = iter(range(steps - 1))

        def die(left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise Died

        watch(page, die)
        try:
            page.publish(snapshot(2))
        except Died:
            died = True
        else:
            died = False
        again = StatePage.open(page.path)
        assert again.read().features == snapshot(again.read().revision).features
        again.latch("a", True)
        again.publish(snapshot(again.read().revision + 1))
        assert again.read().latched("a")
        again.close()
        page.close()
        if not died:
            assert steps > 4
            return
    pytest.fail("publishing has no end")


@pytest.mark.parametrize("feature", ["a", None])
def test_a_latch_is_never_announced_before_it_holds(
    pages: tuple[StatePage, StatePage], feature: str | None
) -> None:
    writer, reader = pages
    known = {reader.stamp(): reader.read()}

    def read() -> None:
        stamp = reader.stamp()
        if stamp not in known:
            known[stamp] = reader.read()

    watch(writer, read)
    writer.latch(feature, True)
    assert known[reader.stamp()].latched("a"), "the reader has what the last stamp stands for"


def test_two_latchers_without_the_lock_at_the_same_nanosecond_hide_nothing(
    pages: tuple[StatePage, StatePage], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one runs whole between any two stores of the first, with the clock standing still."""
    writer, reader = pages
    monkeypatch.setattr("time.time_ns", lambda: 7)
    monkeypatch.setattr("flags.page.LATCH_PATIENCE", 0.0)
    known = {reader.stamp(): reader.read()}
    other = StatePage.open(writer.path)

    def interfere() -> None:
        other.latch("b", True)
        known.setdefault(reader.stamp(), reader.read())

    watch(writer, interfere)
    writer.latch("a", True)
    known.setdefault(reader.stamp(), reader.read())
    last = known[reader.stamp()]
    assert last.latched("a")
    assert last.latched("b")
    other.close()
