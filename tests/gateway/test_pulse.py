"""Who hangs is seen by the pulse; who is slow to start, or stood still with everybody, does not hang."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL

import pytest

from gateway.pulse import HANGS, Pulse, PulseWatch


class Place:
    """A process that only has a number."""

    name = "shadow 7"

    def __init__(self) -> None:
        self.pid = 100
        self.signals: list[int] = []

    def signal(self, number: int) -> None:
        self.signals.append(number)


class Looks:
    """A watch that looks four times a second, at a process that beats as often when it is told to."""

    def __init__(self, runtime: Path) -> None:
        self.file = runtime / "shadow-7.pulse"
        self.place = Place()
        self.watch = PulseWatch(runtime)
        self.now = 1000.0
        self.beats = 0

    def beat(self) -> None:
        self.beats += 1
        self.file.touch()
        os.utime(self.file, ns=(0, self.beats))

    def go_on(self, seconds: float, *, beating: bool = False) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now += 0.25
            if beating:
                self.beat()
            self.watch.look([(7, self.place)], self.now)


@pytest.fixture
def looks(tmp_path: Path) -> Looks:
    return Looks(tmp_path)


def test_one_that_beats_is_left_alone(looks: Looks) -> None:
    looks.go_on(10 * HANGS, beating=True)
    assert looks.place.signals == []


def test_one_that_stops_beating_is_killed_once_and_that_is_marked(looks: Looks, tmp_path: Path) -> None:
    looks.go_on(5, beating=True)
    looks.go_on(HANGS - 1)
    assert looks.place.signals == []
    looks.go_on(2)
    assert looks.place.signals == [SIGKILL]
    assert (tmp_path / "shadow-7.hung").exists()


def test_the_next_one_has_time_to_start(looks: Looks) -> None:
    looks.go_on(5, beating=True)
    looks.go_on(HANGS + 1)
    looks.place = Place()
    looks.place.pid = 101
    looks.go_on(4 * HANGS)
    assert looks.place.signals == []
    looks.go_on(3 * HANGS)  # and no more than that
    assert looks.place.signals == [SIGKILL]


def test_one_that_hangs_right_after_its_first_beat_has_no_more_time_than_others(looks: Looks) -> None:
    looks.beat()
    looks.file.write_text(str(looks.place.pid))
    looks.go_on(HANGS - 1)
    assert looks.place.signals == []
    looks.go_on(2)
    assert looks.place.signals == [SIGKILL]


def test_time_in_which_nobody_looked_does_not_count(looks: Looks) -> None:
    looks.go_on(5, beating=True)
    looks.now += 3600  # all stood still: the machine, or its image
    looks.go_on(HANGS - 2)
    assert looks.place.signals == []
    looks.go_on(3)
    assert looks.place.signals == [SIGKILL]


def test_one_without_a_pulse_file_or_without_a_process_is_not_judged(looks: Looks) -> None:
    looks.go_on(10 * HANGS)
    looks.beat()
    looks.place.pid = 0
    looks.go_on(10 * HANGS)
    assert looks.place.signals == []


async def test_the_next_process_knows_that_one_hung_and_only_that_one(tmp_path: Path) -> None:
    assert not Pulse(tmp_path, 7).follows_hung
    (tmp_path / "shadow-7.hung").touch()
    assert not Pulse(tmp_path, 8).follows_hung
    assert Pulse(tmp_path, 7).follows_hung
    pulse = Pulse(tmp_path, 7)
    assert not pulse.follows_hung
    task = asyncio.get_running_loop().create_task(pulse.beat())
    await asyncio.sleep(0)
    assert (tmp_path / "shadow-7.pulse").read_text() == str(os.getpid())
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
