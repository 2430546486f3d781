"""Open files, shared out."""

import pytest

from gateway.room import Room, share


def test_where_there_is_enough_everybody_gets_what_was_asked_for() -> None:
    assert share(1 << 20, 10_000, (512, 512)) == Room(10_000, (512, 512), (1 << 16) - 40)
    assert share(20_000, 10_000, (512, 512)).clients == 10_000


def test_where_there_is_too_little_it_is_halved() -> None:
    assert share(1024, 10_000, (512, 512)) == Room(480, (240, 240), 24)
    assert share(128, 10_000, (512, 512)) == Room(40, (20, 20), 8)
    assert share(128, 10, (5, 512)) == Room(10, (5, 20), 8)


@pytest.mark.parametrize("files", [1, 50, 64, 100, 256, 4096, 65_536])
def test_nobody_is_left_without_and_nothing_is_given_twice(files: int) -> None:
    room = share(files, 10_000, (512, 512))
    assert min(room.clients, *room.upstreams, room.turned_away) >= 1
    if files >= 64:
        assert room.clients + sum(room.upstreams) + room.turned_away + 40 <= files
