"""Verifies a folder of recordings against a side; it must not write anything, and never does.

One journey after another, several at once: 1. read its files, naming those that are none  2. check that it is
whole and, when flows are given, that it is what the flow says today  3. play it in order, beside it on the
control where one is named  4. keep the cases. So no more is in memory than is being played.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

from golden.errors import FlowError, GoldenError
from golden.files import disorder, folders_of, journeys, read_folder
from golden.flow import Flow
from golden.journey import Journey, Place, Terms
from golden.player import DEADLINE, MAX_BODY, Connections, checked_url, shown_url
from golden.recording import Recording
from golden.report import Case, Problem, Progress, VerifyReport
from golden.scrub import Scrubber
from shadow import DEFAULT_RULES, Comparison, Rules, Verdict

_CLEAN = Comparison(verdict=Verdict.MATCH)


def verify(
    folder: Path,
    base_url: str,
    rules: Rules = DEFAULT_RULES,
    *,
    control: str = "",
    today: date | None = None,
    flows: Sequence[Flow] = (),
    unreadable: Sequence[FlowError] = (),
    only: Sequence[str] = (),
    key: bytes | None = None,
    env: Mapping[str, str] | None = None,
    deadline: float = DEADLINE,
    max_body: int = MAX_BODY,
    concurrency: int = 4,
    place: Place | None = None,
    progress: Progress | None = None,
) -> VerifyReport:
    """Verify the recordings below `folder` against the side at `base_url`.

    `control` is the address of the side that was right when they were recorded: it is asked too, and each
    difference says whose doing it is. `today` decides which rules have expired (default: the day in UTC);
    `only` names flows; with `flows`, recordings that no longer say what their flow says are reported as
    stale; flows that are `unreadable` are problems. `deadline` in seconds for each whole answer. `place`
    gives the feature and route of a request, for rules of narrower scope than everywhere. Raises
    `GoldenError` for an address that is none; everything else is in the report and its exit code.
    """
    day = today or datetime.now(UTC).date()
    terms = Terms(checked_url(base_url), day, rules, key, env, deadline, max_body, place)
    beside = replace(terms, url=checked_url(control)) if control else None
    if beside and beside.url == terms.url:
        raise GoldenError(
            f"{shown_url(beside.url)} cannot be the control of itself: name the side that was recorded"
        )
    run = _Run(folder, terms, beside, {flow.name: flow for flow in flows}, frozenset(only), progress)
    asyncio.run(run.all(max(1, concurrency)))
    problems = [Problem(error.file, error.what, step=error.step) for error in unreadable]
    problems += [*run.problems, *run.missing(), *run.silent_control()]
    cases = sorted(run.cases, key=lambda case: (case.flow, case.number, case.file))
    return VerifyReport(
        shown_url(terms.url),
        str(folder),
        tuple(cases),
        tuple(problems),
        control=shown_url(beside.url) if beside else "",
        warnings=tuple(run.half_silent_control()),
    )


def stale(flow: Flow, recorded: Sequence[Recording], scrubber: Scrubber) -> list[Problem]:
    """Where the recordings of a flow do not say what the flow says today: one problem per step."""
    steps = {step.number: scrubber.step(step)[0] for step in flow.steps}
    numbers = {item.step.number: item for item in recorded}
    problems = []
    for number in sorted(steps.keys() | numbers.keys()):
        step, item = steps.get(number), numbers.get(number)
        if item is None and step is not None:
            problems.append(Problem(flow.file, "was never recorded", flow.name, step.name))
        elif item is not None and step is None:
            problems.append(Problem(item.file, "is stale: its flow has no such step any more", flow.name))
        elif item is not None and item.step != step:
            problems.append(Problem(item.file, "is stale: its flow asks something else by now", flow.name))
    return problems


@dataclass
class _Run:
    """One verification and what it has found so far."""

    folder: Path
    terms: Terms
    control: Terms | None
    flows: Mapping[str, Flow]
    only: frozenset[str]
    progress: Progress | None
    cases: list[Case] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    seen: dict[str, Path] = field(default_factory=dict)
    total: int = 0
    control_said: int = 0
    control_failed: str = ""

    async def all(self, concurrency: int) -> None:
        """Every journey, at most `concurrency` at a time."""
        folders, unreadable = folders_of(self.folder)
        self.problems += [Problem(error.file, error.what) for error in unreadable]
        self.total = sum(1 for place in folders for _ in place.glob("*.json"))
        waiting = self._journeys(folders)
        connections = Connections(2 * concurrency)

        async def one() -> None:
            for recordings in waiting:  # a generator: what one takes, no other gets
                await self._journey(recordings, connections)

        try:
            await asyncio.gather(*(one() for _ in range(concurrency)))
        finally:
            await connections.close()

    def missing(self) -> Iterator[Problem]:
        """What should have been there."""
        for name in sorted(self.only - self.seen.keys()):
            yield Problem(str(self.folder / name), "there is no recording of this flow", name)
        for name, flow in self.flows.items():
            if name not in self.seen and (not self.only or name in self.only):
                yield from stale(flow, [], self.terms.scrubber())
        if not self.seen:
            yield Problem(str(self.folder), "holds no recording, so nothing was verified")

    def silent_control(self) -> Iterator[Problem]:
        """A control that was asked for, and said nothing at all."""
        if self.control and self.cases and not self.control_said:
            yield Problem("", f"the control never answered: {self.control_failed}")

    def half_silent_control(self) -> Iterator[Problem]:
        """A control that said something, but not everywhere."""
        if self.control and self.control_said and (missed := len(self.cases) - self.control_said):
            yield Problem("", f"the control gave no answer to {missed} steps, first: {self.control_failed}")

    def _journeys(self, folders: list[Path]) -> Iterator[list[Recording]]:
        for place in folders:
            recordings, unreadable = read_folder(place)
            self.problems += [Problem(error.file, error.what) for error in unreadable]
            for name, items in journeys(recordings).items():
                if self.only and name not in self.only:
                    continue
                self.problems += [Problem(e.file, e.what, name) for e in disorder(items, unreadable)]
                if name in self.flows:
                    self.problems += stale(self.flows[name], items, self.terms.scrubber())
                if name in self.seen:
                    what = f"the flow {name!r} is in {self.seen[name]} too"
                    self.problems.append(Problem(str(place), what, name))
                self.seen.setdefault(name, place)
                yield items

    async def _journey(self, recordings: list[Recording], connections: Connections) -> None:
        journey = Journey(recordings, self.terms, connections)
        beside = Journey(recordings, self.control, connections) if self.control else None
        try:
            for recording in recordings:
                case = await journey.verify(recording)
                if beside:
                    said = await beside.verify(recording)
                    self.control_said += said.seen is not None
                    if said.seen is None:
                        self.control_failed = self.control_failed or f"{recording.id}: {said.problem}"
                    case = journey.against(recording, case, said)
                self.cases.append(_small(case))
                if self.progress:
                    self.progress(len(self.cases), self.total, recording.id)
        finally:
            await journey.close()
            if beside:
                await beside.close()


def _small(case: Case) -> Case:
    """The case without its answer: what is kept of ten thousand must be little."""
    plain = case.comparison.verdict is Verdict.MATCH and not case.comparison.differences
    return replace(case, seen=None, comparison=_CLEAN if plain else case.comparison)
