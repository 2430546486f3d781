"""What is worth waking somebody: a table, pure. It must not know where alerts go."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec

from flags import AUTOMATIC, Entry

__all__ = ["EVENTS", "Alert", "Trouble", "alert_of", "cleared", "raised", "trial"]

_BY_ACTION: Final = {
    "rollback": "rollback",
    "restore": "restore",
    "dial": "dial",
    "freeze": "freeze",
    "thaw": "freeze",
    "guard_broken": "guard",
    "source_behind": "source",
    "ledger_damaged": "ledger",
}
EVENTS: Final = ("rollback", "restore", "guard", "freeze", "dial", "source", "divergence", "ledger", "test")
"""The words for `alerts.events`, and `test`, which nobody can switch off."""


class Alert(msgspec.Struct, frozen=True):
    """One thing that happened, with stable keys. `id`: the same at every try, so that a receiver can tell a
    repetition. `text`: one line for a person. `feature` null is everything, or nothing in particular.
    `automatic`: no person did it. `time`: ISO 8601, UTC.
    """

    id: str
    event: str
    text: str
    machine: str
    time: str
    feature: str | None = None
    actor: str = ""
    reason: str = ""
    evidence: Any = None
    old: Any = None
    new: Any = None
    revision: int = 0
    automatic: bool = False


class Trouble(NamedTuple):
    """Something that is wrong for as long as it lasts: `key` names it, `event` is one of ours. `after`:
    seconds that it has to last before anybody is told.
    """

    key: str
    event: str
    text: str
    after: float = 0.0


def alert_of(entry: Entry, machine: str) -> Alert | None:
    """None for what nobody has to know at once, and for what another machine has told already."""
    event = _BY_ACTION.get(entry.action)
    if event is None or (isinstance(entry.evidence, dict) and "machine" in entry.evidence):
        return None
    return Alert(
        id=f"{machine}/{entry.seq}-{entry.hash[:12]}" if entry.seq else "",
        event=event,
        text=_text(entry, machine),
        machine=machine,
        time=entry.time,
        feature=entry.feature,
        actor=entry.actor,
        reason=entry.reason,
        evidence=entry.evidence,
        old=entry.old,
        new=entry.new,
        revision=entry.revision,
        automatic=entry.actor in AUTOMATIC,
    )


def raised(one: Trouble, machine: str, now: float) -> Alert:
    """It began."""
    time = _iso(now)
    return Alert(f"{machine}/{one.key}/{time}", one.event, f"{one.text} ({machine})", machine, time)


def cleared(one: Trouble, machine: str, now: float) -> Alert:
    """It is over."""
    time = _iso(now)
    text = f"Over: {one.text} ({machine})"
    return Alert(f"{machine}/{one.key}/over/{time}", one.event, text, machine, time)


def trial(machine: str, actor: str, now: float) -> Alert:
    """Nothing happened: somebody wants to see whether alerts arrive."""
    time = _iso(now)
    text = f"A test of Banyan's alerts, by {actor} ({machine}); nothing has happened."
    return Alert(f"{machine}/test/{time}", "test", text, machine, time, actor=actor)


def _text(entry: Entry, machine: str) -> str:
    what = entry.feature or "everything"
    by = "automatically" if entry.actor in AUTOMATIC else f"by {entry.actor}"
    reason = f": {entry.reason}" if entry.reason else ""
    match entry.action:
        case "rollback":
            said = f"{what} was taken back to legacy {by}"
        case "restore":
            said = f"{what} was restored {by}"
        case "dial":
            said = f"{what}: {entry.old} % -> {entry.new} % {by}"
        case "freeze" | "thaw":
            said = f"raises were {'frozen' if entry.action == 'freeze' else 'allowed again'} {by}"
        case "guard_broken":
            said = f"{what} stays where it is although a guard is broken"
        case _:
            said = entry.action.replace("_", " ")
    return f"{said}{reason} ({machine})"


def _iso(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
