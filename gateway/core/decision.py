"""Which side answers a request, and why: one function, one order of precedence. Knows no clock, file or
socket.

The order, first match decides:

=================  ======  =============================================================
cause              side    holds when
=================  ======  =============================================================
unmatched          legacy  no feature claims the request: the strangler's default
rollback_all       legacy  everything is taken back
rollback_feature   legacy  this feature is taken back
breaker_open       legacy  the new side failed too often and is not asked for the moment
forced             either  a trusted tester asks for this side, with a seal that holds
percentage         either  the position of the sticky key lies below the dial, or not
=================  ======  =============================================================

The same words stand in the log, the metrics, ``banyan explain`` and the dashboard.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Side(StrEnum):
    """The application that answers."""

    LEGACY = "legacy"
    NEW = "new"

    @property
    def other(self) -> Side:
        """The side that runs in the shadow."""
        return Side.NEW if self is Side.LEGACY else Side.LEGACY


class Cause(StrEnum):
    """Why a side was chosen, in order of precedence."""

    UNMATCHED = "unmatched"
    ROLLBACK_ALL = "rollback_all"
    ROLLBACK_FEATURE = "rollback_feature"
    BREAKER_OPEN = "breaker_open"
    FORCED = "forced"
    PERCENTAGE = "percentage"


class Decision(NamedTuple):
    """The chosen side, its cause, and the sides that may be asked, in order."""

    side: Side
    cause: Cause
    attempts: tuple[Side, ...]


_LEGACY_ONLY = (Side.LEGACY,)
_NEW_THEN_LEGACY = (Side.NEW, Side.LEGACY)

UNMATCHED = Decision(Side.LEGACY, Cause.UNMATCHED, _LEGACY_ONLY)
ROLLED_BACK = Decision(Side.LEGACY, Cause.ROLLBACK_ALL, _LEGACY_ONLY)
FEATURE_ROLLED_BACK = Decision(Side.LEGACY, Cause.ROLLBACK_FEATURE, _LEGACY_ONLY)
BREAKER_OPEN = Decision(Side.LEGACY, Cause.BREAKER_OPEN, _LEGACY_ONLY)
FORCED_NEW = Decision(Side.NEW, Cause.FORCED, _NEW_THEN_LEGACY)
FORCED_LEGACY = Decision(Side.LEGACY, Cause.FORCED, _LEGACY_ONLY)
NOT_SELECTED = Decision(Side.LEGACY, Cause.PERCENTAGE, _LEGACY_ONLY)
SELECTED = Decision(Side.NEW, Cause.PERCENTAGE, _NEW_THEN_LEGACY)


def decide(
    *,
    matched: bool,
    everything_latched: bool,
    feature_latched: bool,
    breaker_open: bool,
    selected: bool,
    forced: Side | None = None,
) -> Decision:
    """Apply the order of precedence above. Pure and total: every input has exactly one decision."""
    if not matched:
        return UNMATCHED
    if everything_latched:
        return ROLLED_BACK
    if feature_latched:
        return FEATURE_ROLLED_BACK
    if breaker_open:
        return BREAKER_OPEN
    if forced is not None:
        return FORCED_NEW if forced is Side.NEW else FORCED_LEGACY
    return SELECTED if selected else NOT_SELECTED
