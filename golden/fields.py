"""Finds the values an HTML page carries in its input and meta tags; it must not know which are secret."""

import html
import re
from collections.abc import Callable, Iterator

_TAG = re.compile(r"<(?:input|meta)\b[^<>]{0,4000}>", re.I)
_ATTRIBUTE = re.compile(r"""([\w:-]+)\s*=\s*("[^"]*"|'[^']*'|[^\s"'<>]+)""")


def hide_fields(page: str, hide: Callable[[str, str], str]) -> str:
    """The page with `hide(name, value)` in place of each value; one that stays the same is left alone."""
    return _TAG.sub(lambda tag: _tag(tag[0], hide), page)


def named_values(page: str) -> Iterator[tuple[str, str, str]]:
    """Each value with its name and the selector that finds it: `input[name=csrf_token]`."""
    for tag in _TAG.finditer(page):
        attributes = {match[1].lower(): match[2].strip("\"'") for match in _ATTRIBUTE.finditer(tag[0])}
        by = "name" if attributes.get("name") else "id"
        name, value = attributes.get(by, ""), attributes.get("value") or attributes.get("content")
        if name and value and '"' not in name:
            said = f'"{name}"' if re.search(r"['\[\]]", name) else name
            yield name, html.unescape(value), f"{tag[0][1:].split(None, 1)[0].lower()}[{by}={said}]"


def _tag(tag: str, hide: Callable[[str, str], str]) -> str:
    attributes = {match[1].lower(): match[2].strip("\"'") for match in _ATTRIBUTE.finditer(tag)}
    name = attributes.get("name") or attributes.get("id") or ""

    def put(match: re.Match[str]) -> str:
        if match[1].lower() not in ("value", "content") or not name:
            return match[0]
        value = html.unescape(match[2].strip("\"'"))
        hidden = hide(name, value)
        return match[0] if hidden == value else f'{match[1]}="{html.escape(hidden)}"'

    return _ATTRIBUTE.sub(put, tag)
