"""The evidence of several machines: each tells the others what it has seen itself, and hears what they have.
Knows the place where they say it by a protocol, and no Redis.

Each says its totals, not what was added: a part that is told twice, or late, is the same. Where the others
cannot be heard, judging goes on with what is known, and nothing is raised.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

from gateway.control.evidence_book import EvidenceBook

__all__ = ["EvidencePlace", "SharedEvidence"]

_LOG = logging.getLogger("banyan.control")
_BEAT: Final = 0.5
_AT_ONCE: Final = 512 * 1024
"""Bytes that are told in one question; the rest with the next."""
_NOT_YET: Final = "they have not been asked yet"


class _Part(Protocol):
    @property
    def machine(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def data(self) -> bytes: ...


class _Heard(Protocol):
    @property
    def parts(self) -> Iterable[_Part]: ...
    @property
    def machines(self) -> frozenset[str]: ...
    @property
    def again(self) -> bool: ...
    @property
    def more(self) -> bool: ...


class EvidencePlace(Protocol):
    """Where machines say what they have seen, as `flags.providers` has it. A text in place of an answer says
    why there is none.
    """

    async def exchange(self, parts: Mapping[str, bytes]) -> _Heard | str: ...
    async def close(self) -> None: ...


class SharedEvidence:
    """`features`: those that are configured now."""

    def __init__(
        self, book: EvidenceBook, place: EvidencePlace, features: Callable[[], Iterable[str]]
    ) -> None:
        self._book = book
        self._place = place
        self._features = features
        self._told: dict[str, int] = {}
        self._problem = _NOT_YET

    def blind(self) -> str:
        """Why it is not known what the others have seen; "" when it is."""
        return f"no view of the other machines: {self._problem}" if self._problem else ""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                more = await self._exchange()
            except Exception:  # noqa: BLE001 - what fails here must not end the desk, nor be forgotten
                _LOG.exception("sharing the evidence failed; it goes on in a moment")
                self._problem, more = "sharing the evidence fails", False
            if not more:
                await asyncio.sleep(_BEAT)

    async def close(self) -> None:
        """This gateway ends."""
        await self._place.close()

    async def _exchange(self) -> bool:
        """Once → whether there is more at once."""
        parts, told = self._news()
        answer = await self._place.exchange(parts)
        if isinstance(answer, str):
            self._problem = answer
            return False
        features = set(self._features())
        for part in answer.parts:
            name, _, kind = part.name.rpartition("\n")
            if name in features:
                self._book.take(part.machine, name, kind, part.data)
        self._book.forget(answer.machines)
        self._told.update(told)
        if answer.again:
            self._told.clear()
        more = answer.again or answer.more
        self._problem = "" if not more else self._problem
        return more

    def _news(self) -> tuple[dict[str, bytes], dict[str, int]]:
        """What the others do not know of ours, as much as fits; and where the book stood then."""
        parts: dict[str, bytes] = {}
        told: dict[str, int] = {}
        size = 0
        for feature in self._features():
            changes = self._book.own_changes(feature)
            if self._told.get(feature) == changes or size > _AT_ONCE:
                continue
            for kind, data in self._book.parts(feature).items():
                parts[f"{feature}\n{kind}"] = data
                size += len(data)
            told[feature] = changes
        return parts, told
