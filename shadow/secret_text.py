"""Replaces the secrets in free text: what has the form of one, and ``name=value`` where the name says so. It
must not know bodies or headers.

Every pattern is linear, whatever the text holds: what repeats is possessive (``++``), and a run of characters
is tried from its start only (the look-behind excludes what the run is made of).
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from functools import partial
from urllib.parse import unquote

from shadow.secret_names import SAID, Place, SecretNames
from shadow.secret_path import opens_something

MakeToken = Callable[[str, str], str]
"""``token(label, secret)``."""

FORMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "private-key",
        re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-]*+(?:-----END [A-Z ]{0,40}-----)?"),
    ),
    (
        "authorization",
        re.compile(r"(?:(?<=[Bb]earer )|(?<=BEARER )|(?<=[Bb]earer%20)|(?<=[Bb]earer\+))[\w.~+/=-]{6,}+"),
    ),
    ("userinfo", re.compile(r"(?:(?<=://)|(?<=:\\/\\/))[^\s/?#\"'<>\\@]++(?:@[^\s/?#\"'<>\\@]*+)*(?=@)")),
    ("userinfo", re.compile(r"(?i:(?<=%3a%2f%2f))(?:(?!%40|%2[fF])[\w.~%+:-])++(?=%40)")),
    ("email", re.compile(r"(?<![\w.+-])[\w.+-]++(?:@|%40)[\w-]++(?:\.[\w-]++)++")),
    (
        "card",
        re.compile(r"(?<![\w.])(?:\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{1,7}|\d{4}[ -]\d{6}[ -]\d{5})(?!\w|\.\d)"),
    ),
    (
        "apikey",
        re.compile(
            r"(?<![\w-])(?:(?:sk|pk|rk)[_-](?:live|test|proj|ant)|gh[oprsu]|github_pat|glpat|xox[abeprs]|AKIA|AIza)[\w-]{12,}+"
        ),
    ),
)
"""Secrets that are known by their form."""

_BASIC = re.compile(r"(?i:(?<=basic )|(?<=basic%20)|(?<=basic\+))[\w+/=%-]{4,}+")
_DOTTED = re.compile(r"(?<![\w-])[\w-]++\.[\w-]{2,}+\.[\w-]*+")
_JWT = re.compile(r"eyJ[\w-]{5}")
_PATH = re.compile(
    r"(?<![\w.~%+/@-])(https?://(?:<userinfo:[0-9a-f]{12}>@)?[^\s/\"'<>\\?#]*+)?((?:/[\w.~%+=@:-]++)++)"
)

_QUERY = r"(?P<query>\?[^\s\"'<>#=?]*+=[^\s\"'<>#]*+)"
_NAME = r"(?<![\w<-])(?<!&lt;)(?P<name>[\w-]++)(?P<between>[\"'\]\\]{0,4}+\s{0,3}+[=:]\s{0,3}+)"
_URLSAFE = str.maketrans("+/", "-_")
_PLACES = re.compile(f"{_QUERY}|{_NAME}")
_PAIR = re.compile(r"(?P<gap>[?&])(?P<name>[^=&]*+)=(?P<value>[^&]*+)")

# How a value is written, and where it ends. What is never closed ends with the text or the line.
_QUOTED = tuple(
    re.compile(each)
    for each in (
        r'"((?:[^"\\]|\\[\s\S])*+)',
        r"'((?:[^'\\\n]|\\[\s\S])*+)",
        r'\\{1,7}"((?:[^"\\]|\\{2,7}+"|\\(?!"))*+)',
    )
)
_REST_OF_LINE = re.compile(r"[^\r\n]*+")
_REST_OF_TEXT_NODE = re.compile(r"[^\r\n<>\"]*+")
_REST_OF_JSON_VALUE = re.compile(r"[^\s,}\]\\]*+")


class SecretText:
    """Replaces with ``token`` what ``names`` or a form makes a secret. Doing it twice changes nothing.

    ``paths``: segments of paths, too.
    """

    def __init__(self, names: SecretNames, token: MakeToken, *, paths: bool = True) -> None:
        self._names = names
        self._token = token
        self._paths = paths

    def clean(self, text: str, *, markup: bool = False) -> str:
        """``text`` without secrets. ``markup``: it holds tags, so that a value ends where one begins."""
        if "=" in text or ":" in text:
            text = "".join(self._assigned(text, markup))
        if "." in text and "eyJ" in text:
            text = _DOTTED.sub(self._jwt, text)
        if "asic" in text or "ASIC" in text:
            text = _BASIC.sub(self._basic, text)
        for label, pattern in FORMS:
            text = pattern.sub(partial(self._form, label), text)
        return _PATH.sub(self._url, text) if self._paths and "/" in text else text

    def path(self, path: str) -> str:
        """A path of a request without the segments that may be secrets."""
        before, clean = "", []
        for segment in path.split("/"):
            clean.append(self._token("id", segment) if opens_something(segment, before) else segment)
            before = segment
        return "/".join(clean)

    def _form(self, label: str, found: re.Match[str]) -> str:
        return self._token(label, found.group())

    def _basic(self, found: re.Match[str]) -> str:
        """A user and a password (RFC 7617, 2); any other word behind this one stays."""
        whole = found.group()
        return self._token("authorization", whole) if _is_user_and_password(whole) else whole

    def _jwt(self, found: re.Match[str]) -> str:
        whole = found.group()
        start = _JWT.search(whole, 0, whole.index("."))
        return whole[: start.start()] + self._token("jwt", whole[start.start() :]) if start else whole

    def _url(self, found: re.Match[str]) -> str:
        return (found[1] or "") + self.path(found[2])

    def _assigned(self, text: str, markup: bool) -> Iterator[str]:
        done = position = 0
        while found := _PLACES.search(text, position):
            position = found.end()
            if found["query"]:
                yield text[done : found.start()] + self.pairs(found["query"])
                done = position
                continue
            label = self._label(found, markup)
            if not label:
                continue
            start, position = _value(text, found, markup)
            secret = text[start:position]
            if secret and not SAID.fullmatch(secret):
                yield text[done:start] + self._token(label, secret)
                done = position
        yield text[done:]

    def _label(self, found: re.Match[str], markup: bool) -> str:
        # A page is full of scripts, where `key: value` is code.
        return self._names.deep_label(found["name"]) if markup else self._names.label(found["name"])

    def pairs(self, query: str) -> str:
        """A query as it stands in a text, spelled as before, without the values of its secret names."""
        return _PAIR.sub(self._pair, query)

    def _pair(self, found: re.Match[str]) -> str:
        label = self._names.label(found["name"].removeprefix("amp;"), Place.PAIR)
        value = found["value"]
        if not (label and value) or SAID.fullmatch(value):
            return found.group()
        return f"{found['gap']}{found['name']}={self._token(label, value)}"


def _is_user_and_password(text: str) -> bool:
    letters = unquote(text).rstrip("=")
    try:
        return b":" in urlsafe_b64decode(letters.translate(_URLSAFE) + "=" * (-len(letters) % 4))
    except ValueError:
        return False


def _value(text: str, name: re.Match[str], markup: bool) -> tuple[int, int]:
    """Where the value behind ``name`` begins and ends, without its quotes."""
    start = name.end()
    for pattern in _QUOTED:
        if value := pattern.match(text, start):
            return value.span(1)
    rest = _REST_OF_TEXT_NODE if markup else _REST_OF_LINE
    if name["between"][:1] in ('"', "'", "\\"):  # a quoted name: JSON, or nearly so
        rest = _REST_OF_LINE if text.startswith(("{", "["), start) else _REST_OF_JSON_VALUE
    found = rest.match(text, start)
    end = found.end() if found else start
    return start, start + len(text[start:end].rstrip())
