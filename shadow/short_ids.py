"""Identifiers too short to be recognised by themselves: order 17 here is order 3 over there. It must not know
cookies or answers as a whole.

A 17 may be anything, so it is told by what it identifies: the noun of a field (``order_id``, ``orderId``),
of the object an ``id`` stands in (``{"order": {"id": 17}}``), or of the collection in a path
(``/orders/17``). It is replaced only where the same noun stands before it.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import unquote, unquote_plus

import msgspec

from shadow.media import Family, media_of
from shadow.model import RequestSnapshot
from shadow.parse import Parsed, canonical, parse_json
from shadow.rewriting import quoted_segment, quoted_value
from shadow.targets import written_out

MAX_IDS = 512
MAX_LENGTH = 24
MAX_NODES = 20_000
MAX_BODY = 1024 * 1024

_NEAR = 6
_ID_KEY = re.compile(r"(?:(?P<noun>.+?)[_-])?id|(?P<camel>.*[a-z0-9])I[dD]", re.ASCII)
_LOOKS_LIKE_ID = re.compile(r"\d+|[0-9a-fA-F-]{8,}")


class ShortId(NamedTuple):
    """What the primary and the other side call the same thing of one kind."""

    noun: str
    primary: str
    other: str


class ShortIds:
    """The identifiers of one session, bounded: what was not learned for longest goes first."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], str] = OrderedDict()

    def learn(self, found: ShortId) -> None:
        """Remember one; the last word on a thing counts."""
        key = (found.noun, found.primary)
        self._known.pop(key, None)
        self._known[key] = found.other
        if len(self._known) > MAX_IDS:
            self._known.popitem(last=False)

    def replace(self, noun: str, text: str) -> str:
        """``text`` as the other side calls it."""
        return self._known.get((noun, text), text)

    def state(self) -> list[tuple[str, str, str]]:
        """All of them, the oldest first."""
        return [(noun, ours, theirs) for (noun, ours), theirs in self._known.items()]

    def __len__(self) -> int:
        return len(self._known)

    def size(self) -> int:
        """Characters kept."""
        return sum(len(noun) + len(ours) + len(theirs) for (noun, ours), theirs in self._known.items())

    def rewrite(self, request: RequestSnapshot) -> RequestSnapshot:
        """The request as the other side would have to be asked."""
        if not self._known:
            return request
        path, question, query = request.target.partition("?")
        noun = collection_of(path)
        target = self._path(path) + question + (self._fields(query, noun) if question else "")
        return msgspec.structs.replace(request, target=target, body=self._body(request, noun))

    def _path(self, path: str) -> str:
        noun, written = "", []
        for segment in path.split("/"):
            text = unquote(written_out(segment))
            new = self.replace(noun, text)
            written.append(segment if new == text else quoted_segment(segment, new))
            noun = noun_of(text)
        return "/".join(written)

    def _fields(self, text: str, container: str) -> str:
        return "&".join(self._field(part, container) for part in text.split("&"))

    def _field(self, part: str, container: str) -> str:
        name, equals, value = part.partition("=")
        noun = id_noun(unquote_plus(written_out(name)), container)
        text = unquote_plus(written_out(value))
        new = self.replace(noun, text) if noun else text
        return part if new == text else name + equals + quoted_value(value, new)

    def _body(self, request: RequestSnapshot, noun: str) -> bytes:
        body, family = request.body, media_of(request.headers).family
        if not body or request.body_cut or len(body) > MAX_BODY:
            return body
        if family is Family.FORM:
            return self._fields(body.decode("latin-1"), noun).encode("latin-1", "replace")
        if family is Family.JSON and isinstance(parsed := parse_json(body), Parsed):
            new = canonical(self._value(parsed.value, noun, ""))
            return body if new == parsed.canonical else new
        return body

    def _value(self, value: Any, container: str, noun: str) -> Any:
        """``container``: the noun of the object; ``noun``: that of the value, where it is an identifier."""
        if isinstance(value, dict):
            return {
                key: self._value(inner, noun_of(key), id_noun(key, container)) for key, inner in value.items()
            }
        if isinstance(value, list):
            return [self._value(inner, container, noun) for inner in value]
        if not noun or not _is_scalar(value):
            return value
        new = self.replace(noun, str(value))
        return int(new) if isinstance(value, int) and new.lstrip("-").isdigit() else new


def short_ids(target: str, primary: Any, other: Any) -> Iterator[ShortId]:
    """Yield what two JSON answers to one request call differently."""
    noun = collection_of(target.partition("?")[0])
    stack: list[tuple[Any, Any, str, str, int]] = [(primary, other, noun, "", 0)]
    for _ in range(MAX_NODES):
        if not stack:
            return
        one, two, container, noun, depth = stack.pop()
        if isinstance(one, dict) and isinstance(two, dict):
            stack += [
                (ours, two[key], _inside(ours, key), id_noun(key, container), depth + 1)
                for key, ours in one.items()
                if key in two and may_differ(ours, two[key], depth)
            ]
        elif isinstance(one, list) and isinstance(two, list):
            stack += [
                (*pair, container, noun, depth + 1)
                for pair in zip(one, two, strict=False)
                if may_differ(*pair, depth)
            ]
        elif noun and _is_scalar(one) and type(one) is type(two) and one != two:
            ours, theirs = str(one), str(two)
            if max(len(ours), len(theirs)) <= MAX_LENGTH:
                yield ShortId(noun, ours, theirs)


def may_differ(one: Any, two: Any, depth: int) -> bool:
    """Whether it is worth to look into two values: not where they are equal, as most are. Asked of objects
    and arrays near the top only, so that what is nested deeply is not looked through again at each level.
    """
    return (depth >= _NEAR and isinstance(one, (dict, list))) or one != two


def _inside(value: object, key: str) -> str:
    return noun_of(key) if isinstance(value, (dict, list)) else ""


def _is_scalar(value: object) -> bool:
    return isinstance(value, (str, int)) and not isinstance(value, bool)


def collection_of(path: str) -> str:
    """The noun of the last segment that is no identifier: ``/api/orders/17`` is about an order."""
    for written in reversed(path.split("/")):
        segment = unquote(written_out(written))
        if segment and not _LOOKS_LIKE_ID.fullmatch(segment):
            return noun_of(segment)
    return ""


def id_noun(key: str, container: str) -> str:
    """What a field of this name identifies; empty when it is no identifier."""
    found = _ID_KEY.fullmatch(key)
    if not found:
        return ""
    noun = found["noun"] or found["camel"]
    return noun_of(noun) if noun else container


@lru_cache(maxsize=4096)
def noun_of(word: str) -> str:
    """One spelling for ``Orders``, ``order`` and ``ORDER``."""
    letters = re.sub(r"[^a-z0-9]+", "", word.lower())
    return letters[:-3] + "y" if letters.endswith("ies") else letters.removesuffix("s")
