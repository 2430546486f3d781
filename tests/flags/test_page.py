"""The state page within one process: what it keeps, refuses and survives."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flags import (
    FeatureState,
    FlagSnapshot,
    PageCorrupt,
    PageFull,
    PageMissing,
    RevisionNotNewer,
    StatePage,
    StateUnwritable,
    UnknownFeature,
    revision_of,
)
from flags.layout import (
    ACTIVE,
    BUFFERS,
    EVERYTHING,
    LATCH_STAMP,
    ROW_BEAT,
    ROW_BYTES,
    ROW_COUNT,
    ROWS,
    SLOTS,
    TOTAL_BYTES,
)

ROOT = Path(__file__).parents[2]


def snapshot(revision: int, **percents: int) -> FlagSnapshot:
    return FlagSnapshot(revision, False, {name: FeatureState(percent) for name, percent in percents.items()})


@pytest.fixture
def page(tmp_path: Path) -> Iterator[StatePage]:
    page = StatePage.create(tmp_path / "state.page", ["checkout", "search"])
    yield page
    page.close()


def test_a_new_page_has_its_features_at_nothing(page: StatePage) -> None:
    assert page.read() == FlagSnapshot(0, False, {"checkout": FeatureState(), "search": FeatureState()})
    assert page.feature_names() == ("checkout", "search")


def test_what_is_published_is_read_elsewhere(page: StatePage) -> None:
    other = StatePage.open(page.path)
    before = other.stamp()
    after = page.publish(snapshot(1, checkout=1000, search=5))
    assert other.stamp() == after != before
    assert revision_of(after) == other.revision() == 1
    assert other.read().features == {"checkout": FeatureState(1000), "search": FeatureState(5)}
    other.close()


@pytest.mark.parametrize("revision", [0, 4, 5])
def test_a_revision_never_goes_back(page: StatePage, revision: int) -> None:
    page.publish(snapshot(5, checkout=1))
    before = page.stamp()
    with pytest.raises(RevisionNotNewer):
        page.publish(snapshot(revision, checkout=9))
    assert page.stamp() == before
    assert page.read().feature("checkout").percent == 1


def test_a_revision_in_force_that_the_stamp_does_not_name_yet_is_not_used_again(page: StatePage) -> None:
    page.publish(snapshot(1, checkout=1))
    stamp = page._page[64:72]
    page.publish(snapshot(2, checkout=2))
    page._page[64:72] = stamp  # the publisher died between its last two stores
    with pytest.raises(RevisionNotNewer):
        page.publish(snapshot(2, checkout=3))


@pytest.mark.parametrize("feature", ["checkout", None])
def test_a_latch_holds_and_is_cleared(page: StatePage, feature: str | None) -> None:
    stamps = [page.stamp(), page.latch(feature, True)]
    held = page.read()
    assert held.latched("checkout")
    assert held.latched("search") == held.everything_latched == (feature is None)
    stamps.append(page.latch(feature, False))
    assert not page.read().latched("checkout")
    assert len(set(stamps)) == 3


def test_a_latch_of_an_unknown_feature_names_the_known_ones(page: StatePage) -> None:
    before = page.stamp()
    with pytest.raises(UnknownFeature, match="checkout, search") as caught:
        page.latch("chekout", True)
    assert caught.value.known == ("checkout", "search")
    assert page.stamp() == before


def test_each_latch_changes_the_stamp_even_when_the_clock_stands_still(
    page: StatePage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time_ns", lambda: 7)
    assert len({page.latch("checkout", bool(n % 2)) for n in range(50)}) == 50


def test_a_latch_does_not_wait_for_a_lock_that_is_not_given_back(page: StatePage) -> None:
    fd = os.open(page.path, os.O_RDWR)
    fcntl.flock(fd, fcntl.LOCK_EX)
    before = page.stamp()
    assert page.latch("checkout", True) != before
    assert page.read().latched("checkout")
    os.close(fd)


def test_publishing_leaves_latches_and_latching_leaves_dials(page: StatePage) -> None:
    page.publish(snapshot(1, checkout=1000))
    page.latch("checkout", True)
    page.publish(snapshot(2, checkout=2000))
    assert page.read().feature("checkout") == FeatureState(2000, True)


def test_a_dial_of_a_new_feature_gives_it_a_latch(page: StatePage) -> None:
    page.publish(snapshot(1, profile=10))
    page.latch("profile", True)
    assert page.read().feature("profile") == FeatureState(10, True)


def test_a_latch_survives_the_end_of_every_process(page: StatePage) -> None:
    page.publish(snapshot(3, checkout=1000))
    page.latch("search", True)
    again = StatePage.create(page.path, ["search", "profile"])
    assert again.read() == FlagSnapshot(
        3, False, {"search": FeatureState(0, True), "profile": FeatureState()}
    )
    again.set_features(["checkout", "search"])
    assert again.read().feature("checkout").percent == 1000
    again.close()


def test_a_feature_that_leaves_keeps_its_latch_for_its_return(page: StatePage) -> None:
    page.latch("checkout", True)
    page.set_features(["search"])
    with pytest.raises(UnknownFeature):
        page.latch("checkout", False)
    assert page.latches() == (frozenset({"checkout"}), False)
    page.set_features(["search", "checkout"])
    assert page.read().latched("checkout")


@pytest.mark.parametrize("harm", ["length", "checksum", "content"])
def test_a_torn_buffer_is_never_believed(page: StatePage, harm: str) -> None:
    page.publish(snapshot(1, checkout=1000))
    start = BUFFERS[page._page[ACTIVE]]
    at = start + {"length": 0, "checksum": 4, "content": 20}[harm]
    page._page[at] ^= 0x11
    with pytest.raises(PageCorrupt):
        page.read()
    page.latch("checkout", True)  # a rollback does not need the buffer
    page.publish(snapshot(2, checkout=7))
    assert page.read().feature("checkout") == FeatureState(7, True)


def test_an_emptied_buffer_is_never_believed(page: StatePage) -> None:
    page.publish(snapshot(1, checkout=1000))
    start = BUFFERS[page._page[ACTIVE]]
    page._page[start : start + 8] = bytes(8)
    with pytest.raises(PageCorrupt):
        page.read()


def _cut(path: Path) -> None:
    os.truncate(path, TOTAL_BYTES // 2)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _zeroes(path: Path) -> None:
    path.write_bytes(bytes(TOTAL_BYTES))


def _other_layout(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[8] = 99
    path.write_bytes(data)


def _garbled_names(path: Path) -> None:
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, 84, 3)
    path.write_bytes(data)


@pytest.mark.parametrize("harm", [_cut, _empty, _zeroes, _other_layout, _garbled_names])
def test_a_page_that_is_not_whole_is_refused_by_open_and_made_again_by_create(
    tmp_path: Path, harm: object
) -> None:
    path = tmp_path / "state.page"
    StatePage.create(path, ["checkout"]).close()
    assert callable(harm)
    harm(path)
    with pytest.raises(PageMissing):
        StatePage.open(path)
    page = StatePage.create(path, ["checkout"])
    assert page.read().features == {"checkout": FeatureState()}
    assert path.stat().st_size == TOTAL_BYTES
    page.close()


def test_no_page_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(PageMissing, match="cannot be opened: No such file"):
        StatePage.open(tmp_path / "none")


def test_a_page_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateUnwritable, match="could not be made"):
        StatePage.create(tmp_path / "file" / "state.page", [])


def test_all_blocks_are_reserved_when_the_page_is_made(page: StatePage) -> None:
    assert page.path.stat().st_blocks * 512 >= TOTAL_BYTES


def test_a_stranger_rolls_back_when_no_file_may_grow(page: StatePage) -> None:
    """A process that is nobody's child, on a full disk: any byte added to any file fails for it."""
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0));"
        "from flags import StatePage; page = StatePage.open(sys.argv[1]);"
        "page.latch('checkout', True); page.latch(None, True); page.close()"
    )
    page.publish(snapshot(1, checkout=1000))
    subprocess.run(
        [sys.executable, "-c", program, str(page.path)], cwd=ROOT, check=True, start_new_session=True
    )
    held = page.read()
    assert held.everything_latched
    assert held.feature("checkout") == FeatureState(1000, True)


