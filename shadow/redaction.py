"""Replaces secrets by keyed tokens, alike on both sides, so that equal stays equal. It must not know rules or
verdicts.

A token is ``<email:3f9a…>``: which kind of secret, and 12 hexadecimal digits of an HMAC-SHA256 under the
operator's key. What is a secret: the fields of the table in ``secret_names``, the named fields of JSON, forms
and queries, the values of cookies, and, in any text, addresses, bearer tokens, JSON web tokens and
``name=value`` with such a name.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl, quote

import msgspec

from shadow.coding import plain_observation, plain_request
from shadow.comparison import Comparison
from shadow.cookies import cookie_pairs
from shadow.media import Family, media_type
from shadow.model import Headers, Observation, RequestSnapshot, field_value
from shadow.multipart import map_fields
from shadow.parse import Parsed, canonical, parse_json
from shadow.paths import Tokens
from shadow.secret_names import SECRET_HEADERS, SecretNames

_DIGITS = 12
_TOKEN = re.compile(r"<[a-z0-9_.-]+:[0-9a-f]{12}>")
_TEXT_SECRETS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("jwt", re.compile(r"\beyJ[\w-]{5,}\.[\w-]{2,}\.[\w-]*")),
    ("authorization", re.compile(r"(?<=[Bb]earer )[\w.~+/=-]{6,}")),
    ("email", re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")),
    ("card", re.compile(r"(?<![\w.])\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{1,7}(?![\w.])")),
)


class Redactor:
    """Redacts under one key. Doing it twice changes nothing."""

    def __init__(self, key: bytes, extra_names: Iterable[str] = ()) -> None:
        self._key = key
        self._names = SecretNames(extra_names)
        # only from the start of a word, never inside a token: linear, and doing it twice changes nothing
        name = rf"(?<![\w<-])([\w-]{{0,64}}?(?:{'|'.join(map(re.escape, self._names.words))})[\w-]{{0,64}})"
        self._assigned = re.compile(rf"""(?i){name}(["']?\s{{0,3}}[=:]\s{{0,3}}["']?)([^\s"'&;,<>]+)""")

    def token(self, label: str, secret: str) -> str:
        """The token that stands for ``secret``."""
        if _TOKEN.fullmatch(secret):
            return secret
        digest = hmac.new(self._key, f"{label}\0{secret}".encode("utf-8", "surrogatepass"), hashlib.sha256)
        return f"<{label}:{digest.hexdigest()[:_DIGITS]}>"

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
        text = value.decode("latin-1")
        label = SECRET_HEADERS.get(name) or self._names.label(name)
        return (self.token(label, text) if label else self.text(text)).encode("latin-1")

    def _set_cookie(self, value: bytes) -> bytes:
        pair, semicolon, attributes = value.decode("latin-1").partition(";")
        name, equals, secret = pair.partition("=")
        hidden = self.token("cookie", secret.strip()) if secret.strip() else ""
        return f"{name}{equals}{hidden}{semicolon}{attributes}".encode("latin-1")

    def body(self, body: bytes, content_type: str) -> bytes:
        """A body without secrets. JSON is written anew only when something in it was secret; binary bodies
        stay as they are.
        """
        media = media_type(content_type)
        if media.family is Family.JSON and isinstance(parsed := parse_json(body), Parsed):
            clean = canonical(self.value(parsed.value))
            return body if clean == parsed.canonical else clean
        if media.family is Family.FORM:
            return self._pairs(body.decode("latin-1")).encode("latin-1")
        if media.family is Family.MULTIPART:
            return map_fields(body, media.boundary, self._field)
        if media.family is Family.BINARY and media.essence:
            return body
        try:
            return self.text(body.decode("utf-8")).encode("utf-8")
        except UnicodeDecodeError:
            return self.text(body.decode("latin-1")).encode("latin-1")

    def _field(self, name: str, content: bytes) -> bytes:
        clean = self.value(content.decode("utf-8", "surrogateescape"), name)
        return str(clean).encode("utf-8", "surrogateescape")

    def target(self, target: str) -> str:
        """A request target whose query holds no secret."""
        path, question, query = target.partition("?")
        return self.text(path) + question + (self._pairs(query) if question else "")

    def _pairs(self, text: str) -> str:
        pairs = parse_qsl(text, keep_blank_values=True, errors="surrogateescape")
        clean = [(name, self.value(value, name)) for name, value in pairs]
        return (
            text if clean == pairs else "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in clean)
        )

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

    def value(self, value: Any, name: str = "") -> Any:
        """A JSON value without secrets; ``name`` is the key it was found under."""
        label = self._names.label(name) if name else ""
        if isinstance(value, dict):
            return {key: self.value(inner, key if not label else name) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.value(inner, name) for inner in value]
        if isinstance(value, str):
            return (self.token(label, value) if value else value) if label else self.text(value)
        if label and isinstance(value, (int, float)) and not isinstance(value, bool):
            return self.token(label, f"number {value!r}")
        return value

    def pair(self, path: Tokens, control: Any, candidate: Any) -> tuple[Any, Any]:
        """Both values of a difference at ``path`` without secrets."""
        name = next((token for token in reversed(path) if self._names.label(token)), "")
        return self.value(control, name), self.value(candidate, name)

    def comparison(self, comparison: Comparison) -> Comparison:
        """The same comparison under this redactor's key; what another one has hidden stays as it is."""
        differences = tuple(
            msgspec.structs.replace(
                each, control=self.value(each.control), candidate=self.value(each.candidate)
            )
            for each in comparison.differences
        )
        return msgspec.structs.replace(comparison, differences=differences)

    def text(self, text: str) -> str:
        """Free text without secrets."""
        for label, pattern in _TEXT_SECRETS:
            text = pattern.sub(self._replacing(label), text)
        return self._assigned.sub(self._assignment, text)

    def _replacing(self, label: str) -> Callable[[re.Match[str]], str]:
        return lambda found: self.token(label, found.group())

    def _assignment(self, found: re.Match[str]) -> str:
        label = self._names.label(found[1])
        return f"{found[1]}{found[2]}{self.token(label, found[3])}" if label else found.group()


def _quoted(text: str) -> str:
    """Percent-encoded; the characters of a token stay readable."""
    return quote(text, safe="<>:", errors="surrogateescape")
