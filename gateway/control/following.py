"""Keeping this machine in step with another source of dials. Knows the source by a protocol, and no HTTP.

What the source says goes into the page, then to the state file and the ledger; the disk cannot hold it up.
What it does not say changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple, Protocol

from flags import PageCorrupt, SourceView, StatePage, Wanted, format_percent
from gateway.control.record import Record

__all__ = ["Follower", "Source"]

_EXPECTED_FOR: Final = 60.0


class _Expected(NamedTuple):
    """A dial on its way, until when it is waited for, and whether the source has taken it."""

    percent: int
    until: float
    taken: bool


class Source(Protocol):
    """Another source of dials, as `flags.providers` has them."""

    async def refresh(self) -> bool:
        """Ask it once → whether it says something new."""

    def wanted(self, features: Iterable[str], local: Mapping[str, int]) -> Wanted | None:
        """What should be in force; None when nothing is known of it. `local`: what is in force."""

    def view(self) -> SourceView:
        """How it is."""

    def accept(self) -> None:
        """Take over what it refused to believe."""


class Follower:
    """One source, followed. `writing` keeps changes of the state apart; it is shared with the switch.
    `local`: the dials, in hundredths, that the source is refined by; those in force here, where it is not
    given. `knows_latches`: the source itself knows what is rolled back.
    """

    def __init__(
        self,
        source: Source,
        page: StatePage,
        record: Record,
        writing: asyncio.Lock,
        local: Callable[[], Mapping[str, int]] | None = None,
        *,
        knows_latches: bool = False,
    ) -> None:
        self._source = source
        self._page = page
        self._record = record
        self._writing = writing
        self._knows_latches = knows_latches
        self._held: Callable[[], frozenset[str]] = frozenset
        self._local = local or record.dials
        self._expected: dict[str, _Expected] = {}
        self._problem = ""
        self._absent: tuple[str, ...] = ()

    async def run(self, seconds: float) -> None:
        """Follow until cancelled, asking every so many seconds, give or take a tenth so that machines do not
        ask in step."""
        await self.take_over()
        while True:
            await self.step()
            await asyncio.sleep(seconds * random.uniform(0.9, 1.1))

    async def step(self) -> None:
        """Ask once, and bring page, file and ledger in step."""
        await self._source.refresh()
        await self.take_over()

    async def take_over(self) -> None:
        """Put in force what is known."""
        async with self._writing:
            await asyncio.to_thread(self._take_over)

    def expect(self, feature: str, percent: int, *, taken: bool = False) -> None:
        """This dial is on its way through the source, and recorded already. `taken`: the source has it."""
        self._expected[feature] = _Expected(percent, time.monotonic() + _EXPECTED_FOR, taken)

    def forget(self, feature: str) -> None:
        """It is not on its way any more."""
        self._expected.pop(feature, None)

    def has(self, feature: str, percent: int) -> bool:
        """Whether the source's dial of this feature is in force as expected."""
        with contextlib.suppress(PageCorrupt):
            wanted = self._source.wanted([feature], {feature: percent})
            in_force = self._page.read()
            said = wanted is not None and not wanted.absent and wanted.dials[feature] == percent
            said = said or feature in self._held()  # it says nothing of it until it is switched on again
            return said and in_force.feature(feature).percent == percent
        return False

    def in_step(self) -> bool:
        """Whether what the source said last could be put in force."""
        return not self._problem

    def in_force(self) -> tuple[int, bytes]:
        """Revision and stamp."""
        return self._page.revision(), self._page.stamp()

    def accept(self) -> None:
        """A person means it: what the source refused to believe is taken over at the next question."""
        self._source.accept()

    def view(self) -> SourceView:
        """How the source is; a configuration that could not be put in force is its problem too."""
        found = self._source.view()
        if found.problem or not self._problem:
            return found
        return SourceView(found.name, found.age_seconds, self._problem, True)

    def warnings(self) -> tuple[str, ...]:
        """What a person should know, a sentence each: the source's trouble, and where it and this machine
        differ."""
        view = self.view()
        said = [view.problem] if view.problem else []
        said += [f"{name} is not in {view.name}: legacy answers for all of it." for name in self._absent]
        return (*said, *(sentence for _, sentence in self.divergence()))

    def divergence(self) -> tuple[tuple[str, str], ...]:
        """Where the source says another thing than what is in force: feature and sentence."""
        if self._knows_latches:
            return ()
        latched, everything = self._page.latches()
        source = self._source.view().name
        return tuple(
            (name, f"{name} is rolled back here; {source} has it at {format_percent(percent)} %.")
            for name, percent in self.said().items()
            if percent and (everything or name in latched)
        )

    def said(self) -> Mapping[str, int]:
        """What the source itself says of each feature, in hundredths."""
        wanted = self._source.wanted(self._page.feature_names(), {})
        return wanted.dials if wanted else {}

    def hold(self, held: Callable[[], frozenset[str]]) -> None:
        """Dials of these features stay where they are put here when the source says 0."""
        self._held = held

    def _take_over(self) -> None:
        now = time.monotonic()
        self._expected = {name: one for name, one in self._expected.items() if one.until > now}
        expected = {name: one.percent for name, one in self._expected.items()}
        wanted = self._source.wanted(self._page.feature_names(), {**self._local(), **expected})
        if wanted is None:
            return
        if held := self._held():
            taken = {name: one.percent for name, one in self._expected.items() if one.taken}
            here = {**self._record.dials(), **taken}
            kept = {name: here.get(name, 0) for name in held if wanted.dials.get(name) == 0}
            wanted = wanted._replace(dials={**wanted.dials, **kept})
        told = frozenset(name for name, percent in expected.items() if wanted.dials.get(name) == percent)
        self._absent = wanted.absent
        self._problem = self._record.followed(wanted, self._source.view().name, told)
        for name in told:
            self._expected.pop(name, None)