def test_a_snapshot_too_large_changes_nothing(page: StatePage) -> None:
    before = page.stamp()
    with pytest.raises(PageFull):
        page.publish(snapshot(1, **{f"f{n:040}": n for n in range(30_000)}))
    assert page.stamp() == before


def test_one_feature_too_many_is_refused(page: StatePage) -> None:
    with pytest.raises(PageFull):
        page.set_features(f"f{number}" for number in range(SLOTS + 1))


def test_features_with_ever_new_names_are_forgotten_at_the_next_start(page: StatePage) -> None:
    """A start makes room: what is configured keeps its dial, what is rolled back its latch, nothing else."""
    page.set_features(["a", "gone"])
    page.publish(snapshot(7, a=2500))
    page.latch("gone", True)
    page.latch(None, True)
    page.set_features(["a", *(f"old{number}" for number in range(SLOTS - 4))])
    with pytest.raises(PageFull, match="start it again"):
        page.set_features(["a", "new1", "new2", "new3", "new4"])
    assert set(page.feature_names()) == {"a", *(f"old{number}" for number in range(SLOTS - 4))}
    path = page.path
    page.close()
    again = StatePage.create(path, ["a", "new1", "new2", "new3", "new4"])
    try:
        assert again.feature_names() == ("a", "new1", "new2", "new3", "new4")
        found = again.read()
        assert (found.revision, found.feature("a").percent, found.everything_latched) == (7, 2500, True)
        again.set_features(["gone"])
        assert again.read().latched("gone")
    finally:
        again.close()


