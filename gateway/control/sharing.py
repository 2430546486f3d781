"""Keeping this machine and the others at one state: rollbacks both ways, restores and dials as agreed. Knows
what is shared by a protocol, and no Redis.

Two tasks, because a disk that hangs must not keep a rollback away. One works in memory alone: it tells the
others what was rolled back here, and rolls back here what was there. The other keeps what was agreed on, puts
dials in force and ends what was restored elsewhere; all of that is written down first.

Which of this machine's latches the others know is kept by the latch's number (`told`), for as long as it is
set: one that has moved on since is a rollback of its own, and no restore that was made without having seen it
ends it. In a page made anew the numbers begin again, so what is kept of a latch that has been restored would
be believed of the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, NamedTuple, Protocol

from flags import Entry, FlagsError, LatchMoved, PageError, Said, SourceUnwritable, SourceView, StatePage
from gateway.control.following import Follower
from gateway.control.record import Record

__all__ = ["InForce", "SharedSource", "Sharing"]

POLL: Final = 0.5
"""Seconds between two questions when nobody says that something has changed."""
_LOOK: Final = 0.02
_TOLD: Final = 0.005
_AGAIN: Final = 1.0
_LOG = logging.getLogger("banyan.control")


class InForce(NamedTuple):
    """How much of what is shared this machine has put in force: `version` of all of it, `latches` of the
    rollbacks. `since`: when it heard of the newest version, by the event loop's clock.
    """

    version: int = 0
    latches: int = 0
    since: float = 0.0


class SharedSource(Protocol):
    """What several machines have agreed on, as `flags.providers` has it. `told`: by feature, "" for
    everything, where our latch stood when the others were told of it."""

    told: dict[str, int]

    @property
    def version(self) -> int: ...
    async def refresh(self) -> bool: ...
    async def save(self) -> None: ...
    def holds(self, feature: str | None) -> Said | None: ...
    def restored_by(self, feature: str | None) -> Said: ...
    def roll_back(self, feature: str | None, said: Said) -> None: ...
    async def restore(self, feature: str | None, said: Said) -> None: ...
    def view(self) -> SourceView: ...
    def events(self) -> tuple[str, ...]: ...


class Sharing:
    """`follower` puts the shared dials in force; `listen` calls back when something may have changed."""

    def __init__(
        self,
        source: SharedSource,
        follower: Follower,
        page: StatePage,
        record: Record,
        writing: asyncio.Lock,
        listen: Callable[[Callable[[], None]], Awaitable[None]],
    ) -> None:
        self._source = source
        self._follower = follower
        self._page = page
        self._record = record
        self._writing = writing
        self._listen = listen
        self._nudge = asyncio.Event()
        self._agreed = asyncio.Event()
        self._restoring: set[str | None] = set()
        self._problem = ""
        self._begun = 0
        self._told = (0, 0)
        self._in_force = InForce()

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.gather(
            self._listen(self._nudge.set), self._forever(self._exchange), self._forever(self._settle)
        )

    def view(self) -> SourceView:
        """How what is shared is."""
        return self._source.view()

    def warnings(self) -> tuple[str, ...]:
        """What a person should know, a sentence each."""
        return tuple(filter(None, (self._source.view().problem, self._problem)))

    def version(self) -> int:
        """Of what several machines have agreed on last, as far as this one knows."""
        return self._source.version

    def in_force(self) -> InForce:
        """How much of that holds here."""
        return self._in_force

    async def tell_others(self) -> int:
        """What is rolled back here is known to all who read from now on → the version that has it. Waits for
        as long as the others cannot be told.
        """
        begun = self._begun
        self._nudge.set()
        # Looked at, as everything here: it is over in a moment, or never.
        while self._told[0] <= begun:  # noqa: ASYNC110
            await asyncio.sleep(_TOLD)
        return self._told[1]

    def holds(self, feature: str | None) -> bool:
        """Whether it is rolled back as far as the others are known to know."""
        return self._source.holds(feature) is not None

    async def lift(self, feature: str | None, said: Said) -> None:
        """Before a restore here: the others restore too. Raises `FlagsError`; then nobody does."""
        self._tell()
        if not await self._source.refresh():
            raise SourceUnwritable(f"The other machines cannot be asked. {self._source.view().problem}")
        await self._source.restore(feature, said)

    @contextlib.contextmanager
    def restoring(self, feature: str | None) -> Iterator[None]:
        """Somebody restores it here and writes that down: it is nobody else's business meanwhile."""
        self._restoring.add(feature)
        try:
            yield
        finally:
            self._restoring.discard(feature)

    async def _forever(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except Exception:  # noqa: BLE001 - what fails here must not end the desk, nor be forgotten
                _LOG.exception("keeping in step with the other machines failed; it goes on in a moment")
                await asyncio.sleep(_AGAIN)

    # --- in memory --------------------------------------------------------------------------------

    async def _exchange(self) -> None:
        self._nudge.clear()
        self._begun += 1
        stamp = self._page.stamp()
        self._tell()
        answered = await self._source.refresh()
        loop = asyncio.get_running_loop()
        version = self._source.version
        if answered:
            self._told = (self._begun, version)
        if self._take() and version != self._in_force.latches:
            self._in_force = self._in_force._replace(latches=version, since=loop.time())
        self._agreed.set()
        until = loop.time() + POLL
        # A latch may be set by anybody who can write the page, who tells nobody: one comparison of 16 bytes.
        while not (self._nudge.is_set() or self._page.stamp() != stamp or loop.time() >= until):  # noqa: ASYNC110
            await asyncio.sleep(_LOOK)

    def _tell(self) -> None:
        """What is rolled back here holds for everybody."""
        self._forget_what_is_over()
        for feature in self._latched():
            mark, told = self._page.latch_mark(feature), self._source.told.get(feature or "")
            if mark == told:
                continue
            if self._source.holds(feature) is None or told is None or _moved_on(told, mark):
                self._source.roll_back(feature, self._record.why(feature))
            self._source.told[feature or ""] = mark

    def _forget_what_is_over(self) -> None:
        latched, everything = self._page.latches()
        held = {*latched, *([""] if everything else [])}
        for name in self._source.told.keys() - held:
            del self._source.told[name]

    def _take(self) -> bool:
        """What is rolled back anywhere is so here → whether all of it is. Whoever keeps the page and the disk
        in step writes it down."""
        complete = True
        here = set(self._latched())
        for feature in (None, *self._page.feature_names()):
            if feature in here or (said := self._source.holds(feature)) is None:
                continue
            evidence = {"machine": said.machine}
            self._record.expect(
                feature, Entry(said.actor, "rollback", feature, reason=said.reason, evidence=evidence)
            )
            try:
                self._page.latch(feature, True)
                self._source.told[feature or ""] = self._page.latch_mark(feature)
            except PageError:
                complete = False
        return complete

    def _latched(self) -> list[str | None]:
        """Those that a latch of this machine's page can be asked for."""
        latched, everything = self._page.latches()
        return [*([None] if everything else []), *sorted(latched.intersection(self._page.feature_names()))]

    # --- written down -----------------------------------------------------------------------------

    async def _settle(self) -> None:
        await self._agreed.wait()
        self._agreed.clear()
        await self._source.save()
        version = self._source.version
        await self._follower.take_over()
        problems = [await self._end(feature) for feature in self._latched() if self._is_over(feature)]
        self._problem = " ".join(filter(None, problems))
        if not self._problem and self._follower.in_step():
            self._in_force = self._in_force._replace(version=version)
        for event in self._source.events():
            async with self._writing:
                await asyncio.to_thread(self._record.noted, Entry("machine", "source_behind", reason=event))

    def _is_over(self, feature: str | None) -> bool:
        told = self._source.told.get(feature or "")
        return (
            feature not in self._restoring
            and told == self._page.latch_mark(feature)
            and self._source.holds(feature) is None
        )

    async def _end(self, feature: str | None) -> str:
        """It was restored elsewhere → one sentence when that could not be written down, and so still
        holds."""
        said = self._source.restored_by(feature)
        entry = Entry(said.actor, "restore", feature, reason=said.reason, evidence={"machine": said.machine})
        async with self._writing:
            if not self._is_over(feature):
                return ""
            mark = self._source.told[feature or ""]
            try:
                await asyncio.to_thread(self._record.restored, feature, entry, mark)
            except LatchMoved:
                return ""
            except FlagsError as error:
                what = feature or "everything"
                return f"{what} was restored elsewhere, and not here yet: {error}"
        return ""


def _moved_on(told: int, mark: int) -> bool:
    """Whether a latch that stood at `told` has been changed since; of a page made anew the numbers begin
    again."""
    return 0 < (mark - told) & 0xFF < 128
