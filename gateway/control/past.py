"""Why a request went where it went that is over already: what was kept of it, as an answer. Knows no HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from gateway.control.answers import PastDecision, percent_number
from gateway.control.decisions import DecisionBook
from gateway.control.errors import NotFound
from gateway.core.kept import KeptDecision

__all__ = ["PastDecisions"]

_ON_ITS_WAY: Final = 1.0
_LOOK: Final = 0.1


class PastDecisions:
    """`hashed` stands for a key as it does in what is kept."""

    def __init__(self, book: DecisionBook, hashed: Callable[[str], str]) -> None:
        self._book = book
        self._hashed = hashed

    async def of(self, request: str, key: str | None = None) -> list[PastDecision]:
        """The youngest decisions of requests with this id, oldest first; `key`: whether it was this one's.
        Waits a moment for one that has just happened. Raises NotFound.
        """
        until = time.monotonic() + _ON_ITS_WAY
        while not (found := await asyncio.to_thread(self._book.find, request)):
            if time.monotonic() >= until:
                hours = self._book.keep / 3600
                raise NotFound(
                    f"No decision is kept of a request {request!r}: of busy times some are kept, for "
                    f"{hours:g} h ([explain] in the configuration)."
                )
            await asyncio.sleep(_LOOK)
        wanted = self._hashed(key) if key else ""
        return [self._told(one, wanted) for one in found]

    def _told(self, one: KeptDecision, wanted: str) -> PastDecision:
        return PastDecision(
            time=datetime.fromtimestamp(one.at, UTC).isoformat(timespec="milliseconds"),
            request=one.request,
            method=one.method,
            feature=one.feature if one.route else None,
            route=one.route or None,
            side=one.side,
            cause=one.cause,
            key_hash=one.key_hash or None,
            key_source=one.source or None,
            key_matches=one.key_hash == wanted if wanted and one.key_hash else None,
            position=percent_number(one.position) if one.position >= 0 else None,
            percent=percent_number(one.percent) if one.percent >= 0 else None,
            revision=one.revision,
            worker=one.worker,
            status=one.status,
            fell_back=one.fell_back,
        )
