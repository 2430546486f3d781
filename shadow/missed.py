"""Which values a session was given by answers that only the primary gave. It must not know sessions.

The other side did not answer, so nobody learned what it calls them: a token, or the number of an order.
While none of them is shown again nothing is lost by that. Kept are checksums of words that may be one.

A word that is shown counts where the other side's would have been put in its place: long ones anywhere
(`shadow.correlation`), short ones where an identifier stands (`shadow.short_ids`). A lone 1 is no value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import ascii_letters, digits
from urllib.parse import unquote_to_bytes
from zlib import crc32

from shadow.coding import plain_observation, plain_request
from shadow.correlation import MIN_LENGTH
from shadow.media import Family, media_of
from shadow.model import Headers, Observation, RequestSnapshot

MOST = 2000
"""Words of one session, beyond which it is not told apart any more what it was given."""
MOST_BYTES = 256 * 1024
_LONG = 16
_WORD = re.compile(rb"[A-Za-z0-9_]+")
_JOINED = re.compile(rb"(?<![A-Za-z0-9_])[A-Za-z0-9_]++(?:[.~+:-]{1,3}+[A-Za-z0-9_]++)++")
"""Begun nowhere but where a word begins, and never tried again shorter: a body may be one long word."""
_IDENTIFIES = re.compile(
    rb"""(?:/|(?:(?<![A-Za-z])(?:id|ID)|(?<=[a-z0-9])I[dD])s?["']?\s{0,9}[=:]\s{0,9})"""
    rb"""(\[[^\]]{0,400}|["']?[A-Za-z0-9_.~+:-]+)"""
)
"""A segment of a path, and what is called an id: ``/orders/17``, ``order_id=17``, ``{"ids": [17, 18]}``."""
_DIGIT = re.compile(rb"[0-9]")
_IN_WORDS = f"{ascii_letters}{digits}_".encode()
_APART = bytes(code if code in _IN_WORDS else ord(" ") for code in range(256))
_JOINED_APART = bytes(code if code in _IN_WORDS + b".~+:-" else ord(" ") for code in range(256))
"""Tables that leave the characters of words, and of joined ones, and make all others a space: to translate
and to split is a quarter of the work of expressions, and there may be an answer of each request to read."""
_PASSING = frozenset(
    {
        b"accept",
        b"accept-encoding",
        b"accept-language",
        b"cache-control",
        b"connection",
        b"content-length",
        b"content-type",
        b"date",
        b"dnt",
        b"etag",
        b"host",
        b"if-modified-since",
        b"last-modified",
        b"origin",
        b"priority",
        b"referer",
        b"save-data",
        b"server",
        b"te",
        b"upgrade-insecure-requests",
        b"user-agent",
        b"vary",
        b"via",
    }
)
"""Fields that carry no value from an answer to a later request, or none that changes what is answered; and
all that begin with ``Sec-``, which a browser says of itself.
"""

Words = frozenset[int]


class Missed:
    """By target, so that the same request, once both have answered it, makes up for it."""

    __slots__ = ("_by_target",)

    def __init__(self) -> None:
        self._by_target: dict[str, Words] = {}

    def note(self, request: RequestSnapshot, primary: Observation) -> bool:
        """An answer that the other side did not give; what the client showed itself it was not given there.
        False: it holds more than can be kept.
        """
        primary = plain_observation(primary)
        has_text = media_of(primary.headers).family not in (Family.BINARY, Family.MULTIPART)
        body = primary.body if has_text else b""
        if len(body) > MOST_BYTES:
            return False
        known = self._by_target.get(request.target, frozenset())
        found = _words(primary.headers, body) - _words(*_sent(request)) - known
        if len(self) + len(found) > MOST:
            return False
        if found:
            self._by_target[request.target] = known | found
        return True

    def made_up_for(self, target: str) -> None:
        """Both sides have answered this."""
        self._by_target.pop(target, None)

    def is_shown_by(self, request: RequestSnapshot) -> bool:
        """Whether ``request`` may carry one of these values."""
        shown = set(_telling(*_sent(request)))
        return any(not words.isdisjoint(shown) for words in self._by_target.values())

    def state(self) -> list[tuple[str, list[int]]]:
        """All of it, for another process."""
        return [(target, sorted(words)) for target, words in self._by_target.items()]

    def resume(self, state: list[tuple[str, list[int]]]) -> None:
        """Go on where another process stood."""
        self._by_target = {target: frozenset(words) for target, words in state}

    def __bool__(self) -> bool:
        return bool(self._by_target)

    def __len__(self) -> int:
        """Words that are kept."""
        return sum(map(len, self._by_target.values()))


def _sent(request: RequestSnapshot) -> tuple[Headers, bytes]:
    """The fields of a request, and its target and body as one text."""
    request = plain_request(request)
    sent = b" ".join((request.target.encode("latin-1", "replace"), request.body))
    return request.headers, unquote_to_bytes(sent)


def _words(headers: Headers, body: bytes) -> set[int]:
    """The words that may be a value: those with a digit, and long ones; and what is joined of several."""
    text = b"\n".join(_texts(headers, body))
    found = set(text.translate(_APART).split())
    found.update(_JOINED.findall(b" ".join(set(text.translate(_JOINED_APART).split()) - found)))
    return {
        crc32(word)
        for word in found
        if len(word) >= _LONG or (not word.isalpha() and _DIGIT.search(word))  # the first one is quick
    }


def _telling(headers: Headers, body: bytes) -> Iterator[int]:
    """Those of them in whose place the other side's would have been put."""
    for text in _texts(headers, body):
        for word in (*_WORD.findall(text), *_JOINED.findall(text)):
            if len(word) >= _LONG or (len(word) >= MIN_LENGTH and _DIGIT.search(word)):
                yield crc32(word)
    for found in _IDENTIFIES.findall(body):
        for word in _WORD.findall(found):
            if _DIGIT.search(word):
                yield crc32(word)


def _texts(headers: Headers, body: bytes) -> Iterator[bytes]:
    yield body
    for name, value in headers:
        field = name.lower()
        if field not in _PASSING and not field.startswith(b"sec-"):
            yield value
