"""The trials themselves: one rollback in trouble, many in a row, over two machines."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

from bench.rollback.machine import Command, Machine
from bench.rollback.sides import Side, Tunnel
from bench.rollback.trouble import Room, around
from bench.waiting import until

__all__ = ["Spread", "Trial", "in_trouble", "many", "over_two"]

WHY = {"reason": "a trial", "by": "bench"}
_QUIET = 0.4
"""Seconds without a request on the new side after which the last one was the last."""


class Trial(NamedTuple):
    """Seconds from the start of the command: to the last request on the new side, to the close of the
    tunnel, to the command's end. `failures`: requests that were not answered with 200; `status`: of the
    command.
    """

    last: float
    tunnel: float
    command: float
    status: int
    failures: int


class Spread(NamedTuple):
    """Of many: seconds."""

    number: int
    p50: float
    p99: float
    worst: float


def spread(values: list[float]) -> Spread:
    """At least one value."""
    parts = statistics.quantiles(values * (2 if len(values) == 1 else 1), n=100, method="inclusive")
    return Spread(len(values), statistics.median(values), parts[98], max(values))


async def settled(new: Side, machine: str, quiet: float = _QUIET) -> float:
    """When the new side was asked last, once it is asked no more."""
    limit = time.monotonic() + 20
    while time.monotonic() - new.last.get(machine, 0.0) < quiet:
        if time.monotonic() > limit:
            raise RuntimeError(f"users of {machine} still reach the new side")
        await asyncio.sleep(0.01)
    return new.last.get(machine, 0.0)


async def in_trouble(room: Room, new: Side, name: str, by: str) -> Trial:
    """One rollback by `command` or `script`, then everything as it was."""
    machine = room.machine
    await _until_new(new, machine)
    failures = machine.failures()
    tunnel = Tunnel(machine.port, machine.name)
    await tunnel.open()
    with around(room, name):
        await asyncio.sleep(0.3)  # so that the trouble is felt
        before = new.count
        await until(lambda: new.count > before + 20, "users are on the new side")
        done = await _roll_back(machine, by)
        last = await settled(new, machine.name)
        assert tunnel.closed
        closed = await asyncio.wait_for(tunnel.closed, 10)
    trial = Trial(
        max(0.0, last - done.started),
        closed - done.started,
        done.ended - done.started,
        done.status,
        machine.failures() - failures,
    )
    await _restore(machine, new)
    return trial


async def many(
    machine: Machine, new: Side, rounds: int, seconds: float, tell: Callable[[int], None]
) -> dict[str, Spread]:
    """So many dials and rollbacks by the admin API: as each says how long its last worker took, and as seen
    from outside: from asking to the last request on the new side.
    """
    found: dict[str, list[float]] = {"dial": [], "rollback": [], "rollback, seen from outside": []}
    until_then = time.monotonic() + seconds
    for number in range(rounds):
        if time.monotonic() > until_then:
            break
        tell(number)
        percent = 100 if number % 2 else 99
        body = {"percent": percent, **WHY}
        found["dial"].append((await machine.ask("PUT", "/features/orders/dial", body))["seconds"])
        before = new.count
        await until(lambda before=before: new.count > before + 3, "users are on the new side")  # type: ignore[misc] # of a default that is bound here
        asked = time.monotonic()
        done = await machine.ask("POST", "/features/orders/rollback", WHY)
        if not done["complete"]:
            raise RuntimeError(f"not every worker has it: {done}")
        found["rollback"].append(done["seconds"])
        last = await settled(new, machine.name, 0.06)
        found["rollback, seen from outside"].append(max(0.0, last - asked))
        await machine.ask("DELETE", "/features/orders/rollback", WHY)
    return {name: spread(values) for name, values in found.items()}


async def over_two(
    one: Machine, two: Machine, new: Side, rounds: int, tell: Callable[[int], None]
) -> dict[str, Spread]:
    """Rollbacks on one machine, seen by the users of the other; and dials to 0."""
    found: dict[str, list[float]] = {
        "rollback on the other machine": [],
        "dial to 0 on the other machine": [],
    }
    for number in range(rounds):
        tell(number)
        asked = time.monotonic()
        await one.ask("POST", "/features/orders/rollback", WHY)
        found["rollback on the other machine"].append(max(0.0, await settled(new, two.name, 0.3) - asked))
        await one.ask("DELETE", "/features/orders/rollback", WHY)
        await _until_new(new, one, two)
        asked = time.monotonic()
        await one.ask("PUT", "/features/orders/dial", {"percent": 0, **WHY})
        found["dial to 0 on the other machine"].append(max(0.0, await settled(new, two.name, 0.3) - asked))
        await one.ask("PUT", "/features/orders/dial", {"percent": 100, **WHY})
        await _until_new(new, one, two)
    return {name: spread(values) for name, values in found.items()}


async def _until_new(new: Side, *machines: Machine) -> None:
    since = time.monotonic()
    await until(
        lambda: all(new.last.get(one.name, 0.0) > since for one in machines), "users are on the new side"
    )


async def _roll_back(machine: Machine, by: str) -> Command:
    if by == "script":
        return await machine.script("orders")
    return await machine.command("rollback", "orders", "--reason", "a trial", "--by", "bench")


async def _restore(machine: Machine, new: Side) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            status = await machine.ask("GET", "/status")
            if not status["shared"]["problem"]:
                await machine.ask("DELETE", "/features/orders/rollback", WHY)
                break
        except (OSError, RuntimeError, ValueError) as error:
            if time.monotonic() > deadline:
                raise RuntimeError(f"it cannot be restored: {error}") from error
        if time.monotonic() > deadline:
            raise RuntimeError("what is shared does not come back")
        await asyncio.sleep(0.2)
    await _until_new(new, machine)
    await asyncio.sleep(0.3)
