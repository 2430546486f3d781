"""Replaces values inside a request's target and body, keeping every byte that is not concerned. It must not
know which values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from shadow.media import Family, media_of
from shadow.model import RequestSnapshot
from shadow.parse import Parsed, canonical, parse_json

Replace = Callable[[str], str]


def rewrite_target(target: str, replace: Replace) -> str:
    """``target`` with its path segments and query values replaced."""
    path, question, query = target.partition("?")
    segments = "/".join(_segment(segment, replace) for segment in path.split("/"))
    return segments + question + (_fields(query, replace) if question else "")


def _segment(segment: str, replace: Replace) -> str:
    text = unquote(segment)
    new = replace(text)
    return segment if new == text else quote(new, safe="")


def _fields(text: str, replace: Replace) -> str:
    """``a=b&c=d`` with its values replaced; what is not replaced stays as it was written."""
    return "&".join(_field(part, replace) for part in text.split("&"))


def _field(part: str, replace: Replace) -> str:
    name, equals, value = part.partition("=")
    text = unquote_plus(value)
    new = replace(text)
    return part if new == text else name + equals + quote_plus(new)


def rewrite_body(request: RequestSnapshot, replace: Replace) -> bytes:
    """The body with its JSON texts or form values replaced; any other body, and one whose copy was cut, stays
    as it is.
    """
    family = media_of(request.headers).family
    if not request.body or request.body_cut:
        return request.body
    if family is Family.FORM:
        return _fields(request.body.decode("latin-1"), replace).encode("latin-1", "replace")
    if family is Family.JSON and isinstance(parsed := parse_json(request.body), Parsed):
        new = _value(parsed.value, replace)
        return canonical(new) if canonical(new) != parsed.canonical else request.body
    return request.body


def _value(value: Any, replace: Replace) -> Any:
    if isinstance(value, str):
        return replace(value)
    if isinstance(value, dict):
        return {key: _value(inner, replace) for key, inner in value.items()}
    return [_value(inner, replace) for inner in value] if isinstance(value, list) else value
