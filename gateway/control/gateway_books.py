"""The books of one gateway as it writes them down for the others, and how they are carried on when it has
ended. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from gateway.control.accounting import ShadowBooks, in_flight_of, shadow_books
from gateway.control.board import MetricsBoard
from gateway.streams.origin import OriginBooks, Passage, carried_on

__all__ = ["Estate", "GatewayBooks", "books_of", "continued"]


class Estate(msgspec.Struct, frozen=True):
    """What one worker has in flight, by feature, and how far it has counted."""

    passage: Passage
    in_flight: dict[str, int]


class GatewayBooks(msgspec.Struct, frozen=True):
    """`machine`: how people know it. `features`: by name, since it was started."""

    machine: str
    started_at: str
    features: dict[str, ShadowBooks]
    estates: list[Estate] = []


def books_of(board: MetricsBoard, features: Iterable[str], machine: str, started_at: str) -> GatewayBooks:
    """What one gateway has to say, as of one moment."""
    board.gauges()  # the silent are buried first
    estates = [
        Estate(report.passage, dict(waiting))
        for report in board.reports()
        if report.passage is not None and (waiting := in_flight_of(report))
    ]
    books = {feature: shadow_books(board, feature) for feature in features}
    return GatewayBooks(machine, started_at, books, estates)


def continued(books: GatewayBooks, by_origin: Mapping[str, OriginBooks | None]) -> GatewayBooks:
    """The books of a gateway that has ended, with what became of its exchanges since. `by_origin`: of the
    origins of all its estates. What was in flight and never came to Redis was dropped.
    """
    in_flight = {feature: one.in_flight for feature, one in books.features.items()}
    verdicts: Counter[tuple[str, str]] = Counter()
    eligible: Counter[str] = Counter()
    still: Counter[str] = Counter()
    estates = []
    unclaimed = Counter(in_flight)
    for estate in books.estates:
        carried = carried_on(estate.passage, estate.in_flight, by_origin[estate.passage.origin])
        verdicts.update(carried.verdicts)
        eligible.update(carried.eligible)
        still.update(carried.in_flight)
        unclaimed.subtract(estate.in_flight)
        if carried.passage is not None:
            estates.append(Estate(carried.passage, dict(carried.in_flight)))
    for feature, times in unclaimed.items():
        if times > 0:
            verdicts[feature, "dropped"] += times
    features = {
        feature: _with(one, verdicts, eligible[feature], still[feature], feature)
        for feature, one in books.features.items()
    }
    return msgspec.structs.replace(books, features=features, estates=estates)


def _with(
    books: ShadowBooks, more: Mapping[tuple[str, str], int], eligible: int, still: int, feature: str
) -> ShadowBooks:
    total = Counter(books.verdicts)
    total.update({verdict: times for (name, verdict), times in more.items() if name == feature})
    return msgspec.structs.replace(
        books, eligible=books.eligible + eligible, in_flight=still, verdicts=dict(total)
    )
