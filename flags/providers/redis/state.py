"""What several machines share, as a value, and how two copies of it become one: pure. It must not know Redis.

Dials have an order: of two copies the one of the higher version counts. Rollbacks have none: each has a name
of its own, holds from the moment it is made, wherever that is, and ends only when somebody who saw it
restores it by that name. So a rollback made on a machine that was cut off joins the others when it is back,
and one that was restored does not come again out of an old copy. (An observed-remove set: Shapiro et al., "A
comprehensive study of convergent and commutative replicated data types", 2011, section 3.3.5.)

Freezes are kept as rollbacks are, and end by a thaw. Plans have an order, as dials have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

import msgspec

from flags.plan import Phase, PlanState
from flags.state_file import StoredState

__all__ = [
    "Garbage",
    "Merged",
    "SharedDial",
    "SharedRollback",
    "SharedState",
    "encoded",
    "merged",
    "read_state",
]

REMEMBERED: Final = 500
"""So many restored rollbacks are remembered, the youngest ones: a copy that is older than all of them would
roll back again what it still holds."""
_FULL: Final = 10_000
_FORMAT: Final = 1


class Garbage(Exception):
    """These bytes are no shared state; `str()` says why, without a full stop."""


class SharedDial(msgspec.Struct, frozen=True):
    """`percent` in hundredths, and who put it there, why. `name`: of this move, which no other move has."""

    percent: int
    actor: str = ""
    reason: str = ""
    name: str = ""


class SharedRollback(msgspec.Struct, frozen=True):
    """A rollback (`feature` None: of everything), or the restore that ended it; a freeze, or its thaw. `at`:
    seconds since 1970, for people; `machine`: where it was made."""

    feature: str | None
    actor: str
    reason: str
    machine: str
    at: float


class SharedState(msgspec.Struct, frozen=True):
    """`version` only ever rises. `write`: a name for this very copy. `rollbacks` hold, `restored` have ended,
    both by the rollback's name.
    """

    version: int = 0
    write: str = ""
    dials: dict[str, SharedDial] = {}
    rollbacks: dict[str, SharedRollback] = {}
    restored: dict[str, SharedRollback] = {}
    plans: dict[str, PlanState] = {}
    freezes: dict[str, SharedRollback] = {}
    thawed: dict[str, SharedRollback] = {}
    begun: dict[str, str] = {}
    format: int = _FORMAT

    def holding(self, feature: str | None) -> dict[str, SharedRollback]:
        """The rollbacks of this very feature, or of everything, that hold."""
        return {name: one for name, one in self.rollbacks.items() if one.feature == feature}

    def last_restore(self, feature: str | None) -> SharedRollback | None:
        """The youngest restore of this feature that is remembered."""
        found = [one for one in self.restored.values() if one.feature == feature]
        return max(found, key=lambda one: one.at, default=None)

    def frozen(self) -> str:
        """Who froze all raises last, and why; "" when they are not frozen."""
        last = max(self.freezes.values(), key=lambda one: one.at, default=None)
        return f"{last.actor}: {last.reason}" if last else ""

    def with_freeze(self, name: str, freeze: SharedRollback) -> SharedState:
        """One more freeze."""
        return msgspec.structs.replace(self, freezes={**self.freezes, name: freeze})

    def with_thaw(self, names: Iterable[str], thaw: SharedRollback) -> SharedState:
        """These freezes have ended."""
        ended = set(names)
        return msgspec.structs.replace(
            self,
            freezes={name: one for name, one in self.freezes.items() if name not in ended},
            thawed=_youngest({**self.thawed, **dict.fromkeys(ended, thaw)}),
        )

    def with_begun(self, features: Iterable[str], name: str) -> SharedState:
        """The evidence of these features begins anew."""
        return msgspec.structs.replace(self, begun={**self.begun, **dict.fromkeys(features, name)})

    def stored(self, percents: Mapping[str, int] | None = None) -> StoredState:
        """As a plan looks at it. `percents`: the dials that count, where they are not the ones in here."""
        latched = sorted({one.feature for one in self.rollbacks.values() if one.feature is not None})
        return StoredState(
            revision=self.version,
            percents=dict(percents or {name: dial.percent for name, dial in self.dials.items()}),
            latched=tuple(latched),
            everything_latched=any(one.feature is None for one in self.rollbacks.values()),
            plans=self.plans,
            frozen=self.frozen(),
        )

    def with_dials(self, dials: Mapping[str, SharedDial]) -> SharedState:
        """These dials, the others as they are."""
        return msgspec.structs.replace(self, dials={**self.dials, **dials})

    def with_rollback(self, name: str, rollback: SharedRollback) -> SharedState:
        """One more rollback."""
        return msgspec.structs.replace(self, rollbacks={**self.rollbacks, name: rollback})

    def with_restore(self, names: Iterable[str], restore: SharedRollback) -> SharedState:
        """These rollbacks have ended."""
        ended = set(names)
        return msgspec.structs.replace(
            self,
            rollbacks={name: one for name, one in self.rollbacks.items() if name not in ended},
            restored=_youngest({**self.restored, **dict.fromkeys(ended, restore)}),
        )

    def same_as(self, other: SharedState) -> bool:
        """Whether both say the same, whatever their versions."""
        return msgspec.structs.replace(self, version=0, write="") == msgspec.structs.replace(
            other, version=0, write=""
        )


class Merged(NamedTuple):
    """`state` is what holds; its version is the higher of both. `lost`: what was found is not what everybody
    had agreed on, one sentence without a full stop, "" when it is. `news`: `state` says something that what
    was found does not, so it is to be written back.
    """

    state: SharedState
    lost: str
    news: bool


def merged(known: SharedState, found: SharedState) -> Merged:
    """What holds, of what this machine knows and what it found."""
    dials, lost = _dials(known, found)
    restored = {**known.restored, **found.restored}
    rollbacks = {
        name: one for name, one in {**known.rollbacks, **found.rollbacks}.items() if name not in restored
    }
    thawed = {**known.thawed, **found.thawed}
    freezes = {name: one for name, one in {**known.freezes, **found.freezes}.items() if name not in thawed}
    newer = found if found.version > known.version else known
    state = SharedState(
        newer.version,
        newer.write,
        dials,
        rollbacks,
        _youngest(restored),
        _plans(known, found),
        freezes,
        _youngest(thawed),
        _begun(known, found),
    )
    return Merged(state, lost, bool(lost) or not state.same_as(found))


def _plans(known: SharedState, found: SharedState) -> dict[str, PlanState]:
    if _follows(known, found):
        return found.plans
    if found.version < known.version:
        return known.plans
    # Two went on from the same old copy: of two standings the one that goes less far, and none the least.
    both = known.plans.keys() & found.plans.keys()
    return {name: min(known.plans[name], found.plans[name], key=_how_far) for name in sorted(both)}


def _how_far(plan: PlanState) -> tuple[bool, int, bool, float]:
    return plan.phase is Phase.RUNNING, plan.percent, plan.approved, -plan.since


def _begun(known: SharedState, found: SharedState) -> dict[str, str]:
    if _follows(known, found):
        return found.begun
    if found.version < known.version:
        return {**found.begun, **known.begun}
    both = {**known.begun, **found.begun}
    return {name: max(one, known.begun.get(name, one)) for name, one in both.items()}


def _follows(known: SharedState, found: SharedState) -> bool:
    return found.version > known.version or found.write == known.write or not known.version


def _dials(known: SharedState, found: SharedState) -> tuple[dict[str, SharedDial], str]:
    if _follows(known, found):
        return found.dials, ""
    if found.version < known.version:
        lost = f"is at version {found.version}, behind {known.version}, which is in force"
        return {**found.dials, **known.dials}, lost
    # Two went on from the same old copy. Going forward can wait: of two dials the lower one.
    both = {**found.dials, **known.dials}
    lower = {
        name: min(dial, found.dials.get(name, dial), key=lambda one: one.percent)
        for name, dial in both.items()
    }
    return lower, f"has another version {found.version} than the one in force"


def read_state(data: bytes) -> SharedState:
    """Raises `Garbage`."""
    try:
        state = msgspec.json.decode(data, type=SharedState)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Garbage(str(error)) from error
    if state.format != _FORMAT:
        raise Garbage(f"it has the format {state.format}, and {_FORMAT} is understood here")
    if state.version < 1 or not all(0 <= dial.percent <= _FULL for dial in state.dials.values()):
        raise Garbage("a version or a dial is out of its range")
    return state


def encoded(state: SharedState, new_name: Callable[[], str]) -> tuple[SharedState, bytes]:
    """The next version of `state`, and its bytes."""
    following = msgspec.structs.replace(state, version=state.version + 1, write=new_name())
    return following, msgspec.json.encode(following)


def _youngest(restored: dict[str, SharedRollback]) -> dict[str, SharedRollback]:
    if len(restored) <= REMEMBERED:
        return restored
    kept = sorted(restored.items(), key=lambda one: one[1].at)[-REMEMBERED:]
    return dict(kept)
