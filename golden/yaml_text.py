"""Reads YAML as the values of JSON; it must not know what they mean.

Only plain values are built, never objects. What YAML 1.1 reads in its own way (`no` as false, `12:30` as 750,
`2024-05-01` as a day) is a text here, as in YAML 1.2. A key is a text as it is written. A key that is there
twice, an alias within itself, and aliases that would unfold beyond all bounds are refused.
"""

import re
from typing import Any

import yaml

_MOST = 1_000_000  # values, aliases unfolded: a large API description has some ten thousand
_DEEPEST = 100
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_BASES = {"0o": 8, "0x": 16}


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # in C where it was built
    """The safe loader, with the scalars of YAML 1.2's core schema."""

    # Nothing of YAML 1.1's is kept, and nothing of it is changed for others.
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


def _integer(_loader: Any, node: Any) -> int:
    text = node.value
    base = _BASES.get(text[:2], 10)
    return int(text[2:] if base != 10 else text, base)


def _mapping(loader: Any, node: Any) -> dict[str, Any]:
    names: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(None, None, "a key is no plain text", key.start_mark)
        if key.value in names:
            what = f"the key {key.value!r} is there twice"
            raise yaml.constructor.ConstructorError(None, None, what, key.start_mark)
        names.add(key.value)
    loader.flatten_mapping(node)  # what is merged in comes first, so that a key of its own weighs more
    return {key.value: loader.construct_object(value, deep=True) for key, value in node.value}


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_constructor("tag:yaml.org,2002:int", _integer)
_Loader.add_constructor("tag:yaml.org,2002:float", lambda _loader, node: float(node.value))
for _tag, _pattern, _first in (
    ("bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"), "tTfF"),
    ("null", re.compile(r"(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    ("int", re.compile(rf"(?:{_INTEGER.pattern})$"), "-+0123456789"),
    ("float", re.compile(rf"(?:{_FLOAT.pattern})$"), "-+.0123456789"),
    ("merge", re.compile(r"(?:<<)$"), "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _pattern, _first)


def load_yaml(text: str) -> Any:
    """The value of one document. Raises `ValueError` naming the line."""
    try:
        _bounded_in_depth(text)
        value = yaml.load(text, Loader=_Loader)  # noqa: S506 - derived from the safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ValueError(f"{where}{error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
    _unfolded(value, {}, set())
    return value


def _bounded_in_depth(text: str) -> None:
    """The loader in C goes down as deep as the text says, and would take the process with it."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                raise ValueError(f"it is nested deeper than {_DEEPEST} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _unfolded(value: Any, known: dict[int, int], above: set[int]) -> int:
    """How many values there are with every alias written out."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) in above:
        raise ValueError("an alias stands within what it is an alias of")
    if id(value) not in known:
        above.add(id(value))
        inner = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_unfolded(item, known, above) for item in inner)
        above.discard(id(value))
        if known[id(value)] > _MOST:
            raise ValueError(f"its aliases unfold to more than {_MOST} values")
    return known[id(value)]
