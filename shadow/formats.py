"""Recognises the format of a value, for the rule "same type and format". It must not know paths or rules.

A value may fit several rows of ``FORMATS`` (an id of hexadecimal digits can happen to hold decimal digits
only), so two values have the same format when they share one. A string that fits no row has its skeleton:
runs of letters and digits become ``w`` and punctuation stays, so ``job_81f`` and ``job_9`` agree; text with
spaces has no format at all.
"""

from __future__ import annotations

import re

FORMATS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("uuid", re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\Z")),
    (
        "timestamp",
        re.compile(r"\d{4}-\d\d-\d\d(?P<gap>[T ])\d\d:\d\d:\d\d(?:[.,]\d+)?(?P<zone>Z|[+-]\d\d:?\d\d)?\Z"),
    ),
    ("date", re.compile(r"\d{4}-\d\d-\d\d\Z")),
    ("http-date", re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\Z")),
    ("number", re.compile(r"-?\d+(?:\.\d+)?\Z")),
    ("hex", re.compile(r"(?:[0-9a-f]{16,}|[0-9A-F]{16,})\Z")),
    ("jwt", re.compile(r"[\w-]{10,}\.[\w-]{2,}\.[\w-]+\Z")),
)

_WORD = re.compile(r"[^\W_]+")
_LONGEST = 512
_ID_LENGTH = 8


def formats_of(value: object) -> frozenset[str]:
    """The names of the formats ``value`` fits; empty for a value that has none (text with spaces, an empty
    string, a container).
    """
    if value is None or isinstance(value, bool):
        return frozenset()
    if isinstance(value, (int, float)):
        return frozenset((type(value).__name__,))
    return frozenset(_text_formats(value)) if isinstance(value, str) else frozenset()


def _text_formats(text: str) -> list[str]:
    if not text or len(text) > _LONGEST:
        return []
    fits = [(name, found) for name, pattern in FORMATS if (found := pattern.match(text))]
    names = [":".join((name, *_details(name, found))) for name, found in fits]
    only_digits = [name for name, _ in fits] == ["number"] and len(text) >= _ID_LENGTH
    if (not names or only_digits) and not any(character.isspace() for character in text):
        names.append("skeleton:" + _WORD.sub("w", text))
    return names


def _details(name: str, found: re.Match[str]) -> tuple[str, ...]:
    """What must agree beyond the name: a timestamp's separator and whether it has a zone, the length of a
    hexadecimal id.
    """
    if name == "timestamp":
        zone = found["zone"] or "none"
        return (found["gap"], zone if zone in ("none", "Z") else "offset")
    return (str(len(found.group())),) if name == "hex" else ()


def same_format(control: object, candidate: object) -> bool:
    """Whether both values have the same type and share a known format."""
    return type(control) is type(candidate) and not formats_of(control).isdisjoint(formats_of(candidate))
