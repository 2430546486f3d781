"""Replaces the secrets of a page's tags and of XML elements. It must not know what a secret is called.

Both passes move forward only, whatever the text holds.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from shadow.attributes import ATTRIBUTE, unescaped
from shadow.secret_names import TOKEN

Hide = Callable[[str, str], str]
"""``hide(name, value)``: the value, or its token when the name makes it a secret."""

# Possessive quantifiers (*+, ++) keep every failure linear.
_TAG = re.compile(r"<(?P<name>input|meta|button|option|param|data|textarea)(?=[\s/>])", re.IGNORECASE)
_ELEMENT = re.compile(r"<(?P<name>[A-Za-z_][\w:.-]*+)(?P<attributes>[^<>]*+)>")

_NAMED_BY = ("name", "id", "property", "itemprop", "http-equiv", "autocomplete", "placeholder")
"""The attributes that say what a field is for."""
_HOLDS = ("value", "content")
"""The attributes that hold what it is."""


class _Held(NamedTuple):
    """An attribute's value and where it stands, quotes included."""

    start: int
    end: int
    text: str


def hide_in_page(page: str, hide: Hide) -> str:
    """A page of HTML without the secrets of its form fields and meta tags."""
    return "".join(_page(page, hide))


def _page(page: str, hide: Hide) -> Iterator[str]:
    done = position = 0
    while tag := _TAG.search(page, position):
        attributes, position = _attributes(page, tag.end())
        for name in _HOLDS:
            if name in attributes:
                held = attributes[name]
                clean = _field(attributes, held.text, hide)
                if clean != held.text:
                    yield f'{page[done : held.start]}"{html.escape(clean)}"'
                    done = held.end
        if tag["name"].lower() == "textarea" and page.startswith(">", position):
            start, position = position + 1, _end(page, "</textarea", position)
            text = unescaped(page[start:position])
            clean = _field(attributes, text, hide)
            if clean != text:
                yield page[done:start] + html.escape(clean)
                done = position
    yield page[done:]


def _field(attributes: dict[str, _Held], value: str, hide: Hide) -> str:
    """The value under each of the field's names, until one of them makes it a secret."""
    kind = attributes.get("type")
    names = [attributes[each].text for each in _NAMED_BY if each in attributes]
    if kind and kind.text.lower() == "password":
        names.append("password")
    for name in names:
        clean = hide(name, value) if value.strip() else value
        if clean != value:
            return clean
    return value


def _attributes(page: str, position: int) -> tuple[dict[str, _Held], int]:
    found: dict[str, _Held] = {}
    while each := ATTRIBUTE.match(page, position):
        position = each.end()
        kind = next((kind for kind in ("double", "single", "bare") if each[kind] is not None), "")
        if kind:
            quotes = kind != "bare"
            held = _Held(each.start(kind) - quotes, each.end(kind) + quotes, unescaped(each[kind]))
            found.setdefault(each["name"].lower(), held)
    return found, position


def _end(text: str, mark: str, position: int) -> int:
    """Where the element ends; one that is never closed ends with the text, so this is looked for once."""
    found = text.find(mark, position)
    return len(text) if found < 0 else found


def hide_in_elements(text: str, hide: Hide) -> str:
    """XML without what stands in elements with the name of a secret."""
    return "".join(_elements(text, hide))


def _elements(text: str, hide: Hide) -> Iterator[str]:
    done = position = 0
    while tag := _ELEMENT.search(text, position):
        position = tag.end()
        if TOKEN.match(text, tag.start()) or tag["attributes"].endswith("/") or hide(tag["name"], "x") == "x":
            continue
        end = _end(text, f"</{tag['name']}", position)
        content = text[position:end]
        if content.strip():
            yield text[done:position] + hide(tag["name"], content)
            done = end
        position = end
    yield text[done:]
