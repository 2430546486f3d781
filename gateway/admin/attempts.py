"""How often somebody tried tokens that nobody has: beyond a few in a minute the door says so, and looks no
further. Knows addresses and times, no token.

A right token is never held up: whoever guesses could otherwise keep the operators out. What keeps a guesser
out is that a token has 256 random bits; this keeps the noise down and makes it seen.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, NamedTuple

__all__ = ["Attempts"]

_DIFFERENT: Final = 10
_MOST: Final = 60
_WINDOW: Final = 60.0
_REMEMBERED: Final = 4096
_LOG = logging.getLogger("banyan.admin")


class _Tried(NamedTuple):
    at: float
    token: int


class Attempts:
    """`clock`: seconds that only grow. A program that goes on with a token that was revoked guesses nothing:
    different tokens count sooner than one shown again.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failed: dict[str, list[_Tried]] = {}

    def failed(self, address: str, token: str) -> float:
        """Somebody there showed a token that is not known → seconds to wait, 0 while there are few."""
        now = self._clock()
        if len(self._failed) >= _REMEMBERED and address not in self._failed:
            self._failed = {one: tried for one, tried in self._failed.items() if tried[-1].at > now - _WINDOW}
            if len(self._failed) >= _REMEMBERED:
                return _WINDOW  # so many at once is nobody who mistyped
        tried = [one for one in self._failed.get(address, []) if one.at > now - _WINDOW]
        if _too_many(tried):
            return tried[0].at + _WINDOW - now
        tried.append(_Tried(now, hash(token)))
        self._failed[address] = tried
        if _too_many(tried):
            _LOG.warning("%s has shown too many tokens that nobody has, within a minute", address)
        return 0.0


def _too_many(tried: list[_Tried]) -> bool:
    return len(tried) >= _MOST or len({one.token for one in tried}) >= _DIFFERENT