def test_a_page_that_somebody_reads_is_not_made_anew(page: StatePage) -> None:
    """A worker would go on with the old one, and see no rollback any more."""
    page.set_features(f"old{number}" for number in range(SLOTS - 2))
    page.claim_row(os.getpid())
    with pytest.raises(PageFull):
        StatePage.create(page.path, ["new1", "new2", "new3"])


def test_the_everything_latch_is_where_tools_expect_it(page: StatePage) -> None:
    page.latch(None, True)
    data = page.path.read_bytes()
    assert data[EVERYTHING] == 1
    assert data[LATCH_STAMP] == page.stamp()[8:]


# --- workers' rows --------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _heartbeats_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    """No row goes because this process stood still for some seconds."""
    monkeypatch.setattr("flags.page.FRESH", 3600.0)


def test_a_worker_says_what_it_has_taken_over(page: StatePage) -> None:
    row = page.claim_row(os.getpid())
    stamp = page.latch(None, True)
    assert [one.stamp for one in page.rows()] == [bytes(16)]
    page.acknowledge(row, stamp)
    (seen,) = page.rows()
    assert (seen.row, seen.pid, seen.stamp) == (row, os.getpid(), stamp)
    assert 0 <= seen.age_seconds < 60
    page.release_row(row)
    assert page.rows() == []


def test_nobody_waits_for_a_dead_worker_and_its_row_is_given_out_again(page: StatePage) -> None:
    child = subprocess.Popen(["sleep", "60"])
    row = page.claim_row(child.pid)
    assert [one.pid for one in page.rows()] == [child.pid]
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, but its parent has not asked for it
    assert page.rows() == []
    child.wait()
    assert page.rows() == []
    assert page.claim_row(os.getpid()) == row


def test_nobody_waits_for_a_worker_without_heartbeat(page: StatePage) -> None:
    row = page.claim_row(os.getpid())
    at = ROWS + row * ROW_BYTES + ROW_BEAT.start
    for beat in (-1e6, 1e12):  # long ago, on a machine that has just started, too; or before its last start
        page._page[at : at + 8] = struct.pack("<d", beat)
        assert page.rows() == []
    page.beat(row)
    assert len(page.rows()) == 1


def test_a_process_that_inherited_a_number_is_not_the_worker(page: StatePage) -> None:
    row = page.claim_row(1)
    start = ROWS + row * ROW_BYTES
    page._page[start : start + 8] = struct.pack("<II", 1, 4_000_000_000)
    assert page.rows() == []


def test_full_rows_are_refused(page: StatePage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flags.rows.is_alive", lambda pid, mark=0: True)
    assert len({page.claim_row(pid) for pid in range(1, ROW_COUNT + 1)}) == ROW_COUNT
    with pytest.raises(PageFull):
        page.claim_row(9999)


def test_closing_twice_is_fine(page: StatePage) -> None:
    page.close()
    page.close()
