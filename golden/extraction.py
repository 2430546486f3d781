"""Taking a value out of an answer, to be used in later requests; it must not know how answers arrive.

Four sources, written as `source:where`:
`json:items[0].id` a path into a JSON body · `header:Location`, and of an address in it one segment of the
path (`header:Location/2`) or one field (`header:Location?code`) · `cookie:session` the cookie as the client
holds it after this answer · `html:input[name=csrf_token]` the first element with that attribute: its `value`,
else its `content`, the text of a `textarea`, the chosen option of a `select`; `@attribute` at the end names
another, and a value with brackets stands in quotation marks (`html:input[name="user[token]"]`).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from golden.errors import ThreadingError
from shadow import Observation

_SOURCES = ("json", "header", "cookie", "html")
_PART = re.compile(r"([^/?]+)([/?])(.+)")
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_SELECTOR = re.compile(r"""([a-zA-Z][\w-]*)\[([\w:-]+)=(?:"([^"]*)"|'([^']*)'|([^"'\]]*))\](?:@([\w:-]+))?""")


@dataclass(frozen=True, slots=True)
class Extraction:
    """One value to take out: `name` it is known by, `source` and `where` it is found."""

    name: str
    source: str
    where: str

    @property
    def text(self) -> str:
        """As it is written in a flow: `json:csrf_token`."""
        return f"{self.source}:{self.where}"

    @property
    def key(self) -> str:
        """The last name on the way to the value (`id` of `json:items[0].id`)."""
        if self.source == "header" and "/" in self.where:
            return "id"  # the end of an address is what was created
        return re.sub(r"\[\d+\]", "", self.where).rsplit(".", 1)[-1] if self.source == "json" else self.name


def parse(name: str, text: str) -> Extraction:
    """Read `source:where`; raises `ValueError` saying what was expected."""
    source, _, where = text.partition(":")
    if source not in _SOURCES or not where:
        raise ValueError(
            f"extract {name} = {text!r}: expected json:PATH, header:NAME, cookie:NAME or html:SELECTOR"
        )
    if source == "html" and not _SELECTOR.fullmatch(where):
        raise ValueError(
            f"extract {name} = {text!r}: expected html:tag[attribute=value], @attribute may follow"
        )
    return Extraction(name, source, where)


def extract(extraction: Extraction, answer: Observation, cookies: Mapping[str, str]) -> str:
    """The value as text; raises `ThreadingError` when the answer does not hold it."""
    found = _FINDERS[extraction.source](extraction.where, answer, cookies)
    if found is None or found == "":
        raise ThreadingError(
            f"{extraction.text} found nothing for {{{extraction.name}}} in the answer"
            f" (status {answer.status})"
        )
    return found


def _from_json(where: str, answer: Observation, _cookies: Mapping[str, str]) -> str | None:
    try:
        value: Any = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    for key, index in _STEP.findall(where):
        if index and isinstance(value, list) and int(index) < len(value):
            value = value[int(index)]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        elif isinstance(value, dict) and key in value:
            value = value[key]
        else:
            return None
    if isinstance(value, str):
        return value
    # A number or a truth value is carried on as JSON writes it; an object or null cannot be carried on.
    return json.dumps(value) if isinstance(value, bool | int | float) else None


def _from_header(where: str, answer: Observation, _cookies: Mapping[str, str]) -> str | None:
    parted = _PART.fullmatch(where)
    wanted = (parted[1] if parted else where).lower().encode("latin-1", "replace")
    value = next((v.decode("latin-1") for n, v in answer.headers if n.lower() == wanted), None)
    return value if value is None or parted is None else _part(value, parted[2], parted[3])


def _part(value: str, mark: str, part: str) -> str | None:
    try:
        address = urlsplit(value)
    except ValueError:
        return None
    if mark == "?":
        return dict(parse_qsl(address.query)).get(part)
    segments = address.path.split("/")
    return unquote(segments[int(part)]) if part.isdecimal() and int(part) < len(segments) else None


def _from_cookie(where: str, _answer: Observation, cookies: Mapping[str, str]) -> str | None:
    return cookies.get(where)


def _from_html(where: str, answer: Observation, _cookies: Mapping[str, str]) -> str | None:
    match = _SELECTOR.fullmatch(where)
    if match is None:
        return None
    finder = _ElementFinder(match[1].lower(), match[2].lower(), match[3] or match[4] or match[5] or "")
    finder.feed(answer.body.decode("utf-8", "replace"))
    finder.close()
    found = finder.found
    if found is None:
        return None
    return found.get(match[6].lower()) if match[6] else found.get("value") or found.get("content")


class _Option(NamedTuple):
    attributes: Mapping[str, str | None]
    text: list[str]


class _ElementFinder(HTMLParser):
    """Remembers the attributes of the first element of a kind; what a `textarea` or a `select` would send
    is its `value`.
    """

    def __init__(self, tag: str, attribute: str, value: str) -> None:
        super().__init__(convert_charrefs=True)
        self._wanted = (tag, attribute, value)
        self._within = ""
        self._texts: list[str] = []
        self._options: list[_Option] = []
        self.found: dict[str, str | None] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(reversed(attrs))  # of an attribute that is there twice the first counts
        if self.found is None and (tag, given.get(self._wanted[1])) == (self._wanted[0], self._wanted[2]):
            self.found = given
            self._within = tag if tag in ("textarea", "select") else ""
        elif self._within == "select" and tag == "option":
            self._options.append(_Option(given, []))

    def handle_data(self, data: str) -> None:
        if self._within == "textarea":
            self._texts.append(data)
        elif self._options and self._within:
            self._options[-1].text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == self._within:
            self._end()

    def close(self) -> None:
        super().close()
        self._end()

    def _end(self) -> None:
        if self.found is not None and self._within == "textarea":
            self.found["value"] = "".join(self._texts).removeprefix("\n")
        elif self.found is not None and self._options:
            chosen = next((one for one in self._options if "selected" in one.attributes), self._options[0])
            self.found["value"] = chosen.attributes.get("value", "".join(chosen.text).strip())
        self._within = ""


_FINDERS = {"json": _from_json, "header": _from_header, "cookie": _from_cookie, "html": _from_html}
