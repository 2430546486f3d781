"""A signature as it is read: mismatches that are one thing, with their history. It must not know storage."""

from __future__ import annotations

import msgspec

from shadow.store_schema import SLOT_SECONDS
from shadow.verdict import Kind, Severity

_CHANGED = 1.5
_FEW = 3
_SLOTS = 6
_MINUTE = 60.0


class Signature(msgspec.Struct, frozen=True):
    """Mismatches that are one thing. Times are in seconds since 1970; ``status_pair`` is
    ``control/candidate``.

    ``since_version`` and ``last_version``: the application's release at its first and last occurrence, empty
    where none is known. ``last_hour`` and ``hour_before``: occurrences. ``acknowledged_until`` is 0.0 when
    nobody has.
    """

    id: str
    feature: str
    route: str
    status_pair: str
    path: str
    kind: Kind
    severity: Severity
    count: int
    first_seen: float
    last_seen: float
    since_version: str = ""
    last_version: str = ""
    last_hour: int = 0
    hour_before: int = 0
    acknowledged_until: float = 0.0
    acknowledged_by: str = ""
    acknowledged_reason: str = ""

    @property
    def trend(self) -> str:
        """``new``, ``rising``, ``steady``, ``falling`` or ``gone``: the last hour beside the one before."""
        now, before = self.last_hour, self.hour_before
        if not now:
            return "gone"
        if self.count == now:
            return "new"
        if now > before * _CHANGED and now - before >= _FEW:
            return "rising"
        return "falling" if before > now * _CHANGED and before - now >= _FEW else "steady"

    def rate(self, now: float) -> float:
        """Occurrences a minute, over the time that ``last_hour`` counts (50 to 60 minutes), or since it was
        first seen, when that is shorter; one minute at least. ``now``: that of the look at the store.
        """
        begins = (int(now // SLOT_SECONDS) - _SLOTS + 1) * SLOT_SECONDS
        minutes = (now - max(begins, self.first_seen)) / _MINUTE
        return self.last_hour / max(minutes, 1.0)

    def is_acknowledged(self, now: float) -> bool:
        """Whether somebody has seen it, and that still holds."""
        return now < self.acknowledged_until


_RANK = {Severity.HIGH: 0, Severity.MEDIUM: 1, Severity.LOW: 2}
_URGENT = {"new": 0, "rising": 0, "steady": 1, "falling": 1, "gone": 2}


def by_weight(signature: Signature) -> tuple[object, ...]:
    """The order in which a person should read them: what happens now, the worst, the most."""
    return (
        _URGENT[signature.trend],
        _RANK[signature.severity],
        -(signature.last_hour or signature.count),
        -signature.last_seen,
        signature.id,
    )
