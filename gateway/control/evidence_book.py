"""The evidence of every feature, as the judge wants it: histories of windows, made of what processes report.
Knows no limits and decides nothing.

A process reports totals, so what is new is the difference to what the same process reported before; it
belongs to the window of the moment. Samples of users name their windows themselves. A *step* is the time
since the dial last moved: what it has seen is the totals of now less those of then.

A history that begins anew must not meet the users of the one before, whom workers go on reporting until
their window has passed: those marks stay in it as neutral ones, which no guard counts.

Where several machines share their evidence, each tells the others what it has seen itself, and all of it
counts that has the same beginning.

The book can be saved and loaded: it goes on over weeks, whoever is restarted meanwhile.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from flags import (
    FULL,
    WINDOW_SECONDS,
    EvidenceHistory,
    EvidenceWindow,
    Seen,
    Totals,
    UserSample,
    replace_whole,
)
from gateway.control.accord import Where
from gateway.control.reports import Report
from gateway.core.latency import LATENCY_BOUNDS

__all__ = ["EvidenceBook", "Step", "keep"]

_PROCESSES: Final = 256
_CHANGING: Final = 2
"""Windows that users are still added to."""
_RECENT, _EARLIER = "recent", "earlier"
_KINDS: Final = ("erring", "differing", "keys")


class Step(msgspec.Struct, frozen=True):
    """Since when (seconds since 1970) the dial has stood at `percent` hundredths, and the totals then.
    `move`: the name of the move that has put it there, where machines give them names.
    """

    percent: int = 0
    since: float = 0.0
    before: Totals = Totals()
    move: str = ""


class _Feature(msgspec.Struct):
    """`latched`: as it was when last looked at; `window`: its length in seconds. `changes` counts what was
    added, so that an answer can be remembered. `begun`: the name of its beginning, where machines give one.
    """

    history: EvidenceHistory = EvidenceHistory()
    step: Step | None = None
    latched: bool = False
    window: float = WINDOW_SECONDS
    changes: int = 0
    begun: str = ""


class _Saved(msgspec.Struct):
    """`known`: the last totals of each process, the one heard of last at the end. `name`: of this machine's
    evidence, made in the folder `home`.
    """

    features: dict[str, _Feature] = {}
    known: dict[str, dict[str, Totals]] = {}
    name: str = ""
    home: str = ""


class Published(msgspec.Struct, frozen=True):
    """What a machine tells the others of one feature. `begun`: the name of the beginning; `window`: seconds;
    `windows`: from the number `first` on, or those before it; `step`: of the dial, and what it has seen.
    """

    begun: str
    window: float
    first: int
    windows: tuple[EvidenceWindow, ...]
    step: Step | None = None
    seen: Totals = Totals()
    bounds: int = len(LATENCY_BOUNDS)


class EvidenceBook:
    """Takes reports in, gives histories. `clock`: seconds since 1970. `home`: where it is kept, host and
    folder; `new_name` gives names that nobody else gives. `name` is what the others know this evidence by.
    """

    def __init__(
        self, clock: Callable[[], float], home: str = "", new_name: Callable[[], str] = lambda: ""
    ) -> None:
        self._clock = clock
        self._home = home
        self.name = new_name()
        self._others: dict[str, dict[str, dict[str, Published]]] = {}
        self._heard: Counter[str] = Counter()
        self._together: dict[str, tuple[int, EvidenceHistory]] = {}
        self._features: dict[str, _Feature] = {}
        self._known: dict[str, dict[str, Totals]] = {}
        self._waiting: dict[str, list[EvidenceWindow]] = {}

    def add(self, report: Report) -> None:
        """Take the newest totals and some users of one process."""
        if report.evidence:
            self._add_totals(f"{report.source} {report.incarnation}", report.evidence)
        for feature, kinds in report.users.items():
            for kind, windows in kinds.items():
                if kind in _KINDS:
                    for number, sample in windows.items():
                        self._wait(feature, msgspec.structs.replace(EvidenceWindow(number), **{kind: sample}))

    def look(
        self,
        feature: str,
        percent: int,
        *,
        latched: bool,
        window: float = WINDOW_SECONDS,
        where: Where | None = None,
    ) -> None:
        """Take over what became of a feature: another dial begins a step, a lifted latch a history, and so do
        windows of another length, since their numbers mean other times. `where`: how several machines name
        step and history, so that all of them begin alike.
        """
        found = self._of(feature)
        if found.window != window:
            found.window, found.history, found.step = window, EvidenceHistory(), None
        if found.latched and not latched if where is None else found.begun != where.begun:
            self.begin(feature)
        found.latched = latched
        found.begun, move = where or ("", "")
        if found.step is None or (found.step.percent, found.step.move) != (percent, move):
            found.step = Step(percent, self._clock(), found.history.totals(), move)
            found.changes += 1

    def begin(self, feature: str) -> None:
        """Forget what was seen of a feature: a new history, and a new step where the dial stands."""
        found = self._of(feature)
        found.history = EvidenceHistory(tuple(map(_neutral, found.history.windows[-2:])))
        found.step = Step(found.step.percent if found.step else 0, self._clock())
        found.changes += 1

    def history(self, feature: str) -> EvidenceHistory:
        """Everything since it began, on all machines."""
        own, stamp = self._of(feature).history, self.changes(feature)
        known = self._together.get(feature)
        if known is None or known[0] != stamp:
            for other in self._alike(feature):
                own = own.merged(EvidenceHistory(other))
            known = self._together[feature] = (stamp, own)
        return known[1]

    def step(self, feature: str) -> Step:
        """When the dial last moved, and where to."""
        return self._of(feature).step or Step()

    def seen(self, feature: str) -> Totals:
        """What the step has seen so far, on all machines."""
        own = self._seen(self._of(feature))
        found = self._of(feature).step
        for parts in self._others.values():
            there = parts.get(feature, {}).get(_RECENT)
            if there and self._is_alike(feature, there) and there.step and found:
                same = (there.step.percent, there.step.move) == (found.percent, found.move)
                own = own + there.seen if same else own
        return own

    def changes(self, feature: str) -> int:
        """A number that differs when the evidence does."""
        return self._of(feature).changes + self._heard[feature]

    # --- with other machines ----------------------------------------------------------------------

    def own_changes(self, feature: str) -> int:
        """A number that differs when what this machine has seen does."""
        return self._of(feature).changes

    def parts(self, feature: str) -> dict[str, bytes]:
        """What this machine has seen itself, for `take`: the windows that still change, and those before."""
        found = self._of(feature)
        windows = found.history.windows
        first = windows[-_CHANGING:][0].number if windows else 0
        seen = self._seen(found)

        def part(chosen: tuple[EvidenceWindow, ...], step: Step | None = None) -> bytes:
            said = Published(found.begun, found.window, first, chosen, step, seen if step else Totals())
            return msgspec.msgpack.encode(said)

        return {_EARLIER: part(windows[:-_CHANGING]), _RECENT: part(windows[-_CHANGING:], found.step)}

    def take(self, machine: str, feature: str, part: str, data: bytes) -> None:
        """What another machine has seen, in place of what it said before; what cannot be read is nothing."""
        with contextlib.suppress(msgspec.MsgspecError):
            said = msgspec.msgpack.decode(data, type=Published)
            self._others.setdefault(machine, {}).setdefault(feature, {})[part] = said
            self._heard[feature] += 1

    def forget(self, machines: Collection[str]) -> None:
        """Of others than these nothing counts any more."""
        for machine in self._others.keys() - set(machines):
            for feature in self._others.pop(machine):
                self._heard[feature] += 1

    def machines(self, feature: str) -> int:
        """How many others have told of this feature."""
        return sum(feature in parts for parts in self._others.values())

    def _alike(self, feature: str) -> Iterator[tuple[EvidenceWindow, ...]]:
        """The windows of each other machine, where they mean the same as ours."""
        for parts in self._others.values():
            recent, earlier = (parts.get(feature, {}).get(part) for part in (_RECENT, _EARLIER))
            if recent is None or not self._is_alike(feature, recent):
                continue
            before = earlier.windows if earlier and self._is_alike(feature, earlier) else ()
            # Told one after the other: a window is in one of them, or for a moment in none.
            yield (*(one for one in before if one.number < recent.first), *recent.windows)

    def _is_alike(self, feature: str, said: Published) -> bool:
        found = self._of(feature)
        return (said.begun, said.window, said.bounds) == (found.begun, found.window, len(LATENCY_BOUNDS))

    @staticmethod
    def _seen(found: _Feature) -> Totals:
        return found.history.totals() - (found.step.before if found.step else Totals())

    # --- kept -------------------------------------------------------------------------------------

    def packed(self) -> bytes:
        """All of it, for `load`."""
        for feature in tuple(self._waiting):
            self._of(feature)
        return msgspec.msgpack.encode(_Saved(self._features, self._known, self.name, self._home))

    def load(self, path: Path) -> None:
        """Go on from what was saved there; from nothing where that cannot be read. A copy of what lies in
        another place, or on another host, gets a name of its own, and where others know the old name nothing
        of it is ours: they would count it twice.
        """
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            saved = msgspec.msgpack.decode(path.read_bytes(), type=_Saved)
            self._known = saved.known
            if not saved.name or not self._home or saved.home == self._home:
                self._features, self.name = saved.features, saved.name or self.name

    def _add_totals(self, process: str, totals: Mapping[str, Totals]) -> None:
        before = self._known.pop(process, {})
        self._known[process] = dict(totals)  # at the end: it was heard of last
        while len(self._known) > _PROCESSES:
            del self._known[next(iter(self._known))]
        moment = self._clock()
        for feature, now in totals.items():
            known = before.get(feature)
            if now != known:
                there = self._features.get(feature)
                window = int(moment // (there.window if there else WINDOW_SECONDS))
                self._wait(feature, EvidenceWindow(window, now - known if known else now))

    def _wait(self, feature: str, window: EvidenceWindow) -> None:
        self._waiting.setdefault(feature, []).append(window)

    def _of(self, feature: str) -> _Feature:
        found = self._features.get(feature)
        if found is None:
            found = self._features[feature] = _Feature()
        waiting = self._waiting.pop(feature, None)
        if waiting:
            history = found.history
            for window in waiting:
                history = history.merged(EvidenceHistory((_without_neutral(window, history),)))
            if history != found.history:
                found.history = history
                found.changes += 1
        return found


def keep(packed: bytes, path: Path) -> None:
    """Write a packed book to `path`, whole or not at all; a disk that cannot take it costs only that. May
    take its time.
    """
    with contextlib.suppress(OSError):
        replace_whole(path, packed, mode=0o666, durable=False)


def _neutral(window: EvidenceWindow) -> EvidenceWindow:
    """Its users as ones that were there before: on no side of a dial that leaves a choice."""
    there_before = Seen(window.number, FULL, False)

    def neutral(sample: UserSample) -> UserSample:
        return UserSample(sample.level, dict.fromkeys(sample.users, there_before))

    return EvidenceWindow(
        window.number,
        erring=neutral(window.erring),
        differing=neutral(window.differing),
        keys=neutral(window.keys),
    )


def _without_neutral(window: EvidenceWindow, history: EvidenceHistory) -> EvidenceWindow:
    known = next((one for one in history.windows if one.number == window.number), None)
    if known is None:
        return window
    changed = {}
    for kind in _KINDS:
        sample, there = getattr(window, kind), getattr(known, kind)
        kept = {mark: seen for mark, seen in sample.users.items() if not _is_neutral(there.users.get(mark))}
        if len(kept) != len(sample.users):
            changed[kind] = UserSample(sample.level, kept)
    return msgspec.structs.replace(window, **changed) if changed else window


def _is_neutral(seen: Seen | None) -> bool:
    return seen is not None and seen.share == FULL and not seen.new
