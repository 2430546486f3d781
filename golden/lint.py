"""Finds what is wrong with a folder of recordings without asking any side; it must not change anything.

Errors: files that are no recordings (corrupt, cut off, foreign, of a newer format), journeys that are not
whole, names that are there twice or in the wrong place, secrets that were not scrubbed, recordings that no
flow knows, rules that have expired, rules that can excuse nothing and rules for what is not configured.
Warnings: rules for routes of which nothing is recorded (live traffic may need them), leftovers of writes that
broke off.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from golden.errors import FlowError
from golden.files import disorder, folders_of, journeys, path_of, read_folder
from golden.flow import Flow
from golden.journey import Place
from golden.recording import Recording
from golden.report import Problem
from golden.rule_usage import RuleUsage
from golden.scrub import Scrubber, scrubber_for
from golden.verifier import stale
from shadow import DEFAULT_RULES, Rules


@dataclass(frozen=True, slots=True)
class LintReport:
    """What was found. Exit code 0: nothing wrong; 1: an error; 2: there was nothing to look at."""

    recordings: int
    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]

    @property
    def exit_code(self) -> int:
        """Warnings alone are no failure."""
        if self.errors:
            return 1
        return 0 if self.recordings else 2


def lint(
    folder: Path,
    rules: Rules = DEFAULT_RULES,
    *,
    flows: Sequence[Flow] = (),
    unreadable: Sequence[FlowError] = (),
    today: date | None = None,
    key: bytes | None = None,
    place: Place | None = None,
    features: Collection[str] = (),
) -> LintReport:
    """Look at every file below `folder`.

    `flows` are compared with what was recorded from them, those that are `unreadable` are errors. `place`
    gives the feature and route of a request, for rules of narrower scope than everywhere, and `features` are
    those that are configured.
    """
    scrubber = scrubber_for(rules, key)
    day = today or datetime.now(UTC).date()
    known = {flow.name: flow for flow in flows}
    usage = RuleUsage(rules, day, place, features)
    errors: list[Problem] = []
    seen: dict[str, Path] = {}
    in_doubt = {Path(error.file).stem for error in unreadable}
    count = 0
    homes, closed = folders_of(folder)
    errors += [Problem(error.file, error.what, step=error.step) for error in unreadable]
    errors += [Problem(error.file, error.what) for error in closed]
    for home in homes:
        recordings, damaged = read_folder(home)
        errors += [Problem(error.file, error.what) for error in damaged]
        count += len(recordings)
        for name, items in journeys(recordings).items():
            if name in seen:
                errors.append(Problem(str(home), f"the flow {name!r} is in {seen[name]} too", name))
            errors += [Problem(error.file, error.what, name) for error in disorder(items, damaged)]
            errors += _journey(items, folder, scrubber)
            if flows and name not in in_doubt:
                errors += _against(known.get(name), name, items, scrubber)
            seen.setdefault(name, home)
        for recording in recordings:
            usage.note(recording)
    for name in sorted(known.keys() - seen.keys()):
        errors += stale(known[name], [], scrubber)
    errors += [Problem("", f"{what}") for what in rules.problems(day)]
    errors += [Problem("", f"rule {rule!r} matches nothing that is recorded here") for rule in usage.dead()]
    errors += [
        Problem("", f"rule {rule!r} is for a feature or a route that is not configured")
        for rule in usage.nowhere()
    ]
    warnings = [
        Problem("", f"rule {rule!r} is for a route of which nothing is recorded here")
        for rule in usage.elsewhere()
    ]
    warnings += [
        Problem(str(path), "is left over from a write that broke off")
        for path in sorted(folder.rglob(".*.part"))
    ]
    return LintReport(count, tuple(errors), tuple(warnings))


def _journey(items: list[Recording], folder: Path, scrubber: Scrubber) -> Iterator[Problem]:
    for item in items:
        if Path(item.file) != path_of(folder, item):
            what = f"is in the wrong place, expected {path_of(folder, item)}"
            yield Problem(item.file, what, item.flow, item.step.name)
        for what in secrets_in(item, scrubber):
            yield Problem(item.file, what, item.flow, item.step.name)


def _against(flow: Flow | None, name: str, items: list[Recording], scrubber: Scrubber) -> Iterator[Problem]:
    if flow is None:
        yield Problem(items[0].file, "is unused: no flow is called so any more", name)
    else:
        yield from stale(flow, items, scrubber)


def secrets_in(recording: Recording, scrubber: Scrubber) -> Iterator[str]:
    """Where a recording holds what scrubbing takes out: one sentence per place, without the secret."""
    clean, taken = scrubber.step(recording.step)
    if taken or clean != recording.step:
        changed = [
            name
            for (name, value), new in zip(recording.step.headers, clean.headers, strict=True)
            if new[1] != value
        ]
        where = (
            f"header {changed[0]!r}"
            if changed
            else "body"
            if clean.body != recording.step.body
            else "address"
        )
        yield f"an unscrubbed secret stands in the request ({where})"
    for where in scrubber.unscrubbed(recording.answer):
        yield f"an unscrubbed secret stands in the answer ({where})"
