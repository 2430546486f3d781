"""Shadow and control process let workers go first: their schedule, as the system tells it."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway import courtesy
from tests.e2e.between import Asked, Says, between
from tests.support.spawn import ROOT

GET = {314: 315, 274: 275}
"""``sched_getattr`` beside ``sched_setattr``."""


def schedule(pid: int) -> tuple[int, int, int]:
    """Policy, nice value, and slice in nanoseconds of a process."""
    number = courtesy._NUMBERS.get(os.uname().machine)
    if number is None:
        pytest.skip("nobody has said how this processor asks for a schedule")
    found = courtesy._Attributes()
    size = ctypes.sizeof(found)
    assert ctypes.CDLL(None).syscall(GET[number], pid, ctypes.byref(found), size, 0) == 0
    return found.policy, found.nice, found.runtime


def test_a_shadow_process_yields_to_workers_and_does_not_starve(tmp_path: Path) -> None:
    def side(_: Asked) -> Says:
        return Says()

    with between(tmp_path, side, side) as gateway:
        (shadow,) = gateway.children("gateway.shadow_process")
        worker = gateway.children("gateway.worker")[0]
        policy, nice, slice_ = schedule(shadow)
        usual = schedule(worker)
        assert (policy, usual[0]) == (os.SCHED_BATCH, os.SCHED_OTHER)
        assert nice == min(usual[1] + courtesy.NICE, 19)
        if usual[2]:  # a kernel since 6.12
            assert slice_ == courtesy.SLICE > usual[2]


def test_the_control_process_interrupts_no_worker_and_keeps_its_share(tmp_path: Path) -> None:
    def side(_: Asked) -> Says:
        return Says()

    with between(tmp_path, side, side) as gateway:
        (control,) = gateway.children("gateway.control_process")
        usual = schedule(gateway.children("gateway.worker")[0])
        policy, nice, slice_ = schedule(control)
        assert (policy, nice) == (os.SCHED_BATCH, usual[1])
        if usual[2]:
            assert slice_ == courtesy.SLICE > usual[2]


def test_the_supervisor_is_interrupted_by_workers_and_what_it_starts_is_as_usual(tmp_path: Path) -> None:
    def side(_: Asked) -> Says:
        return Says()

    with between(tmp_path, side, side) as gateway:
        ours = schedule(os.getpid())
        policy, nice, slice_ = schedule(gateway.process.pid)
        assert (policy, nice) == ours[:2]
        assert schedule(gateway.children("gateway.worker")[0]) == ours
        if ours[2]:
            assert slice_ == courtesy.SLICE > ours[2]


@pytest.mark.parametrize("ask", ["let_others_interrupt", "wait_for_others"])
def test_a_policy_that_somebody_chose_is_kept(ask: str) -> None:
    """In a process of its own: nobody takes it back."""
    code = (
        "import os; from gateway import courtesy\n"
        "os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))\n"
        f"courtesy.{ask}()\n"
        "raise SystemExit(os.sched_getscheduler(0) != os.SCHED_IDLE)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


class Processor:
    """Who gives way gets it back after ``busy`` seconds."""

    def __init__(self) -> None:
        self.now, self.busy, self.given = 100.0, 0.0, 0

    def give(self) -> None:
        self.given += 1
        self.now += self.busy

    def way(self) -> courtesy.GivingWay:
        return courtesy.GivingWay(self.give, lambda: self.now)


def test_who_waits_a_moment_now_and_then_gives_way_each_time() -> None:
    processor = Processor()
    way = processor.way()
    for processor.busy in (0.0, 0.0002):
        for _ in range(100):
            processor.now += 0.0025
            way()
    assert processor.given == 200


@pytest.mark.parametrize("busy", [0.0001, 0.2, 3600.0])
def test_whoever_wants_the_processor_it_loses_a_tenth_of_the_time_at_most(busy: float) -> None:
    """By a wait that counts: a machine that stood still for an hour does not count for an hour."""
    processor = Processor()
    way = processor.way()
    processor.busy = busy
    worked, lost = 0.0, 0.0
    while worked < 30:
        processor.now += 0.0001
        worked += 0.0001
        before = processor.given
        way()
        lost += min(busy, courtesy.OWED) * (processor.given - before)
    most = courtesy.LOSS * worked
    assert 0.9 * most <= lost <= most + courtesy.SAVED + min(busy, courtesy.OWED)


def test_where_it_may_not_ask_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "nice", refused)
    monkeypatch.setattr(os, "sched_setscheduler", refused)
    courtesy.let_others_first()
