"""Paths into an answer: a tuple of tokens, and the text a person reads and writes. It must not know rules or
values.

``("body", "items", "[*]", "id")`` is written ``body.items[*].id``. A key that is not plain is quoted:
``body["a.b"]``. In a pattern, ``*`` stands for any one key or position and ``**`` for any number of tokens,
none included.
"""

from __future__ import annotations

import json
import re
from typing import TypeAlias

Tokens: TypeAlias = tuple[str, ...]

ANY_INDEX = "[*]"
ANY_ONE = "*"
ANY_DEPTH = "**"
ROOTS = frozenset({"status", "header", "body"})

_EXPRESSION = r"()^$|+?\\"
_PLAIN = re.compile(rf"[^.\[\]\"*{re.escape(_EXPRESSION)}]+\Z")
_SCANNER = re.compile(r"""\[\*\]|\[(?P<quoted>"(?:[^"\\]|\\.)*")\]|\.?(?P<plain>\*\*|\*|[^.\[\]"*]+)""")


class PathError(ValueError):
    """A path that cannot be read; the message says what was expected."""


def path_text(tokens: Tokens) -> str:
    """How ``tokens`` is written."""
    return "".join(_written(index, token) for index, token in enumerate(tokens))


def _written(index: int, token: str) -> str:
    if token == ANY_INDEX:
        return token
    if not _PLAIN.match(token):
        return f"[{json.dumps(token, ensure_ascii=False)}]"
    return token if index == 0 else f".{token}"


def parse_pattern(text: str) -> Tokens:
    """The tokens of the pattern ``text``. Raises PathError when a quoted key looks like a wildcard, when the
    text does not start with status, header, body or ``**``, when it holds what looks like a regular
    expression (none is ever run), or when it cannot be read to its end.
    """
    tokens: list[str] = []
    position = 0
    while position < len(text):
        found = _SCANNER.match(text, position)
        if not found or (found.group().startswith(".") and position == 0):
            raise PathError(f"cannot be read from {text[position:]!r} on")
        tokens.append(_token(found))
        position = found.end()
    if not tokens or tokens[0] not in ROOTS | {ANY_DEPTH}:
        raise PathError("must start with status, header, body or **")
    return tuple(tokens)


def _token(found: re.Match[str]) -> str:
    if found["quoted"] is not None:
        try:
            key = str(json.loads(found["quoted"]))
        except ValueError:
            raise PathError(f"has a key that is written wrong: {found['quoted']}") from None
        if key in (ANY_ONE, ANY_DEPTH, ANY_INDEX):
            raise PathError(f"cannot name the key {key!r}, which is a wildcard")
        return key
    plain = found["plain"] or ANY_INDEX
    if any(sign in _EXPRESSION for sign in plain):
        raise PathError(f"has no regular expressions: write the key {plain!r} in brackets and quotes")
    return plain
