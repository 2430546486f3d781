"""Files that are replaced or made in one step: their rights, and what stays when they cannot be."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from flags import make_private, replace_private, replace_whole


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def rights(path: Path) -> str:
    return oct(stat.S_IMODE(path.stat().st_mode))


def test_rights_are_the_asked_ones_less_the_umask(tmp_path: Path) -> None:
    for mode, found in ((0o660, "0o640"), (0o666, "0o644")):
        path = tmp_path / found
        replace_whole(path, b"one", mode=mode)
        replace_whole(path, b"two", mode=mode, durable=False)
        assert (path.read_bytes(), rights(path)) == (b"two", found)


def test_what_cannot_take_its_place_leaves_nothing_and_changes_nothing(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()  # no file can take the name of a folder
    with pytest.raises(OSError, match="directory"):
        replace_whole(place, b"one")
    with pytest.raises(OSError, match="directory"):
        replace_private(place, b"one")
    assert list(tmp_path.iterdir()) == [place]


def test_a_private_file_is_its_owner_s_alone_whatever_stood_there(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes(b"of before")
    beside = tmp_path / f".list.{os.getpid()}"
    beside.write_bytes(b"half of it")  # left by a process of the same number, for everybody to read
    replace_private(path, b"one")
    assert (path.read_bytes(), rights(path)) == (b"one", "0o600")
    assert not beside.exists()


def test_a_key_that_is_there_stays_and_one_that_was_begun_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "key"
    beside = tmp_path / f".key.{os.getpid()}"
    beside.write_bytes(b"half of it")
    make_private(path, b"one")
    make_private(path, b"two")
    assert (path.read_bytes(), rights(path)) == (b"one", "0o600")
    assert not beside.exists()
