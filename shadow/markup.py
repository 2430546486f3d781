"""Reads HTML as a flat list of tags and texts that can be walked. It must not know how it is compared.

White space is collapsed, class names are sorted, comments are dropped. A tag is labelled by its id or name,
so a rule can say ``body[*].input:csrf_token.value`` and mean that one field only.

The standard library's parser is not used: a page of 64 KB made of ``<!--`` keeps it busy for seconds, and
``<![`` makes it raise. This one moves forward only, whatever the page holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from shadow.attributes import ATTRIBUTE, unescaped

MAX_HTML = 512 * 1024
"""Longer pages are not read."""

# Possessive quantifiers (*+) keep every failure linear.
_NAME = re.compile(r"[a-zA-Z][^\s/>]*+")
_RAW = {
    name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE)
    for name in ("script", "style", "textarea", "title")
}


class _Tag(NamedTuple):
    """A start tag (with attributes) or an end tag (``/name``, without)."""

    name: str
    attributes: dict[str, str]


def read_html(body: bytes, charset: str = "utf-8") -> list[dict[str, Any]]:
    """``[{"input:csrf_token": {"type": "hidden", "value": "…"}}, {"text": "…"}, {"/form": {}}, …]``."""
    items: list[dict[str, Any]] = []
    texts: list[str] = []
    for token in _tokens(decoded(body, charset)):
        if isinstance(token, str):
            texts.append(token)
            continue
        _flush(texts, items)
        items.append({_label(token): token.attributes})
    _flush(texts, items)
    return items


def hidden_values(body: bytes, charset: str = "utf-8") -> dict[str, str]:
    """The values a page carries for its forms and scripts, by name: hidden inputs and meta tags."""
    values: dict[str, str] = {}
    for token in _tokens(decoded(body, charset)):
        if isinstance(token, _Tag):
            name = token.attributes.get("name") or token.attributes.get("id")
            if name and token.name == "meta":
                values.setdefault(name, token.attributes.get("content", ""))
            if name and token.name == "input" and token.attributes.get("type", "").lower() == "hidden":
                values.setdefault(name, token.attributes.get("value", ""))
    return values


def decoded(body: bytes, charset: str) -> str:
    """``body`` as text; an unknown charset or a wrong byte never raises. Wrong bytes stay apart."""
    try:
        return body.decode(charset, "backslashreplace")
    except (LookupError, ValueError, TypeError):  # no such charset, or one that cannot do this
        return body.decode("utf-8", "backslashreplace")


def _flush(texts: list[str], items: list[dict[str, Any]]) -> None:
    text = " ".join("".join(texts).split())
    texts.clear()
    if text:
        items.append({"text": text})


def _label(tag: _Tag) -> str:
    name = tag.attributes.get("id") or tag.attributes.get("name")
    return f"{tag.name}:{name}" if name else tag.name


def _tokens(text: str) -> Iterator[_Tag | str]:
    """Tags and pieces of text in order, each place looked at once."""
    position = 0
    while (start := text.find("<", position)) >= 0:
        yield unescaped(text[position:start])
        token, position = _markup(text, start)
        if token is not None:
            yield token
        if isinstance(token, _Tag) and (end := _RAW.get(token.name)):
            found = end.search(text, position)
            stop = found.start() if found else len(text)
            yield text[position:stop]
            position = stop
    yield unescaped(text[position:])


def _markup(text: str, start: int) -> tuple[_Tag | str | None, int]:
    """What begins with the ``<`` at ``start``, and where it ends."""
    if text.startswith("<!--", start):
        return None, _after(text, "-->", start + 4)
    if text.startswith(("<!", "<?"), start):
        return None, _after(text, ">", start)
    closing = text.startswith("</", start)
    name = _NAME.match(text, start + 1 + closing)
    if not name:
        return (None, _after(text, ">", start)) if closing else ("<", start + 1)
    if closing:
        return _Tag(f"/{name[0].lower()}", {}), _after(text, ">", name.end())
    attributes, end = _attributes(text, name.end())
    return _Tag(name[0].lower(), attributes), _after(text, ">", end)


def _after(text: str, mark: str, position: int) -> int:
    found = text.find(mark, position)
    return len(text) if found < 0 else found + len(mark)


def _attributes(text: str, position: int) -> tuple[dict[str, str], int]:
    attributes: dict[str, str] = {}
    while found := ATTRIBUTE.match(text, position):
        position = found.end()
        value = found["double"] or found["single"] or found["bare"] or ""
        attributes.setdefault(found["name"].lower(), unescaped(value))
    if "class" in attributes:
        attributes["class"] = " ".join(sorted(attributes["class"].split()))
    return attributes, position
