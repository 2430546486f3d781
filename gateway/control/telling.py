"""After a rollback, and never in its way: another source is told, so that it does not go on saying what is
not in force; and after the restore, that it may again. Knows the source by a protocol, and no HTTP.

What was switched off there is remembered in a file, so that the restore switches on what the rollback
switched off, and nothing else. Whatever somebody does there meanwhile is theirs: it is reported, and not
fought over.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

import msgspec

from flags import Entry, FlagsError, StatePage, replace_whole
from gateway.control.following import Follower
from gateway.control.record import Record

__all__ = ["Switchable", "Teller"]

_LOOK: Final = 0.5
_AGAIN: Final = (1.0, 2.0, 5.0, 15.0, 60.0)
_RETURNS: Final = 60.0
_LOG = logging.getLogger("banyan.control")


class Switchable(Protocol):
    """Another source that can be told. Raises `FlagsError` when it did not take it."""

    async def switch(self, feature: str, *, on: bool) -> None: ...


class Teller:
    """`folder`: of the state. `clock`: of `time.monotonic`."""

    def __init__(
        self,
        source: Switchable,
        follower: Follower,
        page: StatePage,
        record: Record,
        writing: asyncio.Lock,
        folder: Path,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._follower = follower
        self._page = page
        self._record = record
        self._writing = writing
        self._file = folder / "switched-off.json"
        self._clock = clock
        self._off = self._load()
        self._in_doubt: set[str] = (
            set()
        )  # asked to be switched off, and not answered: it may be done all the same
        self._returning: dict[str, float] = {}
        self._failures = 0
        self._not_before = 0.0
        self.problem = ""

    def held(self) -> frozenset[str]:
        """Features that the source says 0 of because we told it so: their dials stay where they were put."""
        return self.off() | self._returning.keys()

    def off(self) -> frozenset[str]:
        """Features that we have switched off there, or may have, for as long as they are rolled back."""
        return frozenset(self._off | self._in_doubt)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._step()
            except Exception:  # noqa: BLE001 - what fails here must not end the desk, nor be forgotten
                _LOG.exception("telling the source of the dials failed; it goes on in a moment")
            await asyncio.sleep(_LOOK)

    async def _step(self) -> None:
        latched, everything = self._page.latches()
        said = self._follower.said()
        now = self._clock()
        self._returning = {
            name: until for name, until in self._returning.items() if until > now and not said.get(name)
        }
        if self._returning:
            await self._follower.step()
        for name in [one for one in self._in_doubt if not (everything or one in latched)]:
            self._in_doubt.discard(name)
            if not said.get(name):
                self._off.add(name)  # it was done: the restore switches it on again
        due = [
            *(
                (name, False)
                for name, percent in said.items()
                if self._is_to_go(name, percent, latched, everything)
            ),
            *((name, True) for name in sorted(self._off) if not (everything or name in latched)),
        ]
        if not due:
            self.problem = ""
        if now < self._not_before:
            return
        for name, on in due:
            await self._tell(name, on)

    def _is_to_go(self, name: str, percent: int, latched: frozenset[str], everything: bool) -> bool:
        is_open = name in self._in_doubt or bool(percent)
        return is_open and name not in self._off and (everything or name in latched)

    async def _tell(self, name: str, on: bool) -> None:
        word = "on" if on else "off"
        if not on:
            self._in_doubt.add(name)
        try:
            await self._source.switch(name, on=on)
        except FlagsError as error:
            pause = _AGAIN[min(self._failures, len(_AGAIN) - 1)]
            self._failures += 1
            self._not_before = self._clock() + pause
            if str(error) not in self.problem:
                _LOG.error("%s could not be switched %s: %s", name, word, error)
            self.problem = f"{name} could not be switched {word} after the {_because(on)}: {error}"
            return
        self._failures, self._not_before, self.problem = 0, 0.0, ""
        if on:
            self._off.discard(name)
            self._returning[name] = self._clock() + _RETURNS
        else:
            self._in_doubt.discard(name)
            self._off.add(name)
        source = self._follower.view().name
        reason = f"switched {word} in {source} after the {_because(on)}"
        entry = Entry("machine", "source_told", name, reason=reason)
        async with self._writing:
            await asyncio.to_thread(self._record.noted, entry)
        await asyncio.to_thread(self._save)

    def _save(self) -> None:
        packed = msgspec.json.encode(sorted(self._off))
        # Where it cannot be written, a restart leaves it to a person, who is told of the divergence.
        with contextlib.suppress(OSError):
            replace_whole(self._file, packed, mode=0o666, durable=False)

    def _load(self) -> set[str]:
        try:
            return set(msgspec.json.decode(self._file.read_bytes(), type=list[str]))
        except (OSError, msgspec.MsgspecError):
            return set()


def _because(on: bool) -> str:
    return "restore" if on else "rollback"
