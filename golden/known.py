"""Values met earlier in a journey, recognised in an answer and stored by reference; it must not know files.

A long text is recognised wherever it stands. A short one or a number is too common for that: it is recognised
only as a whole value under the name it was taken from.
"""

import base64
import html
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus

from golden import volatile

_LONG = 8
_SHORTEST_SECRET = 6


@dataclass(frozen=True, slots=True)
class Known:
    """`put` takes the place of `text`: everywhere, or only as a whole value (under one of `keys`)."""

    text: str
    put: str
    keys: frozenset[str] = frozenset()
    everywhere: bool = False


def known_values(
    values: Mapping[str, str],
    *,
    secrets: Iterable[str] = (),
    keys: Mapping[str, str] | None = None,
    taken: Mapping[str, str] | None = None,
    cookies: Iterable[str] = (),
) -> tuple[Known, ...]:
    """The table of a journey, longest first.

    `values`: handed on, by name; `secrets`: those of them that come from the environment; `keys`: the JSON
    name a value was taken from; `taken`: secret → token, of what had to be taken out of requests;
    `cookies`: values held.
    """
    secret = set(secrets)
    known: list[Known] = []
    for text, token in (taken or {}).items():
        known += _secret(text, token)
    for text in cookies:
        if len(text) >= _LONG:
            known += [Known(spelled, "⟨cookie⟩", everywhere=True) for spelled in _spellings(text)]
    for name, text in values.items():
        put = "{" + name + "}"
        if name in secret:
            known += _secret(text, put)
        elif not volatile.is_placeholder(volatile.normalise_text(text)):
            names = frozenset({name, (keys or {}).get(name, name)})
            known.append(Known(text, put, names, everywhere=len(text) >= _LONG and not _is_number(text)))
    return tuple(sorted(known, key=lambda item: (-len(item.text), item.put)))


def refer(value: Any, known: tuple[Known, ...], key: str = "") -> Any:
    """A JSON-like value with every known value in it replaced; `key` is the name it stands under."""
    if not known:
        return value
    if isinstance(value, dict):
        return {refer_text(name, known): refer(item, known, name) for name, item in value.items()}
    if isinstance(value, list):
        return [refer(item, known, key) for item in value]
    if isinstance(value, str):
        return refer_text(value, known, key)
    if isinstance(value, int | float) and not isinstance(value, bool):
        # A number keeps its type in the recording: the reference of a text would hide "17" for 17.
        return _number(value) if any(k.text == json.dumps(value) and key in k.keys for k in known) else value
    return value


def refer_text(text: str, known: tuple[Known, ...], key: str = "") -> str:
    """The same for one text."""
    for item in known:
        if item.everywhere:
            text = text.replace(item.text, item.put)
        elif text == item.text and (key in item.keys or not item.keys):
            return item.put
    return text


def refer_path(text: str, known: tuple[Known, ...]) -> str:
    """The same for an address, in which a short value may be a whole segment."""
    text = refer_text(text, known)
    by_text = {item.text: item.put for item in known if item.keys}
    return "".join(by_text.get(piece, piece) for piece in re.split(r"([/?&=#])", text))


def _secret(text: str, put: str) -> list[Known]:
    # A very short one is part of every text; it is recognised as a whole value only.
    everywhere = len(text) >= _SHORTEST_SECRET
    return [Known(spelled, put, everywhere=everywhere) for spelled in _spellings(text)]


def _spellings(text: str) -> list[str]:
    raw = text.encode()
    encoded = [base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()]
    found = [text, quote(text, safe=""), quote(text), quote_plus(text), html.escape(text), *encoded]
    return [item for item in dict.fromkeys(found) if item]


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?", text) is not None


def _number(value: int | float) -> str:
    return "⟨integer⟩" if isinstance(value, int) else "⟨number⟩"
