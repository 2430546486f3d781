"""Replaces values inside a request, keeping every byte that is not concerned. It must not know which values.

What is put in was said by the other side, which may be hostile, so each place takes only what it can hold: a
value that would end a line or a cookie, or be a step in a path, is not put in, and the original stays. All
else is encoded as its place asks for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from shadow.media import Family, media_of
from shadow.model import RequestSnapshot
from shadow.parse import Parsed, canonical, parse_json
from shadow.targets import written_out

Replace = Callable[[str], str]

_FIELD = re.compile(r"[\t\x20-\x7e\x80-\xff]*+")
"""What a field value can hold (RFC 9110, 5.5)."""
_COOKIE = re.compile(r"(?! )[\x20-\x3a\x3c-\x7e\x80-\xff]*+(?<! )")
"""What the value of a cookie can: the same without tabs and semicolons, and no space at either end."""
_STEPS = frozenset({".", ".."})


def replaced_in_field(value: bytes, replace: Replace) -> bytes:
    """The value of a header field, replaced."""
    text = value.decode("latin-1")
    new = replace(text)
    return new.encode("latin-1") if new != text and _FIELD.fullmatch(new) else value


def replaced_in_cookie(value: str, replace: Replace) -> str:
    """The value of a cookie, replaced."""
    new = replace(value)
    return new if _COOKIE.fullmatch(new) else value


def quoted_segment(segment: str, new: str) -> str:
    """``new`` as a segment of a path, in place of ``segment`` as it was written."""
    return segment if new in _STEPS or not _can_be_written(new) else quote(new, safe="")


def quoted_value(value: str, new: str) -> str:
    """``new`` as a value of a query or a form, in place of ``value`` as it was written."""
    return quote_plus(new) if _can_be_written(new) else value


def _can_be_written(text: str) -> bool:
    """Half a surrogate pair, which JSON may hold, cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def rewrite_target(target: str, replace: Replace) -> str:
    """``target`` with its path segments and query values replaced."""
    path, question, query = target.partition("?")
    segments = "/".join(_segment(segment, replace) for segment in path.split("/"))
    return segments + question + (_fields(query, replace) if question else "")


def _segment(segment: str, replace: Replace) -> str:
    text = unquote(written_out(segment))
    new = replace(text)
    return segment if new == text else quoted_segment(segment, new)


def _fields(text: str, replace: Replace) -> str:
    """``a=b&c=d`` with its values replaced; what is not replaced stays as it was written."""
    return "&".join(_field(part, replace) for part in text.split("&"))


def _field(part: str, replace: Replace) -> str:
    name, equals, value = part.partition("=")
    text = unquote_plus(written_out(value))
    new = replace(text)
    return part if new == text else name + equals + quoted_value(value, new)


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
