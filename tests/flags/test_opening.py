"""Starting: file, surviving page and seeds are brought to one state, and no rollback is forgotten."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flags import (
    PAGE_NAME,
    OpenedState,
    StateCorrupt,
    StateFile,
    StatePage,
    StateUnwritable,
    StoredState,
    open_state,
)
from flags.layout import ACTIVE, BUFFERS

SEEDS = {"checkout": 1000, "search": 0}


@contextmanager
def opened(folder: Path, seeds: dict[str, int] = SEEDS) -> Iterator[OpenedState]:
    state = open_state(folder, seeds, 9.0)
    try:
        live = state.page.read()
        assert live.revision == state.stored.revision
        assert live.everything_latched == state.stored.everything_latched
        assert {name: one.percent for name, one in live.features.items()} == {
            name: state.stored.percents[name] for name in seeds
        }
        assert {name for name, one in live.features.items() if one.latched} == set(
            state.stored.latched
        ) & set(seeds)
        yield state
    finally:
        state.page.close()


def test_the_first_start_takes_the_seeds(tmp_path: Path) -> None:
    with opened(tmp_path / "var") as state:
        assert state.stored == StoredState(1, 9.0, SEEDS)
        assert state.warnings == ()
        assert StateFile(tmp_path / "var").load() == state.stored


def test_a_restart_keeps_the_dials_and_seeds_only_what_is_new(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        state.file.save(state.stored.with_percents({"checkout": 5000}, 1.0))
    with opened(tmp_path, {"checkout": 0, "profile": 7}) as state:
        assert state.stored.percents == {"checkout": 5000, "search": 0, "profile": 7}
        assert state.page.feature_names() == ("checkout", "profile")


@pytest.mark.parametrize("feature", ["search", None])
def test_a_rollback_made_while_nobody_was_alive_holds(tmp_path: Path, feature: str | None) -> None:
    with opened(tmp_path) as state:
        stranger = StatePage.open(tmp_path / PAGE_NAME)
        stranger.latch(feature, True)
        stranger.close()
    with opened(tmp_path) as state:
        assert state.page.read().latched("search")
        loaded = state.file.load()
        assert loaded is not None
        assert loaded.latched == (("search",) if feature else ())
        assert loaded.everything_latched == (feature is None)


@pytest.mark.parametrize("harm", ["gone", "cut"])
def test_a_rollback_in_the_file_survives_the_loss_of_the_page(tmp_path: Path, harm: str) -> None:
    with opened(tmp_path) as state:
        state.file.save(state.stored.with_latch("search", True, 1.0))
    if harm == "gone":
        (tmp_path / PAGE_NAME).unlink()
    else:
        os.truncate(tmp_path / PAGE_NAME, 5000)
    with opened(tmp_path) as state:
        assert state.page.read().latched("search")


def test_restored_in_both_is_restored(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        latched = state.stored.with_latch("search", True, 1.0)
        state.file.save(latched)
        state.page.latch("search", True)
        state.file.save(latched.with_latch("search", False, 2.0))
        state.page.latch("search", False)
    with opened(tmp_path) as state:
        assert state.stored.latched == ()


def test_a_latch_of_a_feature_that_left_holds_when_it_comes_back(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        state.page.latch("search", True)
    with opened(tmp_path, {"checkout": 0}):
        pass
    (tmp_path / PAGE_NAME).unlink()
    with opened(tmp_path) as state:
        assert state.page.read().latched("search")


def test_a_page_ahead_of_the_file_keeps_its_dials(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        newer = state.stored.with_percents({"checkout": 7000}, 1.0)
        state.file.save(newer)
    with opened(tmp_path):
        pass
    (tmp_path / "state.json").write_bytes(b"damaged")
    with opened(tmp_path) as state:
        assert state.stored.percents["checkout"] == 7000
        assert any("is used instead" in warning for warning in state.warnings)
        assert state.stored.revision > newer.revision


def test_the_revision_stays_above_everything_seen(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        for _ in range(5):
            state.file.save((state.file.load() or state.stored).with_percents({"checkout": 1}, 0.0))
    for _ in range(2):
        (tmp_path / PAGE_NAME).unlink()
        with opened(tmp_path) as state:
            assert state.stored.revision > 6


def test_a_damaged_snapshot_is_made_again_from_the_file_and_latches_stay(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        state.page.latch("checkout", True)
        page = state.page._page
        page[BUFFERS[page[ACTIVE]] + 12] ^= 1
    with opened(tmp_path) as state:
        assert state.stored.percents == SEEDS
        assert state.stored.latched == ("checkout",)
        assert "damaged" in state.warnings[0]


def test_a_folder_that_became_unwritable_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as state:
        before = state.stored

    def full(self: StateFile, state: StoredState, record: object = None) -> None:
        raise StateUnwritable("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(StateFile, "save", full)
        with opened(tmp_path) as state:
            assert state.warnings == ("The disk is full.",)
            assert state.stored.revision == before.revision + 1
    with opened(tmp_path) as state:
        assert state.stored.revision == before.revision + 2


def test_a_state_that_nobody_can_believe_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_bytes(b"x")
    with pytest.raises(StateCorrupt):
        open_state(tmp_path, SEEDS, 0.0)
