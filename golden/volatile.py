"""Values that differ at every call, stored as what they are; it must not know where they were found.

A timestamp is written `⟨iso-timestamp⟩`, a token of 32 hexadecimal digits `⟨hex-32⟩`: type and format stay
asserted, the value does not. Normalising is deterministic, so two recordings of one side are equal byte for
byte. A person may also write a placeholder by hand: every row of the table below is understood.

The brackets are U+27E8 and U+27E9: neither markup nor JSON nor a form gives them a meaning. Where an answer
holds the first of them itself, `literal` spells it out, so nothing that a side says passes for a placeholder.
"""

import re
from typing import Any

from golden.template import walk

_ZONES = {"": "", "Z": "-utc", "z": "-utc", "+00:00": "-utc", "+0000": "-utc"}

_ISO = re.compile(
    r"(?<![\w.])\d{4}-\d\d-\d\d([T ])\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(Z|z|[+-]\d\d:?\d\d)?(?![\w:])"
)
_HTTP_DATE = re.compile(
    r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d[ -][A-Z][a-z]{2}[ -]\d{4} \d\d:\d\d:\d\d GMT\b"
)
_UUID = re.compile(r"(?<![\w-])[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?![\w-])")
_JWT = re.compile(r"(?<![\w-])eyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*(?![\w-])")
_HEX = re.compile(r"(?<![\w-])(?:[0-9a-f]{16,}|[0-9A-F]{16,})(?![\w-])")
_OPAQUE = re.compile(r"(?<![\w./-])[A-Za-z0-9_-]{32,}(?![\w./-])")
_KEYED = re.compile(r"[A-Za-z0-9_-]{16,}={0,2}")
_SIGNED = re.compile(r"[\w-]{4,}(?:\.[\w-]{4,}){1,3}")

# Under these names a value without any recognisable form is a token all the same.
_TOKEN_KEYS = re.compile(
    r"(?:^|_|-)(?:token|csrf|nonce|sid|(?:session|trace|request|correlation)_?id)$", re.I
)
_TIME_KEYS = re.compile(r"(?:^|_|-)(?:time|timestamp|date|ts|at|on|exp|iat|nbf|expires|expiry)$", re.I)

_DIGIT = re.compile(r"[0-9]")
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[A-Z]")
_LETTERS_IN_A_WORD = 3.2  # on average; 96 of 100 random tokens have fewer, names of words have more
_SHORTEST_OF_LETTERS = 16
_PLACEHOLDER = re.compile(r"⟨([a-z]+(?:-[a-z]+)*)(?:-(\d+))?⟩")
_OPENS = "⟨"
_SPELLED_OUT = "⟨u27e8⟩"

# Placeholder → what a value must be to stand for it. `None` in the second column: any string.
FORMATS: dict[str, tuple[tuple[type, ...], re.Pattern[str] | None]] = {
    "iso-timestamp": ((str,), None),  # the six of time are told apart by `normalise_text` itself
    "iso-timestamp-utc": ((str,), None),
    "iso-timestamp-offset": ((str,), None),
    "timestamp": ((str,), None),
    "timestamp-utc": ((str,), None),
    "timestamp-offset": ((str,), None),
    "http-date": ((str,), _HTTP_DATE),
    "uuid": ((str,), _UUID),
    "jwt": ((str,), _JWT),
    "hex": ((str,), re.compile(r"[0-9a-f]+|[0-9A-F]+")),
    "token": ((str,), re.compile(r"[\w.=-]+")),
    "cookie": ((str,), None),
    "digits": ((str,), re.compile(r"\d+")),
    "string": ((str,), None),
    "integer": ((int,), None),
    "number": ((int, float), None),
    "boolean": ((bool,), None),
    "unix-seconds": ((int,), None),
    "unix-seconds-fraction": ((float,), None),
    "unix-milliseconds": ((int,), None),
    "any": ((object,), None),
}
_TIMES = frozenset(name for name in FORMATS if "timestamp" in name)


def literal(value: Any) -> Any:
    """A JSON-like value as a side has sent it, in which nothing reads as a placeholder."""
    return walk(value, lambda text: text.replace(_OPENS, _SPELLED_OUT))


def normalise(value: Any, key: str = "") -> Any:
    """A JSON-like value in which everything volatile is a placeholder; `key` is the name it stands under."""
    if isinstance(value, dict):
        return _object(value)
    if isinstance(value, list):
        return [normalise(item, key) for item in value]
    if isinstance(value, str):
        return normalise_text(value, key)
    if isinstance(value, int | float) and not isinstance(value, bool) and _TIME_KEYS.search(key):
        return _unix(value)
    return value


