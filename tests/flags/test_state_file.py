"""The state on the disk: whole at every moment, believed only when it matches its checksum."""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flags import RevisionNotNewer, StateCorrupt, StateFile, StateUnwritable, StoredState

ROOT = Path(__file__).parents[2]


@pytest.fixture
def file(tmp_path: Path) -> StateFile:
    return StateFile(tmp_path / "var")


def state(revision: int, **percents: int) -> StoredState:
    return StoredState(revision, 1_800_000_000.125, percents)


def test_there_is_nothing_at_first(file: StateFile) -> None:
    assert file.load() is None
    assert file.warning == ""


def test_what_is_saved_is_loaded_by_another(file: StateFile) -> None:
    saved = StoredState(7, 1_800_000_000.125, {"checkout": 1050, "é": 1}, ("checkout",), True)
    file.save(saved)
    assert StateFile(file.dir).load() == saved


def test_the_file_is_json_for_people_and_carries_its_checksum(file: StateFile) -> None:
    file.save(state(1, checkout=5))
    document = json.loads(file.path.read_text())
    assert set(document) == {"checksum", "state"}
    assert document["state"]["percents"] == {"checkout": 5}


@pytest.mark.parametrize("revision", [1, 4, 5])
def test_a_revision_never_goes_back(file: StateFile, revision: int) -> None:
    file.save(state(5, checkout=5))
    for writer in (file, StateFile(file.dir)):
        with pytest.raises(RevisionNotNewer):
            writer.save(state(revision, checkout=9))
    assert file.load() == state(5, checkout=5)


def test_the_one_before_is_kept(file: StateFile) -> None:
    file.save(state(1))
    file.save(state(2))
    assert json.loads(file.previous.read_text())["state"]["revision"] == 1


@pytest.mark.parametrize(
    "harm", [b"", b"{", b"\0" * 100, b'{"checksum": "0", "state": {"revision": 9}}', b"\xff\xfe"]
)
def test_a_damaged_file_falls_back_to_the_one_before_with_a_warning(file: StateFile, harm: bytes) -> None:
    file.save(state(1))
    file.save(state(2))
    file.path.write_bytes(harm)
    assert file.load() == state(1)
    assert "revision 1, is used instead" in file.warning
    file.save(state(3))
    assert file.load() == state(3)
    assert file.warning == ""
    assert json.loads(file.previous.read_text())["state"]["revision"] == 1, (
        "damage must not push out a good file"
    )


def test_a_value_changed_by_hand_is_not_believed(file: StateFile) -> None:
    file.save(state(1, checkout=5))
    file.path.write_text(file.path.read_text().replace('"checkout": 5', '"checkout": 10000'))
    with pytest.raises(StateCorrupt, match="checksum does not match"):
        file.load()


def test_two_damaged_files_are_one_sentence_that_says_what_to_do(file: StateFile) -> None:
    file.save(state(1))
    file.save(state(2))
    file.path.write_bytes(b"x")
    file.previous.write_bytes(b"y")
    with pytest.raises(
        StateCorrupt, match=r"state\.json.*state\.json\.previous.*put a good copy back"
    ) as caught:
        file.load()
    assert "\n" not in str(caught.value)


def test_an_unwritable_place_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file where the folder should be")
    with pytest.raises(StateUnwritable, match="could not be written: "):
        StateFile(tmp_path / "var").save(state(1))


def test_a_read_only_folder_is_one_sentence_and_changes_nothing(file: StateFile) -> None:
    """In a process of an ordinary user, since nothing is read-only to root."""
    file.save(state(1))
    program = (
        "import os, sys; from flags import *;"
        "os.getuid() or (os.setgid(65534), os.setuid(65534));"
        "file = StateFile(sys.argv[1]);\n"
        "try: file.save(StoredState(2))\n"
        "except StateUnwritable as error: print(error)"
    )
    for folder in (file.dir, *file.dir.parents[:3]):
        folder.chmod(0o555)
    done = subprocess.run(
        [sys.executable, "-c", program, str(file.dir)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for folder in (*reversed(file.dir.parents[:3]), file.dir):
        folder.chmod(0o755)
    assert "could not be written: Permission denied." in done.stdout
    assert file.load() == state(1)


def test_a_full_disk_is_one_sentence_and_changes_nothing(file: StateFile) -> None:
    file.save(state(1, checkout=5))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        with pytest.raises(StateUnwritable):
            file.save(state(2, checkout=9))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert file.load() == state(1, checkout=5)
    assert not list(file.dir.glob("*.new"))


WRITER = """
import sys
from flags import StateFile, StoredState
file = StateFile(sys.argv[1])
state = file.load() or StoredState()
while True:
    state = state.with_percents({f"f{state.revision % 50}": state.revision % 10001}, 0.0)
    file.save(state)
    print(state.revision, flush=True)
"""


def test_a_writer_killed_at_any_moment_loses_nothing(file: StateFile) -> None:
    dice = random.Random(1)
    acknowledged = 0
    for _ in range(12):
        command = [sys.executable, "-c", WRITER, str(file.dir)]
        child = subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(dice.uniform(0, 0.03))
        child.kill()
        said = [line for line in child.communicate()[0].splitlines(keepends=True) if line.endswith("\n")]
        acknowledged = max([acknowledged, *map(int, said)])
        loaded = file.load()
        assert loaded is not None
        assert loaded.revision >= acknowledged
        assert file.warning == ""


def test_of_many_writers_each_revision_is_won_by_one(file: StateFile) -> None:
    program = """
import sys
from flags import RevisionNotNewer, StateFile, StoredState
file, won = StateFile(sys.argv[1]), 0
while won < 40:
    try:
        file.save((file.load() or StoredState()).with_percents({"a": 1}, 0.0))
        won += 1
    except RevisionNotNewer:
        pass
"""
    children = [subprocess.Popen([sys.executable, "-c", program, str(file.dir)], cwd=ROOT) for _ in range(3)]
    assert [child.wait(300) for child in children] == [0, 0, 0]
    loaded = file.load()
    assert loaded is not None
    assert loaded.revision == 120


def test_changes_make_the_next_revision() -> None:
    first = StoredState(3, 0.0, {"a": 1})
    assert first.with_percents({"b": 2}, 9.0) == StoredState(4, 9.0, {"a": 1, "b": 2})
    latched = first.with_latch("a", True, 9.0)
    assert latched.latched == ("a",)
    assert latched.with_latch("a", False, 9.0).latched == ()
    assert first.with_latch(None, True, 9.0).everything_latched
    assert first == StoredState(3, 0.0, {"a": 1})
