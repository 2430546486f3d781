"""How findings look on a screen: the list that matters, and one sample. Pure: values in, lines out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gateway.cli.diffs_side import side_by_side

__all__ = ["list_lines", "sample_lines"]

_WIDEST = 160
_VALUE = 60
_TYPES = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}
_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def list_lines(
    rows: Sequence[Mapping[str, Any]],
    examples: Mapping[str, Mapping[str, Any] | None],
    more: int,
    acknowledged: int,
) -> Iterator[str]:
    """The signatures, three lines each: where and what, how much, both values."""
    now = datetime.now(UTC)
    if not rows:
        yield "Nothing differs so far." if not acknowledged else "Nothing differs that is not acknowledged."
    for one in rows:
        mark = " (acknowledged)" if one["acknowledged"] else ""
        yield f"{one['id']}  {one['severity'].upper():6}  {one['path']}  {one['kind']}{mark}"
        version = f", since release {one['since_version']}" if one["since_version"] else ""
        yield (
            f"    {one['route']}  {one['status_pair']}  {one['feature']}: {one['count']} times, "
            f"{_rate(one)}{one['trend']}, first {_ago(now, one['first_seen'])}, "
            f"last {_ago(now, one['last_seen'])}{version}"
        )
        example = examples.get(one["id"])
        if example:
            yield (
                f"    {example['control_side']}: {_value(example['control'], one['kind'], 'added')}"
                f"   {example['candidate_side']}: {_value(example['candidate'], one['kind'], 'removed')}"
            )
    if more > 0:
        yield f"… and {more} more; `--limit {more + len(rows)}` shows them."
    if acknowledged > 0:
        yield f"{acknowledged} acknowledged; `--all` shows them."
    if rows:
        yield "`banyan diffs show ID` shows both answers side by side."


def sample_lines(sample: Mapping[str, Any], width: int | None) -> Iterator[str]:
    """One sample: what was asked, where both sides part, and what each difference is or was excused by."""
    columns = min(width or shutil.get_terminal_size().columns, _WIDEST if width is None else width)
    request, signature = sample["request"], sample.get("signature")
    yield f"{request['method']} {request['target']}   ({sample['feature']}, {_when(sample['at'])})"
    if request["body"]:
        yield f"  {_cut(request['body'], columns - 2)}"
    if signature:
        since = f", since release {signature['since_version']}" if signature["since_version"] else ""
        yield f"{signature['count']} times, {_rate(signature)}{signature['trend']}{since}"
    yield ""
    yield from side_by_side(sample["control"], sample["candidate"], columns)
    yield ""
    for one in sample["differences"]:
        yield from _difference(one, sample.get("rules", {}))


def _difference(one: Mapping[str, Any], rules: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    often = f" ({one['count']} places)" if one["count"] > 1 else ""
    if not one["excused_by"]:
        yield f"{one['severity'].upper():6}  {one['path']}  {one['kind']}{often}"
        yield (
            f"        {_value(one['control'], one['kind'], 'added')} → "
            f"{_value(one['candidate'], one['kind'], 'removed')}"
        )
        return
    rule = rules.get(one["excused_by"], {})
    why = f" ({rule['op']}, {rule['owner']}, until {rule['expires']})" if rule else " (no longer in the file)"
    yield f"excused {one['path']}  {one['kind']}{often} by rule {one['excused_by']}{why}"


def _value(value: Any, kind: str, absent: str) -> str:
    if kind == absent:
        return "(nothing)"
    text = _cut(json.dumps(value, ensure_ascii=False), _VALUE)
    # Where the type is what differs, quotes alone are easily overlooked.
    return f"{text} ({_TYPES.get(type(value), 'null')})" if kind == "type_changed" else text


def _cut(text: str, width: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= width else flat[: width - 1] + "…"


def _rate(one: Mapping[str, Any]) -> str:
    """How often now, in the unit that makes a number to speak of; nothing when it is over."""
    if not one["rate"]:
        return ""
    a_minute = one["rate"] >= 1
    return f"{one['rate'] if a_minute else one['rate'] * 60:.3g} {'a minute' if a_minute else 'an hour'}, "


def _ago(now: datetime, moment: str) -> str:
    seconds = (now - datetime.fromisoformat(moment)).total_seconds()
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return "just now"


def _when(moment: str) -> str:
    return datetime.fromisoformat(moment).isoformat(sep=" ", timespec="seconds")
