"""Learns from two runs what differs at every call, and names it by type. It must not know formats.

What is recognised by its form has a placeholder already. What is left and differs is a value without a form:
a count, a duration, a random choice. Where the two runs differ in more than a value, a person has to look.
"""

from dataclasses import replace
from typing import Any

from golden.body import Body
from golden.recording import Answer


def settled(one: Answer, two: Answer) -> tuple[Answer, tuple[str, ...]]:
    """The first answer with placeholders where the second says another value of the same type, and the
    places where it says something else altogether.
    """
    unsettled: list[str] = []
    if one.status != two.status:
        unsettled.append("status")
    unsettled += sorted({f"header.{name}" for name, _ in set(one.headers) ^ set(two.headers)})
    body = one.body
    if one.body.kind == two.body.kind == "json":
        body = Body("json", _value(one.body.value, two.body.value, "body", unsettled))
    elif one.body != two.body:
        unsettled.append("body")
    return replace(one, body=body), tuple(unsettled)


def _value(one: Any, two: Any, path: str, unsettled: list[str]) -> Any:
    if type(one) is type(two) and one == two:
        return one
    if isinstance(one, dict) and isinstance(two, dict) and one.keys() == two.keys():
        return {key: _value(item, two[key], f"{path}.{key}", unsettled) for key, item in one.items()}
    if isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        pairs = zip(one, two, strict=True)
        return [_value(item, other, f"{path}[{at}]", unsettled) for at, (item, other) in enumerate(pairs)]
    if name := _name(one, two):
        return f"⟨{name}⟩"
    unsettled.append(path)
    return one


def _name(one: Any, two: Any) -> str:
    if isinstance(one, bool) or isinstance(two, bool):
        return "boolean" if isinstance(one, bool) and isinstance(two, bool) else ""
    if isinstance(one, int) and isinstance(two, int):
        return "integer"
    if isinstance(one, int | float) and isinstance(two, int | float):
        return "number"
    return "string" if isinstance(one, str) and isinstance(two, str) else ""
