"""The words of a comparison: verdicts, kinds of difference and severities. It must not know how a difference
is found.

Severity follows from the kind by the table ``SEVERITY_OF``; only the status (by its class) and the media type
are judged apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType


class Verdict(StrEnum):
    """What is concluded about one exchange. The last four count against confidence and are never folded into
    ``match``.
    """

    MATCH = "match"
    NOISE = "noise"
    ACCEPTED = "accepted"
    MISMATCH = "mismatch"
    SHADOW_ERROR = "shadow_error"
    SHADOW_TIMEOUT = "shadow_timeout"
    DROPPED = "dropped"
    UNDETERMINED = "undetermined"


class Severity(StrEnum):
    """How much a difference matters to whoever reads the answer."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Kind(StrEnum):
    """In which way the candidate differs from the control at one path."""

    ADDED = "added"
    REMOVED = "removed"
    TYPE_CHANGED = "type_changed"
    VALUE_CHANGED = "value_changed"
    STATUS = "status"
    HEADER = "header"
    ORDER = "order"
    RENAMED = "renamed"


SEVERITY_OF: Mapping[Kind, Severity] = MappingProxyType(
    {
        Kind.ADDED: Severity.LOW,
        Kind.REMOVED: Severity.HIGH,
        Kind.TYPE_CHANGED: Severity.HIGH,
        Kind.VALUE_CHANGED: Severity.MEDIUM,
        Kind.STATUS: Severity.MEDIUM,
        Kind.HEADER: Severity.MEDIUM,
        Kind.ORDER: Severity.LOW,
        Kind.RENAMED: Severity.LOW,
    }
)

_RANK: Mapping[Severity, int] = MappingProxyType({Severity.LOW: 0, Severity.MEDIUM: 1, Severity.HIGH: 2})

AGAINST_CONFIDENCE = frozenset(
    {Verdict.SHADOW_ERROR, Verdict.SHADOW_TIMEOUT, Verdict.DROPPED, Verdict.UNDETERMINED}
)
"""Verdicts that say "we could not tell"."""


def worst(severities: Iterable[Severity]) -> Severity | None:
    """The highest of ``severities``; None when there are none."""
    return max(severities, key=_RANK.__getitem__, default=None)
