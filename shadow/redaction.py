"""Replaces secrets by keyed tokens, alike on both sides, so that equal stays equal. It must not know rules or
verdicts.

A token is ``<email:3f9a…>``: which kind of secret, and 12 hexadecimal digits of an HMAC-SHA256 under the
operator's key. What is a secret: the fields of the tables in ``secret_names``, wherever a field has a name
(JSON, forms, queries, headers, markup), the values of cookies, the identifiers in a path (``secret_path``),
and in any text what has the form of a secret or follows such a name (``secret_text``, ``secret_markup``).
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, quote

import msgspec

from shadow.coding import plain_observation, plain_request
from shadow.comparison import Comparison
from shadow.cookies import cookie_pairs
from shadow.media import Family, is_picture, media_type
from shadow.model import Headers, Observation, RequestSnapshot, field_value
from shadow.multipart import Part, map_parts
from shadow.parse import Parsed, canonical, parse_json
from shadow.paths import Tokens
from shadow.secret_markup import hide_in_elements, hide_in_page
from shadow.secret_names import HOLDS, NAMED_BY, SAID, SECRET_HEADERS, Place, SecretNames
from shadow.secret_path import opens_something
from shadow.secret_text import SecretText
from shadow.targets import hidden_in_path, written_out

_DIGITS = 12
_FORM = re.compile(r"(?:[\w.%+\[\]~*-]++=[^&=\s]*+&)*+[\w.%+\[\]~*-]++=[^&\s]*+")
_SHORTEST_KEY = 16
_EMBEDDED = 2
"""How deep JSON is looked for in the texts of JSON, and parts in the parts of a multipart body."""


class Redactor:
    """Redacts under one key. Doing it twice changes nothing.

    ``paths``: the identifiers in paths too; without them a stored request can still be sent.
    """

    def __init__(self, key: bytes, extra_names: Iterable[str] = (), *, paths: bool = True) -> None:
        self._key = key
        self._names = SecretNames(extra_names)
        self._text = SecretText(self._names, self.token, paths=paths)
        self._paths = paths

    def token(self, label: str, secret: str) -> str:
        """The token that stands for ``secret``; what says no secret any more stays."""
        if SAID.fullmatch(secret):
            return secret
        digest = hmac.digest(self._key, f"{label}\0{secret}".encode("utf-8", "surrogatepass"), "sha256")
        return f"<{label}:{digest.hex()[:_DIGITS]}>"

    # --- messages ---------------------------------------------------------------------------------

    def request(self, request: RequestSnapshot) -> RequestSnapshot:
        """The same request without secrets, and without a content coding that could hide one."""
        request = plain_request(request)
        content_type = field_value(request.headers, b"content-type")
        return msgspec.structs.replace(
            request,
            target=self.target(request.target),
            headers=self.headers(request.headers),
            body=self.body(request.body, content_type),
        )

    def observation(self, observation: Observation) -> Observation:
        """The same observation without secrets, and without a content coding that could hide one."""
        observation = plain_observation(observation)
        content_type = field_value(observation.headers, b"content-type")
        return msgspec.structs.replace(
            observation,
            headers=self.headers(observation.headers),
            body=self.body(observation.body, content_type),
        )

    def target(self, target: str) -> str:
        """A request target without secrets in its path and its query."""
        path, question, query = written_out(target).partition("?")
        path = hidden_in_path(path, self.text)
        clean = self.text(self._text.path(path) if self._paths else path)
        return clean + question + (self._pairs(query) if question else "")

    # --- headers ----------------------------------------------------------------------------------

    def headers(self, headers: Headers) -> Headers:
        """Headers without secrets; the names of cookies stay."""
        return tuple((name, self._header(name.decode("latin-1").lower(), value)) for name, value in headers)

    def _header(self, name: str, value: bytes) -> bytes:
        if name == "cookie":
            return "; ".join(
                f"{key}={self.token('cookie', text)}" for key, text in cookie_pairs(value)
            ).encode("latin-1")
        if name == "set-cookie":
            return self._set_cookie(value)
        text = value.decode("utf-8", "surrogateescape")
        label = SECRET_HEADERS.get(name) or self._names.label(name, Place.HEADER)
        return (self.token(label, text) if label else self.text(text)).encode("utf-8", "surrogateescape")

    def _set_cookie(self, value: bytes) -> bytes:
        pair, semicolon, attributes = value.decode("latin-1").partition(";")
        name, equals, secret = pair.partition("=")
        hidden = self.token("cookie", secret.strip()) if secret.strip() else ""
        return f"{name}{equals}{hidden}{semicolon}{attributes}".encode("latin-1")

    # --- bodies -----------------------------------------------------------------------------------

    def body(self, body: bytes, content_type: str) -> bytes:
        """A body without secrets. JSON is written anew only when something in it was secret; pictures stay
        as they are, where they are pictures, and of other bodies that are no text only a token stays.
        """
        return self._body(body, content_type, 0)

    def _body(self, body: bytes, content_type: str, nested: int) -> bytes:
        media = media_type(content_type)
        if not body or is_picture(body, media):
            return body
        if media.family is Family.FORM:
            return self._pairs(body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        is_multipart = media.family is Family.MULTIPART
        if is_multipart and (boundary := _boundary(body, media.boundary)):
            if nested >= _EMBEDDED:
                return self._unread(body)
            return map_parts(body, boundary, lambda part: self._part(part, nested + 1), self._unread)
        if media.family is not Family.HTML and (clean := self._json(body)) is not None:
            return clean
        if b"\0" in body:
            return self._unread(body)
        try:
            return self._any_text(body.decode("utf-8"), media.family).encode("utf-8")
        except UnicodeDecodeError:
            if is_multipart or (media.family is Family.BINARY and media.essence):
                return self._unread(body)
            return self._any_text(body.decode("latin-1"), media.family).encode("latin-1")

    def _json(self, body: bytes) -> bytes | None:
        """JSON, whatever the body is said to be; None when it is none."""
        if body.lstrip()[:1] not in (b"{", b"[") or not isinstance(parsed := parse_json(body), Parsed):
            return None
        clean = canonical(self.value(parsed.value))
        return body if clean == parsed.canonical else clean

    def _unread(self, body: bytes) -> bytes:
        if not body or SAID.fullmatch(body.decode("latin-1")):
            return body
        return self.token("bytes", body.decode("latin-1")).encode()

    def _any_text(self, text: str, family: Family) -> str:
        if family is Family.EVENTS:
            return "".join(map(self._event_line, text.splitlines(keepends=True)))
        if family is Family.HTML or text.lstrip("\ufeff \t\r\n").startswith("<"):
            return self._markup(text)
        return self._pairs(text) if _FORM.fullmatch(text) else self.text(text)

    def _event_line(self, line: str) -> str:
        """A line of an event stream; its data may be JSON."""
        name, colon, data = line.partition(":")
        if name == "data" and (clean := self._json(data.encode("utf-8", "surrogatepass"))) is not None:
            end = line[len(line.rstrip("\r\n")) :] if clean.decode() != data else ""
            return f"{name}{colon}{' ' if end else ''}{clean.decode()}{end}"
        return self.text(line)

    def _markup(self, text: str) -> str:
        page = hide_in_page(text, self._named(Place.PAIR))
        if not _is_page(text):
            page = hide_in_elements(page, self._named(Place.FIELD))
        return self._text.clean(page, markup=True)

    def _named(self, place: Place) -> Any:
        def hide(name: str, value: str) -> str:
            label = self._names.label(name, place)
            return self.token(label, value) if label else value

        return hide

    def _part(self, part: Part, nested: int) -> tuple[bytes, bytes]:
        """A part of a multipart body: a field by its name, anything else by its own content type."""
        head = self.text(part.head.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        if self._names.label(part.name, Place.PAIR) or (part.name and not part.is_file and not part.coded):
            text = self._in_pair(part.name, part.content.decode("utf-8", "surrogateescape"))
            return head, text.encode("utf-8", "surrogateescape")
        if part.coded:
            return head, self._unread(part.content)
        kind = part.type or ("application/octet-stream" if part.is_file else "text/plain")
        return head, self._body(part.content, kind, nested)

    def _pairs(self, text: str) -> str:
        try:
            pairs = parse_qsl(text, keep_blank_values=True, errors="surrogateescape")
        except ValueError:  # more fields than Python reads
            return self.token("form", text)
        clean = [(self._lone(name, value), self._in_pair(name, value)) for name, value in pairs]
        return (
            text if clean == pairs else "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in clean)
        )

    def _in_pair(self, name: str, value: str) -> str:
        label = self._names.label(name, Place.PAIR)
        return str((self.token(label, value) if value else value) if label else self.value(value))

    def _lone(self, name: str, value: str) -> str:
        """A name without a value may be the secret itself: ``/open?9f3a…``."""
        return self.token("id", name) if self._paths and not value and opens_something(name) else name

    # --- values -----------------------------------------------------------------------------------

    def value(self, value: Any, name: str = "", *, nested: int = 0) -> Any:
        """A JSON value without secrets; ``name`` is the key it was found under."""
        if isinstance(value, dict):
            deep = self._names.deep_label(name) if name else ""
            hidden = "" if deep else self._named_beside(value)
            clean = {}
            keyed = any(each in value for each in HOLDS)
            for key, inner in value.items():
                below = name if deep else hidden if hidden and key in HOLDS else key
                if keyed and not deep and key == "key":  # it names the value, and is none itself
                    below = ""
                clean[self._key_text(key)] = self.value(inner, below, nested=nested)
            return clean
        if isinstance(value, list):
            return [self.value(inner, name, nested=nested) for inner in value]
        label = self._names.label(name) if name else ""
        if isinstance(value, str):
            return (self.token(label, value) if value else value) if label else self._string(value, nested)
        if label and isinstance(value, (int, float)) and not isinstance(value, bool):
            return self.token(label, f"number {value!r}")
        return value

    def _named_beside(self, value: dict[str, Any]) -> str:
        """The secret name that an object gives its own value, or an empty string."""
        if not any(each in value for each in HOLDS):
            return ""
        for key in NAMED_BY:
            name = value.get(key)
            if isinstance(name, list) and name:
                name = name[-1]
            if isinstance(name, str) and self._names.label(name):
                return name
        return ""

    def _key_text(self, key: str) -> str:
        """A key may be somebody's address or the id of a session; nearly always it is a word."""
        if len(key) >= _SHORTEST_KEY and opens_something(key):
            return self.token("id", key)
        return self.text(key) if "@" in key or len(key) > 2 * _SHORTEST_KEY else key

    def _string(self, value: str, nested: int) -> str:
        first = value.lstrip()[:1]
        if first in ("{", "[") and nested < _EMBEDDED:
            parsed = parse_json(value.encode("utf-8", "surrogatepass"))
            if isinstance(parsed, Parsed):
                clean = canonical(self.value(parsed.value, nested=nested + 1))
                return value if clean == parsed.canonical else clean.decode()
        if first == "<" and not SAID.fullmatch(value):
            return self._markup(value)
        return self.text(value)

    def text(self, text: str) -> str:
        """Free text without secrets."""
        return self._text.clean(text)

    # --- findings ---------------------------------------------------------------------------------

    def path(self, path: Tokens) -> Tokens:
        """The path of a difference, without the secrets that were keys."""
        return tuple(self._key_text(token) for token in path)

    def pair(self, path: Tokens, control: Any, candidate: Any) -> tuple[Any, Any]:
        """Both values of a difference at ``path`` without secrets."""
        if path[:1] == ("header",) and len(path) == 2:
            return self._header_value(path[1], control), self._header_value(path[1], candidate)
        plain = [each for each in path if each != "[*]"]
        name = next((each for each in reversed(plain) if self._names.deep_label(each)), "")
        if not name and plain and (self._names.label(plain[-1]) or _is_unnamed(path)):
            name = plain[-1] if self._names.label(plain[-1]) else "secret"
            return self._text_value(control, name), self._text_value(candidate, name)
        return self.value(control, name), self.value(candidate, name)

    def _text_value(self, value: Any, name: str) -> Any:
        """Only a text is hidden for a name that is out of sight; numbers are for names that are known."""
        return self.value(value, name if isinstance(value, str) or name != "secret" else "")

    def _header_value(self, name: str, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return self._header(name.lower(), value.encode("latin-1", "replace")).decode("latin-1")

    def comparison(self, comparison: Comparison) -> Comparison:
        """The same comparison under this redactor's key; what another one has hidden stays as it is."""
        differences = tuple(
            msgspec.structs.replace(
                each, control=self.value(each.control), candidate=self.value(each.candidate)
            )
            for each in comparison.differences
        )
        return msgspec.structs.replace(comparison, differences=differences)


def _is_unnamed(path: Tokens) -> bool:
    """Whether a value's name stands beside it, where a path does not show it: ``[{"name": …, "value": …}]``,
    or a form field without a name.
    """
    return len(path) > 1 and path[-1] in HOLDS and path[-2] in ("[*]", "input")


def _is_page(text: str) -> bool:
    head = text[:1024].lower()
    return "<!doctype html" in head or "<html" in head


def _boundary(body: bytes, declared: str) -> str:
    """The boundary; the one the body begins with when none is declared, or it is not in the body; empty when
    there is none.
    """
    if declared and b"--" + declared.encode("latin-1", "replace") in body:
        return declared
    first = body.lstrip(b"\r\n")[:200].partition(b"\n")[0].strip()
    return first[2:].decode("latin-1") if first.startswith(b"--") else ""


def _quoted(text: str) -> str:
    """Percent-encoded; the characters of a token stay readable."""
    return quote(text, safe="<>:", errors="surrogateescape")
