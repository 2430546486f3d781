"""Finds what is wrong with a folder of recordings without asking any side; it must not change anything.

Errors: files that are no recordings (corrupt, cut off, foreign, of a newer format), journeys that are not
whole, names that are there twice or in the wrong place, secrets that were not scrubbed. Warnings: rules
that can excuse nothing here, rules that have expired, leftovers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from golden.files import gaps, journeys, path_of, read_all
from golden.flow import Flow
from golden.recording import Recording
from golden.report import Problem
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
    today: date | None = None,
    key: bytes | None = None,
) -> LintReport:
    """Look at every file below `folder`; `flows` are compared with what was recorded from them."""
    recordings, unreadable = read_all(folder)
    scrubber = scrubber_for(rules, key)
    errors = [Problem(error.file, error.what) for error in unreadable]
    for name, items in journeys(recordings).items():
        errors += [Problem(str(folder / name), what, name) for what in gaps(items)]
        errors += _names(items, folder)
    for recording in recordings:
        errors += [
            Problem(recording.file, what, recording.flow, recording.step.name)
            for what in secrets_in(recording, scrubber)
        ]
    for flow in flows:
        errors += stale(flow, journeys(recordings).get(flow.name, []), scrubber)
    day = today or datetime.now(UTC).date()
    warnings = [Problem("", f"{what}") for what in rules.problems(day)]
    warnings += [
        Problem("", f"rule {rule!r} matches nothing that is recorded here")
        for rule in unused_rules(recordings, rules)
    ]
    warnings += [
        Problem(str(path), "is left over from a write that broke off")
        for path in sorted(folder.rglob(".*.part"))
    ]
    return LintReport(len(recordings), tuple(errors), tuple(warnings))


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


def unused_rules(recordings: Sequence[Recording], rules: Rules) -> list[str]:
    """The ids of rules whose path occurs in no recorded answer."""
    paths = {path for recording in recordings for path in _paths(recording)}
    return [rule.id for rule in rules.rules if not any(_meets(rule.pattern, path) for path in paths)]


def _names(items: list[Recording], folder: Path) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for item in items:
        if item.step.name in seen:
            yield Problem(item.file, f"the step is in {seen[item.step.name]} too", item.flow, item.step.name)
        seen.setdefault(item.step.name, item.file)
        if Path(item.file) != path_of(folder, item):
            yield Problem(
                item.file,
                f"is in the wrong place, expected {path_of(folder, item)}",
                item.flow,
                item.step.name,
            )


def _paths(recording: Recording) -> Iterator[tuple[str, ...]]:
    yield ("status",)
    for name, value in recording.answer.headers:
        yield ("header", name)
        if name == "set-cookie":
            cookie = value.partition("=")[0]
            yield ("header", name, cookie)
            yield from (("header", name, cookie, part.partition("=")[0]) for part in value.split("; ")[1:])
    body = recording.answer.body
    if body.kind == "json":
        yield from _below(body.value, ("body",))
    elif body.kind != "none":
        # How a page is taken apart is the comparison's business: any rule about a part of a text may meet.
        yield ("body", "**")


def _below(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _below(item, (*path, key))
    elif isinstance(value, list):
        for item in value:
            yield from _below(item, (*path, "[*]"))


def _meets(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    if path[-1:] == ("**",):
        return pattern[:1] in ((path[0],), ("**",))
    if not pattern or not path:
        return pattern in (path, ("**",))
    if pattern[0] == "**":
        return _meets(pattern[1:], path) or _meets(pattern, path[1:])
    return pattern[0] in ("*", path[0]) and _meets(pattern[1:], path[1:])
