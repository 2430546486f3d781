"""Reads a stream of server-sent events as a list that can be walked. It must not know how it is compared.

How a text is cut into events is chance, so neighbouring events of one type that hold the same keys, all with
text, are joined into one; a stream is then the order of its event types and what each part says as a whole.
``id``, ``retry`` and comments are left out. An event that its blank line has not ended was never delivered
(HTML standard, 9.2.6), and is left out too.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from shadow.parse import Parsed, parse_json


class _Event(NamedTuple):
    type: str
    data: Any


def read_events(body: bytes) -> list[dict[str, Any]]:
    """``[{"event": type, "data": JSON value or text}, …]``, neighbours joined."""
    runs: list[list[_Event]] = []
    for event in _delivered(body.decode("utf-8", "backslashreplace")):
        if runs and _continues(runs[-1][-1], event):
            runs[-1].append(event)
        else:
            runs.append([event])
    return [{"event": run[0].type, "data": _joined([event.data for event in run])} for run in runs]


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


def _continues(last: _Event, event: _Event) -> bool:
    if last.type != event.type:
        return False
    if isinstance(last.data, str) and isinstance(event.data, str):
        return True
    return _texts(last.data) and _texts(event.data) and last.data.keys() == event.data.keys()


def _joined(run: list[Any]) -> Any:
    if len(run) == 1:
        return run[0]
    if isinstance(run[0], str):
        return "".join(run)
    return {key: "".join(data[key] for data in run) for key in run[0]}


def _texts(data: Any) -> bool:
    return isinstance(data, dict) and all(isinstance(value, str) for value in data.values())


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
