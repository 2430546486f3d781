"""Strings with references such as `{csrf}`; it must not know where the values come from.

A reference is a name in braces; `{{name}}` stands for the text `{name}` itself. Every other brace is
ordinary text, so that a JSON body can be written as it is. In a JSON body the whole text `{name:json}`
becomes the value itself: a number stays a number.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from golden.errors import ThreadingError

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REFERENCE = re.compile(r"\{\{([A-Za-z_][A-Za-z0-9_]*(?::json)?)\}\}|\{([A-Za-z_][A-Za-z0-9_]*)(?::json)?\}")
_TYPED = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*):json\}")


def names(value: Any) -> frozenset[str]:
    """The names referred to anywhere in a string, list or mapping of strings."""
    found: set[str] = set()

    def note(text: str) -> str:
        found.update(match[2] for match in _REFERENCE.finditer(text) if match[2])
        return text

    walk(value, note)
    return frozenset(found)


def fill(text: str, values: Mapping[str, str], quote: Callable[[str], str] = str) -> str:
    """`text` with every reference replaced; raises `ThreadingError` for a name that has no value."""

    def put(match: re.Match[str]) -> str:
        if match[1]:
            return "{" + match[1] + "}"
        if match[2] not in values:
            known = ", ".join(sorted(values)) or "none"
            raise ThreadingError(f"the value {{{match[2]}}} is not known here (known: {known})")
        return quote(values[match[2]])

    return _REFERENCE.sub(put, text)


def fill_all(value: Any, values: Mapping[str, str]) -> Any:
    """The same for every string (keys too) inside a JSON-like value; `{name:json}` keeps the value's type."""
    if isinstance(value, str):
        return _typed(value, values) if _TYPED.fullmatch(value) else fill(value, values)
    if isinstance(value, list | tuple):
        return [fill_all(item, values) for item in value]
    if isinstance(value, dict):
        return {fill(key, values): fill_all(item, values) for key, item in value.items()}
    return value


def _typed(text: str, values: Mapping[str, str]) -> Any:
    filled = fill(text, values)
    try:
        return json.loads(filled)
    except ValueError:
        return filled


def escape(text: str) -> str:
    """Literal text written so that `fill` gives it back unchanged."""
    return re.sub(r"\{([A-Za-z_][A-Za-z0-9_]*(?::json)?)\}", r"{{\1}}", text)


def walk(value: Any, change: Callable[[str], str]) -> Any:
    """A JSON-like value with `change` applied to every string in it, keys included."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list | tuple):
        return [walk(item, change) for item in value]
    if isinstance(value, dict):
        return {change(key): walk(item, change) for key, item in value.items()}
    return value
