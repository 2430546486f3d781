"""Verifies a folder of recordings against a side; it must not write anything, and never does.

1. read every file, naming those that are none  2. check that each journey is whole and, when flows are
given, that it is what the flow says today  3. play the journeys, each in order, several at once  4. report.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from golden.files import gaps, journeys, read_all
from golden.flow import Flow
from golden.journey import Journey, Place, Terms
from golden.player import DEADLINE, MAX_BODY, checked_url
from golden.recording import Recording
from golden.report import Case, Problem, Progress, VerifyReport
from golden.scrub import Scrubber
from shadow import DEFAULT_RULES, Rules


def verify(
    folder: Path,
    base_url: str,
    rules: Rules = DEFAULT_RULES,
    *,
    today: date | None = None,
    flows: Sequence[Flow] = (),
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

    `today` decides which rules have expired (default: the day in UTC); `only` names flows; with `flows`,
    recordings that no longer say what their flow says are reported as stale. `deadline` in seconds for each
    whole answer. `place` gives the feature and route of a request, for rules of narrower scope than
    everywhere. Raises `GoldenError` for an address that is none; everything else is in the report and its
    exit code.
    """
    terms = Terms(
        checked_url(base_url), today or datetime.now(UTC).date(), rules, key, env, deadline, max_body, place
    )
    recordings, unreadable = read_all(folder)
    problems = [Problem(error.file, error.what) for error in unreadable]
    chosen = {name: items for name, items in journeys(recordings).items() if not only or name in only}
    problems += [
        Problem(str(folder / name), "there is no recording of this flow", name)
        for name in sorted(set(only) - set(chosen))
    ]
    problems += [
        Problem(str(folder / name), what, name) for name, items in chosen.items() for what in gaps(items)
    ]
    problems += [
        item
        for flow in flows
        if not only or flow.name in only
        for item in stale(flow, chosen.get(flow.name, []), terms.scrubber())
    ]
    if not chosen:
        problems.append(Problem(str(folder), "holds no recording, so nothing was verified"))
    cases = asyncio.run(_verify_all(list(chosen.values()), terms, concurrency, progress))
    return VerifyReport(terms.url, str(folder), tuple(cases), tuple(problems))


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


async def _verify_all(
    chosen: list[list[Recording]], terms: Terms, concurrency: int, progress: Progress | None
) -> list[Case]:
    slots = asyncio.Semaphore(max(1, concurrency))
    total = sum(len(items) for items in chosen)
    done = 0

    async def one(recordings: list[Recording]) -> list[Case]:
        nonlocal done
        cases = []
        async with slots:
            journey = Journey(recordings, terms)
            try:
                for recording in recordings:
                    cases.append(await journey.verify(recording))
                    done += 1
                    if progress:
                        progress(done, total, recording.id)
            finally:
                await journey.close()
        return cases

    return [case for cases in await asyncio.gather(*(one(items) for items in chosen)) for case in cases]