def normalise_text(text: str, key: str = "") -> str:
    """The same for one string, inside which any number of volatile pieces may stand."""
    if is_placeholder(text):
        return text
    if not _DIGIT.search(text) and "eyJ" not in text:
        return _of_letters(text, key)  # most texts
    found = _ISO.sub(_iso, text)
    found = _HTTP_DATE.sub("⟨http-date⟩", found)
    found = _UUID.sub("⟨uuid⟩", found)
    found = _JWT.sub("⟨jwt⟩", found)
    found = _HEX.sub(_hex, found)
    found = _OPAQUE.sub(_opaque, found)
    if found == text and _TOKEN_KEYS.search(key):
        # A single name such as "not-yet-known" has no digit; a token nearly always has.
        if _KEYED.fullmatch(text) and re.search(r"\d", text):
            return f"⟨token-{len(text)}⟩"
        if _SIGNED.fullmatch(text) and re.search(r"\d", text) and len(text) >= 20:
            return "⟨token⟩"
    return found


def is_placeholder(value: Any) -> bool:
    """Whether the whole value is one placeholder of the table."""
    match = _PLACEHOLDER.fullmatch(value) if isinstance(value, str) else None
    return match is not None and match[1] in FORMATS


def without_placeholders(text: str) -> str:
    """The text with every placeholder of the table taken out."""
    return _PLACEHOLDER.sub(lambda match: "" if match[1] in FORMATS else match[0], text)


def matches(placeholder: str, value: Any) -> bool:
    """Whether `value` is of the type and format that `placeholder` stands for."""
    match = _PLACEHOLDER.fullmatch(placeholder)
    if match is None or match[1] not in FORMATS:
        return False
    types, pattern = FORMATS[match[1]]
    if match[1] == "any":
        return True
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        return False
    if not isinstance(value, str):
        return not match[1].startswith("unix") or normalise(value, "time") == placeholder
    if value == placeholder:
        return True
    if match[1] in _TIMES:
        return normalise_text(value) == placeholder
    if match[2] and len(value) != int(match[2]):
        return False
    return pattern is None or pattern.fullmatch(value) is not None


def form(text: str) -> str:
    """The placeholder for a value that is known to differ at every call (one that was extracted)."""
    found = normalise_text(text, "token")
    if is_placeholder(found):
        return found
    return "⟨digits⟩" if text.isdecimal() else "⟨string⟩"


def _object(value: dict[str, Any]) -> dict[str, Any]:
    """Keys can be volatile too; several of one form are numbered in the order in which they came."""
    found: dict[str, Any] = {}
    for key, item in value.items():
        name = plain = normalise_text(key)
        number = 1
        while name in found:
            number += 1
            name = f"{plain}#{number}"
        found[name] = normalise(item, key)
    return found


def _iso(match: re.Match[str]) -> str:
    name = "iso-timestamp" if match[1] == "T" else "timestamp"
    return f"⟨{name}{_ZONES.get(match[2] or '', '-offset')}⟩"


def _hex(match: re.Match[str]) -> str:
    text = match[0]
    # A long run of digits alone may be an amount or a telephone number; 32 and more of them are a token.
    known = re.search(r"\d", text) and (len(text) >= 32 or not text.isdecimal())
    return f"⟨hex-{len(text)}⟩" if known else text


def _opaque(match: re.Match[str]) -> str:
    text = match[0]
    mixed = re.search(r"[a-z]", text) and re.search(r"[A-Z]", text)
    return f"⟨token-{len(text)}⟩" if mixed and (_DIGIT.search(text) or _is_random(text)) else text


def _of_letters(text: str, key: str) -> str:
    """A text without a digit: one token in two hundred has none, and is to be named like the others."""
    if len(text) < _SHORTEST_OF_LETTERS:
        return text
    if _TOKEN_KEYS.search(key) and _KEYED.fullmatch(text) and _is_random(text):
        return f"⟨token-{len(text)}⟩"
    return _OPAQUE.sub(_opaque, text)


def _is_random(text: str) -> bool:
    """Whether capitals come as often as in no name that is made of words."""
    words = _WORDS.findall(text)
    return len(words) > 1 and sum(map(len, words)) / len(words) < _LETTERS_IN_A_WORD


def _unix(value: int | float) -> Any:
    if 1e9 <= value < 5e9:
        return "⟨unix-seconds⟩" if isinstance(value, int) else "⟨unix-seconds-fraction⟩"
    if 1e12 <= value < 5e12 and isinstance(value, int):
        return "⟨unix-milliseconds⟩"
    return value
