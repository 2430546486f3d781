"""What is not believed although it is well-formed: a table, pure. It must not know how often it was asked.

Losing half of a server's features at once, or getting as many again, is how a wrong database, a token of
another project or a restored backup looks from here. Users must not move for that: a person says whether it
is meant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

__all__ = ["SUDDEN", "Sudden", "refusal"]

_GROWTH: Final = 4


class Sudden(NamedTuple):
    """`holds(before, after)`: numbers of features, `before` at least 1."""

    name: str
    holds: Callable[[int, int], bool]


SUDDEN: Final = (
    Sudden("empty", lambda _, after: after == 0),
    Sudden("halved", lambda before, after: after * 2 <= before),
    # A few more are how every installation begins.
    Sudden("doubled", lambda before, after: after >= before * 2 and after - before >= _GROWTH),
)


def refusal(before: int | None, after: int) -> str:
    """Why a configuration of `after` features is not taken over from one of `before` (None or 0: there was
    none), without a full stop; "" when it may be.
    """
    if not before:
        return ""
    for row in SUDDEN:
        if row.holds(before, after):
            return f"its configuration is suddenly {row.name} ({before} features before, {after} now)"
    return ""
