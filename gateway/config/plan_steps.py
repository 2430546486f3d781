"""The steps of a plan, as a kind of value. It must not know which keys there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.config.kinds import BOOLEAN, PERCENT, Kind, duration, integer
from gateway.config.problems import Refused

HOLD = duration("0s", "90d")
_SAMPLES = integer(0, 1_000_000_000)
_STEP: dict[str, Callable[[object], Any]] = {
    "percent": PERCENT.read,
    "hold": HOLD.read,
    "samples": _SAMPLES.read,
    "person": BOOLEAN.read,
}
_STEPS = (
    "a list of rising steps, each a percentage or a table such as "
    '{ percent = 10, hold = "24h", samples = 5000, person = true }'
)


def _plan_steps(value: object) -> list[dict[str, Any]]:
    """Each step with what it says itself; the rest is the plan's."""
    if not isinstance(value, list):
        raise Refused(_STEPS)
    found: list[dict[str, Any]] = []
    refused: list[str] = []
    for number, written in enumerate(value, 1):
        try:
            step = _plan_step(written)
            if found and step["percent"] <= found[-1]["percent"]:
                raise Refused("a percentage above that of the step before")
            found.append(step)
        except Refused as wrong:
            refused.append(f"step {number} is {written!r}: expected {wrong}")
    if refused:
        raise Refused("; ".join([_STEPS, *refused]))
    return found


def _plan_step(written: object) -> dict[str, Any]:
    if not isinstance(written, dict):
        return {"percent": PERCENT.read(written)}
    unknown = [name for name in written if name not in _STEP]
    if unknown or "percent" not in written:
        raise Refused(f"a table with percent, and of {', '.join(_STEP)} nothing else")
    step = {}
    for name, entry in written.items():
        try:
            step[name] = _STEP[name](entry)
        except Refused as wrong:
            raise Refused(f"for {name} {wrong}") from None
    return step


PLAN_STEPS = Kind("list of steps", _plan_steps)
