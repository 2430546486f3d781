"""The type-strict walk over two parsed values: where they differ and in which way. It must not know rules,
severities or text.

This is the hot path, so it is iterative, compares identity before type and type before value (``1 == 1.0 ==
True`` in Python), and builds a path only where something differs. It is a generator: whoever reads it stops
it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

from shadow.align import align
from shadow.paths import ANY_INDEX, Tokens
from shadow.verdict import Kind

Same: TypeAlias = Callable[[object, object], bool]
_Link: TypeAlias = tuple[Any, str] | None  # (the link of the container above, the token below it)
_Stack: TypeAlias = list[tuple[Any, Any, "_Link"]]


class Found(NamedTuple):
    """One difference: its path with ``[*]`` for positions, its kind, and both raw values (None where nothing
    is).
    """

    path: Tokens
    kind: Kind
    control: Any
    candidate: Any


class _Absent:
    """Stands for a key that is not there; None is a value."""


_ABSENT = _Absent()


def never_same(control: object, candidate: object) -> bool:
    """The strict answer: two leaves that are not equal are not the same."""
    return False


def walk(control: Any, candidate: Any, same: Same = never_same, root: Tokens = ("body",)) -> Iterator[Found]:
    """Yield every difference between two values as a JSON parser makes them.

    ``same`` is asked about two leaves that are not equal, and may say that they are two spellings of one
    value.
    """
    link: _Link = None
    for token in root:
        link = (link, token)
    found: list[Found] = []
    stack: _Stack = []
    _pair(control, candidate, link, same, stack, found)
    yield from found
    while stack:
        control, candidate, link = stack.pop()
        found = []
        if type(control) is dict:
            _object(control, candidate, link, same, stack, found)
        else:
            _array(control, candidate, link, same, stack, found)
        if found:
            yield from found


def _object(
    control: dict[str, Any],
    candidate: dict[str, Any],
    link: _Link,
    same: Same,
    stack: _Stack,
    found: list[Found],
) -> None:
    get = candidate.get
    for key, one in control.items():
        other = get(key, _ABSENT)
        if one is other:
            continue
        kind = type(one)
        if kind is type(other):
            if kind is dict or kind is list:
                stack.append((one, other, (link, key)))
            elif one != other:
                _leaf(one, other, (link, key), same, found)
        elif other is _ABSENT:
            found.append(Found(_tokens((link, key)), Kind.REMOVED, one, None))
        else:
            _leaf(one, other, (link, key), same, found)
    if control.keys() != candidate.keys():
        new = ((key, value) for key, value in candidate.items() if key not in control)
        found.extend(Found(_tokens((link, key)), Kind.ADDED, None, value) for key, value in new)


def _array(
    control: list[Any], candidate: list[Any], link: _Link, same: Same, stack: _Stack, found: list[Found]
) -> None:
    below: _Link = (link, ANY_INDEX)
    if len(control) != len(candidate):
        aligned = align(control, candidate)
        found.extend(Found(_tokens(below), Kind.REMOVED, value, None) for value in aligned.removed)
        found.extend(Found(_tokens(below), Kind.ADDED, None, value) for value in aligned.added)
        control, candidate = aligned.control, aligned.candidate
    for one, other in zip(control, candidate, strict=True):
        if one is not other:
            kind = type(one)
            if kind is type(other) and (kind is dict or kind is list):
                stack.append((one, other, below))
            elif kind is not type(other) or one != other:
                _leaf(one, other, below, same, found)


def _pair(control: Any, candidate: Any, link: _Link, same: Same, stack: _Stack, found: list[Found]) -> None:
    if type(control) is type(candidate) and type(control) in (dict, list):
        stack.append((control, candidate, link))
    elif type(control) is not type(candidate) or control != candidate:
        _leaf(control, candidate, link, same, found)


def _leaf(control: Any, candidate: Any, link: _Link, same: Same, found: list[Found]) -> None:
    if not same(control, candidate):
        kind = Kind.VALUE_CHANGED if type(control) is type(candidate) else Kind.TYPE_CHANGED
        found.append(Found(_tokens(link), kind, control, candidate))


def _tokens(link: _Link) -> Tokens:
    tokens: list[str] = []
    while link is not None:
        link, token = link
        tokens.append(token)
    return tuple(reversed(tokens))
