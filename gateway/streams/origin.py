"""One worker's part of the books, as Redis has it: what was taken for it, and what was settled. Pure.

Both only ever grow, so they may be read late, or twice, without anything being counted twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

BOOKS_TTL: Final = 7 * 86_400_000
"""Milliseconds for which they are kept after the last word about them, whoever says it."""
TAKEN = b"t:"
SETTLED = b"v:"


class Passage(msgspec.Struct, frozen=True):
    """What a worker has already counted of its ``origin``: (feature, verdict, how many)."""

    origin: str
    told: list[tuple[str, str, int]] = []


class OriginBooks(msgspec.Struct, frozen=True):
    """``taken`` by feature, ``settled`` by feature and verdict; ``seq`` and ``refused`` of the last batch."""

    taken: Counter[str]
    settled: Counter[tuple[str, str]]
    seq: int = 0
    refused: tuple[int, ...] = ()

    @property
    def under_way(self) -> Counter[str]:
        """By feature: what was taken and not settled."""
        left = Counter(self.taken)
        for (feature, _), times in self.settled.items():
            left[feature] -= times
        return left

    def goes_on_from(self, taken: Mapping[str, int], told: Mapping[tuple[str, str], int]) -> bool:
        """Whether nothing is missing that was known before: Redis has not fallen back to an older copy."""
        return all(self.taken[name] >= times for name, times in taken.items()) and all(
            self.settled[key] >= times for key, times in told.items()
        )


def read_books(fields: Sequence[bytes]) -> OriginBooks:
    """The books from the hash, as names and values in turn. What cannot be read counts as nothing."""
    taken: Counter[str] = Counter()
    settled: Counter[tuple[str, str]] = Counter()
    rest: dict[bytes, bytes] = {}
    for name, value in zip(fields[::2], fields[1::2], strict=False):
        if name.startswith(TAKEN):
            taken[name[2:].decode()] = _number(value)
        elif name.startswith(SETTLED):
            feature, _, verdict = name[2:].decode().partition("\t")
            settled[feature, verdict] = _number(value)
        else:
            rest[name] = value
    refused = tuple(_number(word) for word in rest.get(b"refused", b"").split())
    return OriginBooks(taken, settled, _number(rest.get(b"seq", b"0")), refused)


def _number(value: bytes) -> int:
    try:
        return int(float(value))
    except ValueError:
        return 0


class Carried(msgspec.Struct, frozen=True):
    """What becomes of books whose worker has ended: verdicts to be added, what is still under way, and
    exchanges that Redis took and nobody had counted as eligible yet. ``passage``: None when it is all over.
    """

    verdicts: Counter[tuple[str, str]]
    in_flight: Counter[str]
    eligible: Counter[str]
    passage: Passage | None


def carried_on(passage: Passage, in_flight: Mapping[str, int], in_redis: OriginBooks | None) -> Carried:
    """Carry on the books of a worker that has ended with so much in flight. ``in_redis``: of its origin,
    which takes nothing more; None when Redis has lost it. What never came to Redis was dropped.
    """
    told = Counter({(feature, verdict): times for feature, verdict, times in passage.told})
    verdicts: Counter[tuple[str, str]] = Counter()
    still: Counter[str] = Counter()
    eligible: Counter[str] = Counter()
    if in_redis is not None:
        verdicts.update(
            {key: times - told[key] for key, times in in_redis.settled.items() if times > told[key]}
        )
        still.update({feature: times for feature, times in in_redis.under_way.items() if times > 0})
    ended: Counter[str] = Counter()
    for (feature, _), times in verdicts.items():
        ended[feature] += times
    for feature in {*in_flight, *ended, *still}:
        lost = in_flight.get(feature, 0) - ended[feature] - still[feature]
        if lost > 0:
            verdicts[feature, "dropped"] += lost
        elif lost:
            eligible[feature] -= lost
    following = None
    if in_redis is not None and still:
        following = Passage(passage.origin, [(*key, times) for key, times in in_redis.settled.items()])
    return Carried(verdicts, still, eligible, following)
