"""Short ways to write requests, observations and rules in tests."""

from __future__ import annotations

from datetime import date
from typing import Any

import orjson

from shadow import Comparison, Observation, RequestSnapshot, Rules, compare, parse_rules

TODAY = date(2026, 3, 1)
REQUEST = RequestSnapshot("GET", "/orders", ((b"Host", b"shop.example"),), b"")


def request(
    method: str = "GET", target: str = "/orders", body: bytes = b"", **headers: str
) -> RequestSnapshot:
    """A request; header names are written with underscores for hyphens."""
    return RequestSnapshot(method, target, fields({"Host": "shop.example", **headers}), body)


def fields(headers: dict[str, str]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple(
        (name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()
    )


def answer(
    body: bytes | str = b"", content_type: str = "application/json", status: int = 200, **headers: Any
) -> Observation:
    """One side's answer."""
    content = body.encode() if isinstance(body, str) else body
    lines = fields({"Content-Type": content_type, **headers} if content_type else headers)
    return Observation("legacy", status, lines, content)


def as_json(value: Any, **headers: Any) -> Observation:
    """An answer whose body is ``value`` as JSON."""
    return answer(orjson.dumps(value), **headers)


def compared(
    control: Observation, candidate: Observation, rules: str | Rules = "", **scope: Any
) -> Comparison:
    """The comparison of two answers under rules given as TOML."""
    known = parse_rules(rules) if isinstance(rules, str) else rules
    return compare(scope.pop("request", REQUEST), control, candidate, known, today=TODAY, **scope)


def rule(id: str = "r1", path: str = "body.a", op: str = "ignore", **more: Any) -> str:  # noqa: A002 - as in the file
    """One ``[[rule]]`` as TOML; ``more`` has values that are written the same in JSON and TOML."""
    lines = [f'[[rule]]\nid = "{id}"\nowner = "ops"\nop = "{op}"']
    lines += [] if "expires" in more else ["expires = 2030-01-01"]
    lines += [f"path = '{path}'"] if path else []
    lines += [
        f"{key} = {orjson.dumps(value).decode() if key != 'expires' else value}"
        for key, value in more.items()
    ]
    return "\n".join(lines) + "\n"


def seen(comparison: Comparison) -> set[tuple[str, str]]:
    """(path, kind) of every unexcused difference."""
    return {(each.path, each.kind.value) for each in comparison.unexcused}


PROFILE = '[profile]\nuse = ["flask-to-fastapi"]\n'
