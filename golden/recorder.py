"""Records journeys as the truth: plays each flow to its end, then writes its cases; it must not compare.

1. load the secrets  2. play every step  3. scrub each answer with what was known by then  4. write,
atomically, only what changed, and only when the whole journey was played: a flow that breaks off leaves its
files as they were. A journey is written when it ends, so that one run may be as long as it likes.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from golden import template, volatile
from golden.errors import FlowError, GoldenError, RecordingError, StepError
from golden.files import CHANGED, CREATED, keep, path_of
from golden.flow import Flow
from golden.known import known_values
from golden.learning import settled
from golden.player import DEADLINE, MAX_BODY, Player, checked_url, secrets_from, shown_url
from golden.provenance import Provenance
from golden.recording import Answer, Recording
from golden.report import Problem, RecordReport, Saved
from golden.scrub import Scrubber, scrubber_for
from golden.step import Step
from shadow import DEFAULT_RULES, Rules


def record(
    flows: Flow | Sequence[Flow],
    base_url: str,
    folder: Path,
    *,
    rules: Rules = DEFAULT_RULES,
    key: bytes | None = None,
    env: Mapping[str, str] | None = None,
    deadline: float = DEADLINE,
    max_body: int = MAX_BODY,
    concurrency: int = 4,
    prune: bool = False,
    provenance: Provenance | None = None,
    twice: bool = False,
    unreadable: Sequence[FlowError] = (),
    progress: Callable[[int, int, str], None] | None = None,
) -> RecordReport:
    """Record `flows` from the side at `base_url` into `folder`.

    `deadline` is in seconds for each whole answer, `max_body` in bytes. Files of steps that a flow no longer
    has are reported as stale, and removed only with `prune`. `rules` say which names to redact and which
    further headers to keep. `provenance` says what the side is called. With `twice` every flow is played two
    times, and what differs at every call is named by its type. `unreadable` flows are problems like any
    other. Raises `GoldenError` for an address that is none; what happens to a single flow is a problem in the
    report, and the other flows go on.
    """
    flows = [flows] if isinstance(flows, Flow) else list(flows)
    job = _Job(
        checked_url(base_url),
        scrubber_for(rules, key),
        env,
        deadline,
        max_body,
        sum(len(f.steps) for f in flows) * (2 if twice else 1),
        progress,
        provenance or Provenance(rules=rules),
        twice,
    )
    lacking: set[str] = set()

    def written(flow: Flow, recordings: list[Recording]) -> list[Saved]:
        saved = write_journey(folder, recordings)
        if any(one.outcome in (CREATED, CHANGED) for one in saved):
            lacking.update(key for key in _ORIGIN if not all(item.recorded.get(key) for item in recordings))
        current = {path_of(folder, item) for item in recordings}
        return saved + _stale(folder / flow.name, current, prune=prune)

    saved: list[Saved] = []
    problems = [Problem(error.file, error.what, step=error.step) for error in unreadable]
    for outcome in asyncio.run(job.play_all(flows, concurrency, written)):
        if isinstance(outcome, Problem):
            problems.append(outcome)
        else:
            saved += outcome
    warnings = job.warnings
    if lacking:
        names = " and ".join(text for key, text in _ORIGIN.items() if key in lacking)
        warnings.append(Problem("", f"the recordings do not say {names} they are"))
    return RecordReport(shown_url(job.url), tuple(saved), tuple(problems), tuple(warnings))


_ORIGIN = {
    "from": "of which side (--source, or a configuration that names its address)",
    "release": "of which release (--release, or [shadow] version_header)",
}


class _Job:
    """One recording run: what all its flows share."""

    def __init__(
        self,
        url: str,
        scrubber: Scrubber,
        env: Mapping[str, str] | None,
        deadline: float,
        max_body: int,
        total: int,
        progress: Callable[[int, int, str], None] | None,
        provenance: Provenance,
        twice: bool,
    ) -> None:
        self._provenance = provenance
        self._twice = twice
        self.url = url
        self.warnings: list[Problem] = []
        self._scrubber = scrubber
        self._env = env
        self._deadline = deadline
        self._max_body = max_body
        self._total = total
        self._progress = progress
        self._done = 0

    async def play_all(
        self, flows: list[Flow], concurrency: int, written: Callable[[Flow, list[Recording]], list[Saved]]
    ) -> list[list[Saved] | Problem]:
        """Every flow, at most `concurrency` at a time; what `written` says of each that came to its end."""
        slots = asyncio.Semaphore(max(1, concurrency))

        async def one(flow: Flow) -> list[Saved] | Problem:
            async with slots:
                found = await self._played(flow)
                if isinstance(found, Problem):
                    return found
                try:
                    return written(flow, found)
                except RecordingError as error:
                    return Problem(error.file, error.what, flow.name)

        return list(await asyncio.gather(*(one(flow) for flow in flows)))

    async def _played(self, flow: Flow) -> list[Recording] | Problem:
        first = await self._play(flow)
        if not self._twice or isinstance(first, Problem):
            return first
        second = await self._play(flow)
        return second if isinstance(second, Problem) else self._settled(flow, first, second)

    def _settled(self, flow: Flow, one: list[Recording], two: list[Recording]) -> list[Recording]:
        found = []
        for first, second in zip(one, two, strict=True):
            answer, unsettled = settled(first.answer, second.answer)
            if unsettled:
                self._warn(flow, first.step, f"does not answer the same twice: {', '.join(unsettled[:5])}")
            found.append(replace(first, answer=answer))
        return found

    async def _play(self, flow: Flow) -> list[Recording] | Problem:
        step = ""
        try:
            secrets = secrets_from(flow.secrets, self._env)
            async with Player(
                self.url, secrets=secrets, deadline=self._deadline, max_body=self._max_body
            ) as player:
                recordings: list[Recording] = []
                taken: dict[str, str] = {}
                for item in flow.steps:
                    step = item.name
                    recordings.append(await self._record(flow, item, player, taken))
                return recordings
        except (StepError, GoldenError) as error:
            return Problem(flow.file, str(error), flow.name, step)

    async def _record(self, flow: Flow, step: Step, player: Player, taken: dict[str, str]) -> Recording:
        played = await player.play(step)
        player.hand_on(step, played)
        stored, removed = self._scrubber.step(step)
        taken |= dict(removed)
        if removed:
            self._warn(
                flow,
                step,
                "a secret stands in the flow: the recording holds a token, which a verification "
                'will send in its place; name it in [secrets] as "env:VARIABLE" and write {name} here',
            )
        if played.answer.status >= 500:
            self._warn(flow, step, f"the answer {played.answer.status} was recorded as the truth")
        known = known_values(
            player.values,
            secrets=flow.secrets,
            keys=keys_of(flow.steps),
            taken=taken,
            cookies=played.cookies.values(),
        )
        self._done += 1
        if self._progress:
            self._progress(self._done, self._total, f"{flow.name}/{step.name}")
        answer = self._scrubber.answer(played.answer, known, player.base_url)
        made = recording_of(flow, stored, answer, player.values, self._scrubber.name)
        return replace(made, recorded=self._provenance.of(played.request, played.answer))

    def _warn(self, flow: Flow, step: Step, what: str) -> None:
        self.warnings.append(Problem(flow.file, what, flow.name, step.name))


def recording_of(
    flow: Flow, stored: Step, answer: Answer, values: Mapping[str, str], scrubbed_with: str
) -> Recording:
    """One case: a step and its answer, both scrubbed; `values` are those handed on by then."""
    texts = [answer.body.value, [value for _, value in answer.headers]]
    used = (stored.references | template.names(texts)) & set(values)
    return Recording(
        flow=flow.name,
        step=stored,
        answer=answer,
        references={name: volatile.form(values[name]) for name in sorted(used - set(flow.secrets))},
        secrets={name: flow.secrets[name] for name in sorted(used & set(flow.secrets))},
        scrubbed_with=scrubbed_with,
    )


def keys_of(steps: Iterable[Step]) -> dict[str, str]:
    """For each value handed on, the JSON name it is taken from."""
    return {item.name: item.key for step in steps for item in step.extract}


def write_journey(folder: Path, recordings: Sequence[Recording]) -> list[Saved]:
    """Write every case of one journey. Raises `RecordingError`."""
    saved = []
    for recording in recordings:
        outcome = keep(folder, recording)
        saved.append(Saved(str(path_of(folder, recording)), recording.flow, recording.step.name, outcome))
    return saved


def _stale(folder: Path, current: set[Path], *, prune: bool) -> list[Saved]:
    stale = [path for path in sorted(folder.glob("*.json")) if path not in current]
    if prune:
        for path in stale:
            path.unlink(missing_ok=True)
    return [Saved(str(path), folder.name, path.stem, "removed" if prune else "stale") for path in stale]
