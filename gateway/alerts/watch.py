"""Follows the ledger and what is wrong at the moment, and puts alerts into the outboxes. Nobody waits for it.

The ledger is the list of what is to be told: whoever changes something writes it there, and what has been
told is kept as a number (`alerts.json`), so that neither a restart nor a change made by another process
loses an alert. Only a rollback is told before it is written: its disk may hang.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from flags import Entry, Ledger, replace_whole
from gateway.alerts.channels import Channel
from gateway.alerts.events import Alert, Trouble, alert_of, cleared, raised, trial
from gateway.alerts.outbox import Outbox

__all__ = ["AlertWatch"]

_LOOK: Final = 0.25
_TRIAL: Final = 7.0
_BEHIND: Final = 500
"""Entries of the ledger that are looked at, at most, after a long absence."""


class _Told(msgspec.Struct, frozen=True):
    """Up to which entry all was told, and the time of the newest that was looked at."""

    seq: int
    time: str = ""


class _Early:
    """A rollback that was told before it was written: on how many channels it is on its way, and the number
    of its entry, once there is one.
    """

    def __init__(self) -> None:
        self.open = 0
        self.number = 0


class AlertWatch:
    """`troubles`: what is wrong now. `clock`: seconds since 1970. `new_id` gives ids that nobody else
    gives."""

    def __init__(
        self,
        channels: tuple[Channel, ...],
        events: frozenset[str],
        ledger: Ledger,
        folder: Path,
        *,
        machine: str,
        troubles: Callable[[], tuple[Trouble, ...]],
        clock: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        self.outboxes = tuple(Outbox(channel) for channel in channels)
        self._events = events
        self._ledger = ledger
        self._file = folder / "alerts.json"
        self._machine = machine
        self._troubles = troubles
        self._clock = clock
        self._new_id = new_id
        self._seen = (0, 0)
        self._open: Counter[int] = Counter()
        self._early: dict[tuple[Any, ...], list[_Early]] = {}
        self._lasting: dict[str, Trouble] = {}
        self._since: dict[str, float] = {}
        told = self._load()
        self._read = self._kept = told.seq
        self._time = told.time
        if not self.outboxes:  # what happens while nobody listens is history for whoever does later
            with contextlib.suppress(OSError):
                self._file.unlink(missing_ok=True)
        elif self._read < 0:  # the same for what was before the first start
            self._begin()

    async def run(self) -> None:
        """Until cancelled. Whatever ends it ends all of it, so that it can be run again."""
        if self.outboxes:
            async with asyncio.TaskGroup() as group:
                for work in (self._watch(), *(outbox.run() for outbox in self.outboxes)):
                    group.create_task(work)

    def rolled_back(self, entry: Entry) -> None:
        """It holds, and is about to be written down, by whatever disk there is."""
        alert = alert_of(entry, self._machine)
        if alert is None or not self.outboxes:
            return
        early = _Early()
        self._early.setdefault(_same(entry), []).append(early)
        time = raised(Trouble("rollback", "rollback", ""), self._machine, self._clock()).time
        alert = msgspec.structs.replace(alert, id=f"{self._machine}/{self._new_id()}", time=time)

        def done() -> None:
            early.open -= 1
            if early.number:
                self._done(early.number)

        early.open = self._put(alert, done)

    async def test(self, actor: str) -> list[dict[str, Any]]:
        """Send one alert on every channel now, once → what became of it."""
        alert = trial(self._machine, actor, self._clock())
        started = self._clock()

        async def one(outbox: Outbox) -> dict[str, Any]:
            try:
                async with asyncio.timeout(_TRIAL):
                    problem = await outbox.channel.deliver(alert)
            except TimeoutError:
                problem = f"It was not taken within {_TRIAL:g} s."
            outbox.counts["failed" if problem else "sent"] += 1
            seconds = round(max(0.0, self._clock() - started), 6)
            channel = outbox.channel
            return {
                "channel": channel.name,
                "address": channel.address,
                "sent": not problem,
                "problem": problem,
                "seconds": seconds,
            }

        return list(await asyncio.gather(*map(one, self.outboxes)))

    def counts(self) -> dict[tuple[str, str], int]:
        """Deliveries by channel and outcome."""
        return {
            (outbox.channel.name, outcome): number
            for outbox in self.outboxes
            for outcome, number in outbox.counts.items()
        }

    def warnings(self) -> tuple[str, ...]:
        """What a person should know, a sentence each."""
        return tuple(
            f"{outbox.waiting} alerts wait for {outbox.channel.name}. {outbox.problem}"
            for outbox in self.outboxes
            if outbox.problem
        )

    async def _watch(self) -> None:
        while True:
            self._look_at_what_lasts()
            with contextlib.suppress(OSError):  # told by others
                for entry in await asyncio.to_thread(self._news):
                    self._take(entry)
            await asyncio.to_thread(self._keep)
            await asyncio.sleep(_LOOK)

    def _look_at_what_lasts(self) -> None:
        now, time = {one.key: one for one in self._troubles()}, self._clock()
        since = {key: self._since.get(key, time) for key in now}
        for key, one in now.items():
            if key not in self._lasting and time - since[key] >= one.after:
                self._lasting[key] = one
                self._put(raised(one, self._machine, time))
        for key in self._lasting.keys() - now.keys():
            self._put(cleared(self._lasting.pop(key), self._machine, time))
        self._since = since

    def _news(self) -> list[Entry]:
        """Blocking: entries that have not been looked at, oldest first."""
        found = self._ledger.path.stat()
        now = (found.st_size, found.st_mtime_ns)
        if now == self._seen:
            return []
        entries = self._ledger.entries(_BEHIND)
        self._seen = now  # of what could not be read, nothing was looked at
        if not entries or entries[0].seq > self._read:
            return [entry for entry in reversed(entries) if entry.seq > self._read]
        # No number is new: nothing is, or they began again further down, as in a ledger that was put back
        # from a backup. There the time tells what has not been looked at.
        since = self._time or _newest(entries)
        self._read, self._time = entries[0].seq, since
        return [entry for entry in reversed(entries) if entry.time > since]

    def _take(self, entry: Entry) -> None:
        self._read = entry.seq
        self._time = max(self._time, entry.time)
        same = _same(entry)
        if told := self._early.get(same):
            early = told.pop(0)
            if not told:
                del self._early[same]
            early.number = entry.seq
            if early.open:  # told, and not taken by everybody yet: a restart would have to tell it again
                self._open[entry.seq] += early.open
        elif alert := alert_of(entry, self._machine):
            # Before the first of them is put: of too many the oldest goes, and may be this very one.
            self._open[entry.seq] += len(self.outboxes)
            put = self._put(alert, lambda: self._done(entry.seq))
            for _ in range(len(self.outboxes) - put):
                self._done(entry.seq)

    def _put(self, alert: Alert, done: Callable[[], None] = lambda: None) -> int:
        """On every channel → on how many."""
        if alert.event not in self._events:
            return 0
        for outbox in self.outboxes:
            outbox.put(alert, done)
        return len(self.outboxes)

    def _done(self, number: int) -> None:
        self._open[number] -= 1
        if self._open[number] <= 0:
            del self._open[number]

    def _keep(self) -> None:
        """Blocking: up to where everything was told, for the next start."""
        told = min(self._open, default=self._read + 1) - 1
        if told == self._kept or told < 0:
            return
        with contextlib.suppress(OSError):
            packed = msgspec.json.encode(_Told(told, self._time))
            replace_whole(self._file, packed, mode=0o666, durable=False)
            self._kept = told

    def _begin(self) -> None:
        entries: list[Entry] = []
        with contextlib.suppress(OSError):
            entries = self._ledger.entries(_BEHIND)
        self._read = entries[0].seq if entries else 0
        self._time = _newest(entries)
        self._keep()

    def _load(self) -> _Told:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=_Told)
        except (OSError, msgspec.MsgspecError):
            return _Told(-1)


def _newest(entries: list[Entry]) -> str:
    """Their latest time: one that was found later may be older than those before it."""
    return max((entry.time for entry in entries), default="")


def _same(entry: Entry) -> tuple[Any, ...]:
    return (entry.action, entry.feature, entry.actor, entry.reason)
