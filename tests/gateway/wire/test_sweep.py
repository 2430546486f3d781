"""Whoever waits too long is told so, whatever becomes of the others."""

from __future__ import annotations

import asyncio
import logging
import socket
from math import inf
from typing import cast

import pytest

from gateway.wire import Sweeper
from gateway.wire.unread import Unread


class Waiting:
    """Told once; one that is broken fails at it."""

    def __init__(self, *, broken: bool = False) -> None:
        self.deadline = 0.0
        self.told = 0
        self.broken = broken

    def expired(self) -> None:
        self.told += 1
        self.deadline = inf
        if self.broken:
            raise RuntimeError("nobody thought of this one")


async def test_one_that_fails_costs_no_other_its_deadline(caplog: pytest.LogCaptureFixture) -> None:
    members = [Waiting(broken=number % 2 == 0) for number in range(20)]
    sweeper = Sweeper(asyncio.get_running_loop())
    sweeper.members.update(members)
    with caplog.at_level(logging.ERROR):
        sweeper.start()
    sweeper.stop()
    assert [one.told for one in members] == [1] * 20
    assert len(caplog.records) == 10


class Transport:
    """A connection that is read no further."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def is_closing(self) -> bool:
        return False

    def get_extra_info(self, _: str) -> socket.socket:
        return self.sock


def test_a_connection_whose_file_has_gone_hides_nobody_who_left() -> None:
    """It is forgotten, without a word to anybody."""
    told: list[str] = []
    (gone, other), (left, peer) = socket.socketpair(), socket.socketpair()
    unread = Unread()
    with gone, other, left, peer:
        for name, sock in (("gone", gone), ("left", left)):
            transport = cast("asyncio.Transport", Transport(sock))
            unread.add(transport, lambda name=name: told.append(name))  # type: ignore[misc] # of a default that is bound here
        gone.close()
        peer.close()
        for _ in range(2):
            for tell in unread.look():
                tell()
    assert told == ["left"]
