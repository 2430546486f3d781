"""Compares a live answer with a recorded one; it must not know how either was obtained.

The live answer is scrubbed exactly as the recorded one was, read through the recording's placeholders, and
handed to the comparison that live traffic uses, with the same rules.
"""

from dataclasses import dataclass, replace
from datetime import date

from golden.fit import fit_answer
from golden.known import Known
from golden.recording import Answer, Recording
from golden.scrub import Scrubber, scrubber_for
from shadow import Comparison, Observation, RequestSnapshot, Rules, Verdict, compare, plain_observation


def compare_with_golden(
    recording: Recording,
    request: RequestSnapshot,
    observation: Observation,
    rules: Rules,
    today: date,
    *,
    scrubber: Scrubber | None = None,
    known: tuple[Known, ...] = (),
    origin: str = "",
    feature: str = "",
    route: str = "",
) -> Comparison:
    """The verdict on `observation`, with the recording as the control.

    `known` are the values this journey met so far (empty in live traffic: then only their form is checked);
    `origin` is the side's own address (default: from the request's Host). Never raises for a bad answer.
    """
    scrubber = scrubber or scrubber_for(rules)
    seen = Seen(None, observation, observation)
    if not observation.error:
        seen = see(recording, request, observation, scrubber, known, origin)
    return compare_seen(recording, request, seen, rules, today, scrubber, feature=feature, route=route)


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer as it is compared: scrubbed, and read through the recording's placeholders. `answer` is None
    for no answer; `raw` is what was sent.
    """

    answer: Answer | None
    observation: Observation
    raw: Observation


def see(
    recording: Recording,
    request: RequestSnapshot,
    observation: Observation,
    scrubber: Scrubber,
    known: tuple[Known, ...] = (),
    origin: str = "",
) -> Seen:
    """What `observation` is compared as; see `compare_with_golden`."""
    observation = plain_observation(observation)  # a browser asks for compressed answers
    scrubbed = scrubber.answer(observation, known, origin or _origin(request))
    threaded = {item.put.strip("{}") for item in known}
    forms = {name: form for name, form in recording.references.items() if name not in threaded}
    answer = fit_answer(recording.answer, scrubbed, forms)
    return Seen(answer, _observed(answer, observation), observation)


def compare_seen(
    recording: Recording,
    request: RequestSnapshot,
    seen: Seen,
    rules: Rules,
    today: date,
    scrubber: Scrubber,
    *,
    feature: str = "",
    route: str = "",
    control: Observation | None = None,
) -> Comparison:
    """The verdict on what was seen, with the recording as the control (or another answer seen through it)."""
    if recording.scrubbed_with != scrubber.name:
        return Comparison(
            verdict=Verdict.UNDETERMINED,
            reason=f"recorded with another key ({recording.scrubbed_with}, here {scrubber.name})",
            stage="outcome",
        )
    return compare(
        request,
        control or _control(recording, rules, scrubber),
        seen.observation,
        rules,
        feature=feature,
        route=route,
        today=today,
        redactor=scrubber.for_excerpts,
    )


def _observed(answer: Answer, original: Observation) -> Observation:
    return Observation(
        side=original.side,
        status=answer.status,
        headers=tuple((name.encode("latin-1", "replace"), value.encode()) for name, value in answer.headers),
        body=answer.body.encode(),
        cut=original.cut,
        truncated=original.truncated,
        elapsed=original.elapsed,
    )


def _control(recording: Recording, rules: Rules, scrubber: Scrubber) -> Observation:
    if not rules.redact_names:
        return recording.observation
    # A name that became a secret after the recording was made is hidden on both sides, so equal stays equal.
    answer = recording.answer
    return _observed(replace(answer, body=scrubber.again(answer.body, answer.headers)), recording.observation)


def _origin(request: RequestSnapshot) -> str:
    host = next((value for name, value in request.headers if name.lower() == b"host"), b"").decode("latin-1")
    return f"http://{host}" if host else ""
