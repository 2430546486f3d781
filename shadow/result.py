"""One compared exchange as it is stored and reported, and the signature that makes many of them one thing. It
must not know storage.
"""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import msgspec

from shadow.comparison import Comparison, Difference
from shadow.model import Observation, RequestSnapshot


class ComparedExchange(msgspec.Struct, frozen=True):
    """A request, both answers and the conclusion. Everything in it is redacted already.

    ``at`` is in seconds since 1970. ``deepdiff`` is the explanation, or None when there is none. ``against``
    says what the candidate was held against: the other side live, or a golden recording. ``version`` is the
    new side's release where its answers name one.
    """

    id: str
    feature: str
    route: str
    at: float
    request: RequestSnapshot
    control: Observation
    candidate: Observation
    comparison: Comparison
    deepdiff: dict[str, Any] | None = None
    against: Literal["shadow", "golden"] = "shadow"
    version: str = ""


def status_pair(result: ComparedExchange) -> str:
    """Both statuses: ``200/422``."""
    return f"{result.control.status}/{result.candidate.status}"


def signature_id(feature: str, route: str, pair: str, difference: Difference) -> str:
    """What makes two mismatches one thing: 16 hexadecimal digits over feature, route, statuses, path and
    kind.
    """
    parts = (feature, route, pair, difference.path, difference.kind.value)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def signature_ids(result: ComparedExchange) -> tuple[str, ...]:
    """The signatures of one exchange, one for each unexcused difference."""
    pair = status_pair(result)
    return tuple(
        signature_id(result.feature, result.route, pair, each) for each in result.comparison.unexcused
    )
