"""Reads two streams of server-sent events as lists that can be walked. It must not know how they are
compared.

How a text is cut into events is chance, so neighbouring events of one type that differ in nothing but text
are joined into one; a stream is then the order of its event types and what each part says as a whole. A text
that stands in each of them on both sides (``{"type": "token", "text": "…"}``) is what they are, and stays as
it is. ``id``, ``retry`` and comments are left out. An event that its blank line has not ended was never
delivered (HTML standard, 9.2.6), and is left out too.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from shadow.parse import Parsed, parse_json


class _Event(NamedTuple):
    type: str
    data: Any


def read_events(control: bytes, candidate: bytes) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """``[{"event": type, "data": JSON value or text}, …]`` of both, neighbours joined."""
    ours, theirs = _runs(control), _runs(candidate)
    pairs = list(zip_longest(ours, theirs, fillvalue=()))
    return [_joined(one, other) for one, other in pairs if one], [
        _joined(other, one) for one, other in pairs if other
    ]


def _runs(body: bytes) -> list[list[_Event]]:
    runs: list[list[_Event]] = []
    for event in _delivered(body.decode("utf-8", "backslashreplace")):
        if runs and _continues(runs[-1], event):
            runs[-1].append(event)
        else:
            runs.append([event])
    return runs


def _delivered(text: str) -> list[_Event]:
    events: list[_Event] = []
    type_, lines = "message", list[str]()
    normal = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    for line in normal.split("\n")[:-1]:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if lines:
                events.append(_Event(type_, _data("\n".join(lines))))
            type_, lines = "message", []
        elif field == "event":
            type_ = value or "message"
        elif field == "data":
            lines.append(value)
    return events


def _data(text: str) -> Any:
    if text[:1] in ("{", "["):
        parsed = parse_json(text.encode("utf-8", "replace"))
        if isinstance(parsed, Parsed):
            return parsed.value
    return text


def _continues(run: list[_Event], event: _Event) -> bool:
    last = run[-1]
    if last.type != event.type or not _are_alike(last.data, event.data):
        return False
    return len(run) > 1 or _has_text(last.data)


def _are_alike(one: Any, other: Any) -> bool:
    """Whether they differ in nothing but text."""
    kind = type(one)
    if kind is not type(other):
        return False
    if kind is str:
        return True
    if kind is dict:
        if one.keys() != other.keys():
            return False
        for key, value in one.items():  # noqa: SIM110 - it runs for each piece of a stream
            if not _are_alike(value, other[key]):
                return False
        return True
    if kind is list:
        return len(one) == len(other) and all(map(_are_alike, one, other))
    return bool(one == other)


def _has_text(data: Any) -> bool:
    if isinstance(data, dict):
        return any(map(_has_text, data.values()))
    return any(map(_has_text, data)) if isinstance(data, list) else isinstance(data, str)


def _joined(run: Sequence[_Event], other: Sequence[_Event]) -> dict[str, Any]:
    """A run as one event. ``other``: the run of the other side at this place."""
    if len(run) == 1:
        return {"event": run[0].type, "data": run[0].data}
    data, beside = [event.data for event in run], [event.data for event in other]
    if not (other and other[0].type == run[0].type and _are_alike(data[0], beside[0])):
        beside = []
    # Where all are the same, nobody knows what says what they are and what is said several times.
    lasting = bool(beside) and any(each != data[0] for each in (*data, *beside))
    return {"event": run[0].type, "data": _text_of(data, beside, lasting)}


def _text_of(data: list[Any], beside: list[Any], lasting: bool) -> Any:
    first = data[0]
    if isinstance(first, str):
        if lasting and all(each == first for each in (*data, *beside)):
            return first
        return "".join(data)
    if isinstance(first, dict):
        return {
            key: _text_of([each[key] for each in data], [each[key] for each in beside], lasting)
            for key in first
        }
    if isinstance(first, list):
        places = range(len(first))
        return [
            _text_of([each[at] for each in data], [each[at] for each in beside], lasting) for at in places
        ]
    return first


def common_part(
    control: list[dict[str, Any]], candidate: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What can be compared when a copy was cut: as many events as both have, the last one as far as both
    texts go.
    """
    shared = min(len(control), len(candidate))
    if not shared:
        return [], []
    ours, theirs = control[: shared - 1], candidate[: shared - 1]
    last, other = _shorter(control[shared - 1], candidate[shared - 1])
    return [*ours, last], [*theirs, other]


def _shorter(one: Any, other: Any) -> tuple[Any, Any]:
    if isinstance(one, str) and isinstance(other, str):
        length = min(len(one), len(other))
        return one[:length], other[:length]
    if isinstance(one, dict) and isinstance(other, dict):
        pairs = {key: _shorter(one[key], other[key]) for key in one.keys() & other.keys()}
        return {key: pair[0] for key, pair in pairs.items()}, {key: pair[1] for key, pair in pairs.items()}
    return one, other
