"""Parses a JSON body once, exactly, and says when it cannot be trusted. It must not know how values are
compared.

The common path is orjson with two cheap proofs; where a proof fails, the standard library parses again,
exactly:
- no key is repeated: the canonical form has as many colons as the body (a repeated key would have taken at
  least one away; escaped colons spoil the count, so their mere presence leads to the exact parser);
- no integer was rounded to a float: the body has no run of 19 digits.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple, NoReturn

import orjson

MAX_DEPTH = 200
_SPARE_DEPTH = 254 - MAX_DEPTH
_SHAPE = bytes.maketrans(b"123456789{", b"000000000[")  # every digit a 0, every opening bracket a [
_LONG_NUMBER = b"0" * 19  # the shortest run of digits an integer beyond 64 bits can have
_KEYS_AS_STRINGS = orjson.OPT_SORT_KEYS


class Parsed(NamedTuple):
    """A parsed body, and its canonical form: sorted keys, no white space, types kept apart."""

    value: Any
    canonical: bytes


class Unreadable(NamedTuple):
    """A body that is not compared as JSON. ``invalid``: it is no JSON at all; else it is JSON whose meaning
    is open.
    """

    reason: str
    invalid: bool


class _Ambiguous(ValueError):
    """JSON that two parsers may understand differently."""


def canonical(value: Any) -> bytes:
    """One spelling for each value: equal bytes exactly for equal values of equal types."""
    try:
        return orjson.dumps(value, option=_KEYS_AS_STRINGS)
    except TypeError:  # an integer beyond 64 bits, a lone surrogate, or nesting beyond what orjson writes
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def parse_json(body: bytes) -> Parsed | Unreadable:
    """Parse ``body``. Never raises."""
    try:
        value = orjson.loads(body)
        form = orjson.dumps(value, option=_KEYS_AS_STRINGS)
    except (orjson.JSONDecodeError, TypeError):
        return _exactly(body)
    return _proven(body, value, form)


def parse_pair(one: bytes, other: bytes) -> tuple[Parsed | Unreadable, Parsed | Unreadable]:
    """Parse two bodies. Where they have one canonical form, as most have, one proof does for both: an integer
    that was rounded is a float with an exponent in it. Never raises.
    """
    try:
        ours, theirs = orjson.loads(one), orjson.loads(other)
        form = orjson.dumps(ours, option=_KEYS_AS_STRINGS)
        its_form = orjson.dumps(theirs, option=_KEYS_AS_STRINGS)
    except (orjson.JSONDecodeError, TypeError):
        return parse_json(one), parse_json(other)
    if form == its_form:
        shape, colons = form.translate(_SHAPE), form.count(b":")
        if (
            shape.count(b"[") <= MAX_DEPTH
            and b"0e" not in shape
            and one.count(b":") == colons == other.count(b":")
            and (b"\\" not in one or b"\\u003" not in one)
            and (b"\\" not in other or b"\\u003" not in other)
        ):
            return Parsed(ours, form), Parsed(theirs, form)
    return _proven(one, ours, form), _proven(other, theirs, its_form)


def _proven(body: bytes, value: Any, form: bytes) -> Parsed | Unreadable:
    """What orjson made of ``body``, if it is certain that this is what it means."""
    shape = body.translate(_SHAPE)
    if shape.count(b"[") > MAX_DEPTH:
        try:
            form = _shallow_form(value)
        except TypeError:
            return _exactly(body)
    if form.count(b":") != body.count(b":") or _LONG_NUMBER in shape:
        return _exactly(body)
    if b"\\" in body and b"\\u003" in body:
        return _exactly(body)
    return Parsed(value, form)


def _shallow_form(value: Any) -> bytes:
    """The canonical form of a value that is not nested too deeply; raises TypeError for one that is.

    orjson writes 254 levels and no more, so a value wrapped in the difference is its own check, at no cost.
    """
    for _ in range(_SPARE_DEPTH):
        value = [value]
    return orjson.dumps(value, option=_KEYS_AS_STRINGS)[_SPARE_DEPTH:-_SPARE_DEPTH]


def _exactly(body: bytes) -> Parsed | Unreadable:
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except _Ambiguous as problem:
        return Unreadable(str(problem), invalid=False)
    except RecursionError:
        return Unreadable(f"nested deeper than {MAX_DEPTH}", invalid=False)
    except ValueError as problem:
        # Python refuses to convert integers of more than 4,300 digits; everything else here is no JSON
        return Unreadable("not JSON", invalid="integer string conversion" not in str(problem))
    if _too_deep(value):
        return Unreadable(f"nested deeper than {MAX_DEPTH}", invalid=False)
    if _has_infinity(value):
        return Unreadable("a number beyond every float", invalid=False)
    return Parsed(value, canonical(value))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Ambiguous("a key is repeated")
    return found


def _no_constant(name: str) -> NoReturn:
    raise _Ambiguous(f"{name} is not JSON")


def _below(value: Any) -> list[Any]:
    return list(value.values()) if type(value) is dict else value


def _too_deep(value: Any) -> bool:
    """Level by level, so that the check itself needs no depth."""
    level, depth = [value], 0
    while level := [inner for inner in level if type(inner) in (dict, list)]:
        depth += 1
        if depth > MAX_DEPTH:
            return True
        level = [inner for container in level for inner in _below(container)]
    return False


def _has_infinity(value: Any) -> bool:
    level = [value]
    while level:
        if any(type(inner) is float and inner in (float("inf"), float("-inf")) for inner in level):
            return True
        level = [leaf for container in level if type(container) in (dict, list) for leaf in _below(container)]
    return False
