"""Takes a side's answers over into chosen recordings and says what changed; it must not touch any other.

Every journey that holds a chosen case is played from its start, since its answers depend on each other; only
the chosen files are written, and none of a journey that broke off. Nothing is ever deleted.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from golden import template, volatile
from golden.errors import RecordingError
from golden.files import UNCHANGED, disorder, journeys, read_all, write
from golden.journey import Journey, Place, Terms
from golden.player import DEADLINE, MAX_BODY, checked_url, shown_url
from golden.provenance import Provenance
from golden.recording import Answer, Recording
from golden.report import Case, Problem
from shadow import DEFAULT_RULES, Rules, Verdict


@dataclass(frozen=True, slots=True)
class Accepted:
    """One chosen case: `outcome` is "changed" or "unchanged", `lines` say what is different."""

    id: str
    file: str
    outcome: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AcceptReport:
    """What was taken over. Exit code 0 when every chosen case was, else 2."""

    url: str
    cases: tuple[Accepted, ...]
    problems: tuple[Problem, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 or 2."""
        return 2 if self.problems or not self.cases else 0


def accept(
    folder: Path,
    base_url: str,
    chosen: Sequence[str],
    rules: Rules = DEFAULT_RULES,
    *,
    today: date | None = None,
    key: bytes | None = None,
    env: Mapping[str, str] | None = None,
    deadline: float = DEADLINE,
    max_body: int = MAX_BODY,
    place: Place | None = None,
    provenance: Provenance | None = None,
) -> AcceptReport:
    """Take over what the side at `base_url` answers: for whole flows, or cases (`flow/03-step`, `flow/step`).

    `provenance` says what the side is called; what it does not say of a case that changed is left as it was.
    Raises `GoldenError` for an address that is none; what happens to one journey is a problem in the report.
    """
    day = today or datetime.now(UTC).date()
    terms = Terms(checked_url(base_url), day, rules, key, env, deadline, max_body, place)
    recordings, unreadable = read_all(folder)
    problems = [Problem(error.file, error.what) for error in unreadable]
    problems += [
        Problem(str(folder), f"there is no recording {name!r}")
        for name in chosen
        if not any(_is(item, name) for item in recordings)
    ]
    accepted: list[Accepted] = []
    for name, items in journeys(recordings).items():
        wanted = [item for item in items if any(_is(item, one) for one in chosen)]
        if not wanted:
            continue
        if found := disorder(items, unreadable):
            problems += [Problem(error.file, error.what, name) for error in found]
            continue
        outcome = asyncio.run(_journey(items, wanted, terms, provenance or Provenance(day=day, rules=rules)))
        if isinstance(outcome, Problem):
            problems.append(outcome)
            continue
        try:
            accepted += [_put(*pair) for pair in outcome]
        except RecordingError as error:
            problems.append(Problem(error.file, error.what, name))
    return AcceptReport(shown_url(terms.url), tuple(accepted), tuple(problems))


def _is(item: Recording, name: str) -> bool:
    return name == item.flow or item.is_called(name)


async def _journey(
    items: Sequence[Recording], wanted: Sequence[Recording], terms: Terms, provenance: Provenance
) -> list[tuple[Recording, Recording, Case]] | Problem:
    journey = Journey(items, terms)
    found: list[tuple[Recording, Recording, Case]] = []
    try:
        for item in items[: items.index(wanted[-1]) + 1]:
            case = await journey.verify(item)
            if case.seen is None or case.seen.answer is None or case.problem:
                return Problem(item.file, case.failures[0], item.flow, item.step.name)
            if item in wanted:
                renewed = _renewed(item, case, case.seen.answer, journey)
                if renewed != item:
                    known = provenance.of(item.request, case.seen.raw)
                    side = {"from": item.recorded["from"]} if "from" in item.recorded else {}
                    renewed = replace(renewed, recorded={**side, **known})
                found.append((item, renewed, case))
    finally:
        await journey.close()
    return found


def _renewed(item: Recording, case: Case, answer: Answer, journey: Journey) -> Recording:
    if case.comparison.verdict is Verdict.MATCH:
        return item
    names = template.names([answer.body.value, [value for _, value in answer.headers]]) | item.step.references
    names &= set(journey.values)
    forms = {name: item.references.get(name) or volatile.form(journey.values[name]) for name in names}
    secrets = journey.secrets
    return replace(
        item,
        answer=answer,
        references={name: forms[name] for name in sorted(names - set(secrets))},
        secrets={name: secrets[name] for name in sorted(names & set(secrets))},
    )


def _put(before: Recording, after: Recording, case: Case) -> Accepted:
    outcome = UNCHANGED if after == before else write(Path(before.file), after.to_text())
    lines = case.failures if outcome != UNCHANGED else ()
    excused = [f"{item.path}: {item.kind}" for item in case.comparison.differences if item.excused_by]
    return Accepted(before.id, before.file, outcome, (*lines, *(excused if outcome != UNCHANGED else ())))
