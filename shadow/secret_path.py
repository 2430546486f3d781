"""Which segments of a path say whom or what it is about. It must not know patterns or requests.

A segment is a word, or it is an identifier: long digits, hexadecimal or base64 digits, capitals and small
letters mixed. A number of a few digits is an identifier too, but no secret (``names_something`` against
``opens_something``).
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from shadow.secret_names import SAID

_LONGEST = 40
_WORDS = re.compile(r"[A-Za-z0-9._~-]{1,40}")
_PARTS = re.compile(r"[A-Za-z0-9]+")
_CAMEL = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[A-Z]")
_REFERENCE = re.compile(r"\{[A-Za-z_]\w*\}")

# A part is a word when it is one of these: what has digits elsewhere, or too many, is none.
_WORD_AND_NUMBER = re.compile(r"[A-Za-z]{1,10}[0-9]{0,3}|[0-9]{1,5}|[0-9]{1,3}[A-Za-z]{1,8}")
_LETTERS = re.compile(r"[A-Za-z]+")
_HEX = re.compile(r"(?=[a-fA-F]*[0-9])[0-9a-fA-F]{8,}|[a-f]{12,}|[A-F]{12,}")
_DIGITS_OF_A_NUMBER = 6
_LONGEST_WORD = 24
_LONGEST_CAPITALS = 16
_SHORTEST_MIXED = 8
_LETTERS_IN_A_WORD = 2.5

BEFORE_A_SECRET = frozenset(
    {
        "reset",
        "verify",
        "confirm",
        "activate",
        "invite",
        "invitation",
        "unsubscribe",
        "magic",
        "share",
        "token",
        "tokens",
        "password",
        "session",
        "sessions",
        "otp",
        "code",
        "key",
        "secret",
    }
)
"""After one of these a segment with a digit or with capitals inside is taken for a secret however short."""


def opens_something(segment: str, before: str = "") -> bool:
    """Whether this segment of a path may be a secret, or names somebody. ``before``: the segment before."""
    text = SAID.sub("", unquote(segment) if "%" in segment else segment)
    if not text or _REFERENCE.fullmatch(text):
        return False
    if before.lower() in BEFORE_A_SECRET and _is_no_plain_word(text):
        return True
    digits = sum(map(str.isdecimal, text))
    if digits >= _DIGITS_OF_A_NUMBER:
        return True
    return any(_is_opaque(part) for part in _PARTS.findall(text))


def names_something(segment: str, before: str = "") -> bool:
    """Whether this segment is no word of the application's own."""
    if not segment:
        return False
    return (
        segment.isdecimal()
        or len(segment) > _LONGEST
        or _WORDS.fullmatch(segment) is None
        or opens_something(segment, before)
    )


def _is_no_plain_word(text: str) -> bool:
    versioned = text[:1] == "v" and text[1:].isdecimal()
    return not versioned and any(each.isdecimal() or each.isupper() for each in text[1:])


def _is_opaque(part: str) -> bool:
    if _HEX.fullmatch(part):
        return True
    if _LETTERS.fullmatch(part):
        return _is_opaque_letters(part)
    return len(part) >= _DIGITS_OF_A_NUMBER and _WORD_AND_NUMBER.fullmatch(part) is None


def _is_opaque_letters(part: str) -> bool:
    if part.isupper():
        return len(part) >= _LONGEST_CAPITALS
    words = _CAMEL.findall(part)
    if max(map(len, words)) >= _LONGEST_WORD:
        return True
    return len(part) >= _SHORTEST_MIXED and len(part) / len(words) < _LETTERS_IN_A_WORD
