"""Reads HTML as a flat list of tags and texts that can be walked. It must not know how it is compared.

White space is collapsed, attributes are sorted by nature of a mapping, class names by hand, comments are
dropped. A tag is labelled by its id or name, so a rule can say ``body[*].input:csrf_token.value`` and mean
that one field only.
"""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any, NamedTuple

MAX_HTML = 512 * 1024
"""Longer pages are not parsed: the parser's time on hostile markup is not bounded by its length alone."""


class Hidden(NamedTuple):
    """A value that a page carries for its scripts and forms: the name of an input or a meta tag, and its
    content.
    """

    name: str
    value: str


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.items: list[dict[str, Any]] = []
        self.hidden: list[Hidden] = []
        self._text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.flush()
        attributes = {name: value or "" for name, value in attrs}
        if "class" in attributes:
            attributes["class"] = " ".join(sorted(attributes["class"].split()))
        name = attributes.get("id") or attributes.get("name")
        self.items.append({f"{tag}:{name}" if name else tag: attributes})
        self._note(tag, attributes)

    def _note(self, tag: str, attributes: dict[str, str]) -> None:
        name = attributes.get("name") or attributes.get("id") or ""
        if tag == "meta" and name:
            self.hidden.append(Hidden(name, attributes.get("content", "")))
        if tag == "input" and name and attributes.get("type", "").lower() == "hidden":
            self.hidden.append(Hidden(name, attributes.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        self.flush()
        self.items.append({f"/{tag}": {}})

    def handle_data(self, data: str) -> None:
        self._text.append(data)

    def flush(self) -> None:
        text = " ".join("".join(self._text).split())
        self._text.clear()
        if text:
            self.items.append({"text": text})


def _read(body: bytes, charset: str) -> _Reader:
    reader = _Reader()
    reader.feed(decoded(body, charset))
    reader.close()
    reader.flush()
    return reader


def read_html(body: bytes, charset: str = "utf-8") -> list[dict[str, Any]]:
    """``[{"input:csrf_token": {"type": "hidden", "value": "…"}}, {"text": "…"}, {"/form": {}}, …]``."""
    return _read(body, charset).items


def hidden_values(body: bytes, charset: str = "utf-8") -> dict[str, str]:
    """The values of hidden inputs and meta tags by name; the first of a name."""
    values: dict[str, str] = {}
    for name, value in _read(body, charset).hidden:
        values.setdefault(name, value)
    return values


def decoded(body: bytes, charset: str) -> str:
    """``body`` as text; an unknown charset or a wrong byte never raises."""
    try:
        return body.decode(charset, "replace")
    except LookupError:
        return body.decode("utf-8", "replace")
