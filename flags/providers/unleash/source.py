"""What is known of Unleash's configuration, how old that is, and what is wrong: fails static. It must not
know workers, dials in force, or how they are told.

A server that is dead, hangs, or sends what cannot be believed changes nothing: the last good configuration
stays, grows older, and the age is shown. A refused configuration is taken over when a person says so
(`accept`), never by waiting.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple, Protocol

import msgspec

from flags.errors import StateUnwritable
from flags.last_good import LastGood
from flags.providers.unleash.engine import Engine, EngineRefused
from flags.providers.unleash.fetching import Failed, Fetched, Unchanged
from flags.providers.unleash.judging import refusal
from flags.providers.unleash.last_good import Kept
from flags.providers.unleash.payload import Garbage, Payload, read_payload, rules_of
from flags.providers.unleash.plan import ABSENT, refined
from flags.providers.unleash.rules import plans_of
from flags.sources import SourceView, Wanted

__all__ = ["Fetcher", "UnleashSource"]

_LOG = logging.getLogger("banyan.flags")
_MISSED: Final = 3
"""So many fetches in a row without an answer, and it is an alert."""


class Fetcher(Protocol):
    """Asks the server; `fetching` has the real one."""

    async def fetch(self, etag: str) -> Fetched | Unchanged | Failed: ...


class _Known(NamedTuple):
    payload: Payload
    kept: Kept
    etag: str


class UnleashSource:
    """`clock`: seconds since 1970."""

    name: Final = "unleash"

    def __init__(self, fetcher: Fetcher, file: LastGood[Kept], clock: Callable[[], float]) -> None:
        self._fetcher = fetcher
        self._file = file
        self._clock = clock
        self._known = self._from_disk()
        self._problem = ""
        self._failed = 0
        self._refused = False
        self._accepting = False
        self._asking = asyncio.Lock()

    async def refresh(self) -> bool:
        """Ask once → whether there is a new configuration."""
        async with self._asking:
            answer = await self._fetcher.fetch(self._known.etag if self._known else "")
            if isinstance(answer, Failed):
                self._missed(f"Unleash {answer.reason}.")
                return False
            if isinstance(answer, Unchanged):
                return self._confirmed()
            return await asyncio.to_thread(self._judged, answer)

    def accept(self) -> None:
        """A person means it: take over what was refused, at the next fetch."""
        self._accepting = self._refused

    def view(self) -> SourceView:
        """Its age and what is wrong, for people and metrics."""
        age = max(0.0, self._clock() - self._known.kept.confirmed_at) if self._known else None
        alert = self._refused or self._failed >= _MISSED or (bool(self._problem) and self._known is None)
        return SourceView(self.name, age, self._problem, alert)

    def wanted(self, features: Iterable[str], local: Mapping[str, int]) -> Wanted | None:
        """The dials and rules of these features; None when nothing was ever known. `local`: the dials in
        force, whose steps below a percent stay.
        """
        if self._known is None:
            return None
        names = sorted(features)
        plans = plans_of(self._known.payload)
        dials = {name: refined(local.get(name, 0), plans.get(name, ABSENT).bound) for name in names}
        absent = tuple(name for name in names if name not in plans)
        return Wanted(dials, rules_of(self._known.payload, names), absent)

    def _from_disk(self) -> _Known | None:
        kept = self._file.load()
        if kept is None:
            return None
        try:
            return _Known(read_payload(bytes(kept.body)), kept, "")
        except Garbage:
            return None

    def _judged(self, answer: Fetched) -> bool:
        """Blocking: the core reads the whole configuration before anybody goes by it."""
        known = len(self._known.payload.features) if self._known else None
        try:
            payload = read_payload(answer.body)
            Engine(answer.body)
        except (Garbage, EngineRefused) as error:
            self._missed(f"Unleash sent what is no configuration: {error}.")
            return False
        sudden = refusal(known, len(payload.features))
        if sudden and not self._accepting:
            self._refused = True
            self._say(
                f"Unleash is not believed: {sudden}. The last good state stays; a reload takes it over."
            )
            return False
        self._known = _Known(payload, Kept(msgspec.Raw(answer.body), self._clock()), answer.etag)
        self._fine()
        self._save()
        return True

    def _confirmed(self) -> bool:
        if self._known is not None:
            kept = Kept(self._known.kept.body, self._clock())
            self._known = self._known._replace(kept=kept)
        self._fine()
        return False

    def _fine(self) -> None:
        if self._problem:
            _LOG.info("Unleash answers again")
        self._problem, self._failed, self._refused, self._accepting = "", 0, False, False

    def _missed(self, problem: str) -> None:
        self._failed += 1
        self._say(problem)

    def _say(self, problem: str) -> None:
        if problem != self._problem:
            _LOG.error("%s", problem)
        self._problem = problem

    def _save(self) -> None:
        if self._known is not None:
            try:
                self._file.save(self._known.kept)
            except StateUnwritable as error:
                _LOG.error("%s", error)
