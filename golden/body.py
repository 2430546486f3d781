"""A request's or an answer's body as a person reads it in a file; it must not know what it means.

A body is kept as JSON where it is JSON (so that a review shows fields, not an escaped line), as text where it
is UTF-8, and as base64 otherwise. The form of the JSON on the wire (white space, escapes) is not kept:
the comparison looks at values.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from golden import template

KINDS = ("none", "json", "form", "text", "base64")
CONTENT_TYPES = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
    "text": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class Body:
    """`kind` is one of `KINDS`; `value` is a JSON value, a mapping of fields, a text, or base64 text."""

    kind: str = "none"
    value: Any = None

    def encode(self, values: Mapping[str, str] | None = None) -> bytes:
        """The bytes to send, references filled in when there are `values`; raises `ThreadingError`."""
        value = self.value if values is None else template.fill_all(self.value, values)
        if self.kind == "json":
            return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        if self.kind == "form":
            return urlencode(value, doseq=True).encode()
        if self.kind == "text":
            return str(value).encode()
        return base64.b64decode(str(value), validate=True) if self.kind == "base64" else b""

    @classmethod
    def of(cls, raw: bytes, content_type: str) -> "Body":
        """What an answer's bytes are best kept as."""
        if not raw:
            return cls()
        if "json" in content_type.lower():
            try:
                return cls("json", strict_json(raw))
            except (ValueError, RecursionError):
                pass  # It says JSON and is none, or is none that can be kept by value: keep what was sent.
        try:
            return cls("text", raw.decode())
        except UnicodeDecodeError:
            return cls("base64", base64.b64encode(raw).decode())

    def to_file(self) -> dict[str, Any] | None:
        """`{"json": …}`, `{"text": …}`, …; None for no body. Long texts are kept as a list of lines."""
        if self.kind == "none":
            return None
        if self.kind == "text" and "\n" in self.value:
            return {"lines": self.value.split("\n")}
        return {self.kind: self.value}

    @classmethod
    def from_file(cls, data: Any) -> "Body":
        """The inverse of `to_file`; raises `ValueError` for anything else."""
        if data is None:
            return cls()
        if not isinstance(data, dict) or len(data) != 1:
            raise ValueError("a body is null or an object with one key")
        kind, value = next(iter(data.items()))
        if kind == "lines" and isinstance(value, list) and all(isinstance(line, str) for line in value):
            return cls("text", "\n".join(value))
        wanted: type = {"form": dict, "text": str, "base64": str}.get(kind, object)
        if kind not in KINDS[1:] or not isinstance(value, wanted):
            raise ValueError(f"a body cannot be {kind!r} with a value of type {type(value).__name__}")
        if kind == "base64":
            try:
                base64.b64decode(str(value), validate=True)
            except binascii.Error as error:
                raise ValueError(f"its base64 is damaged ({error})") from None
        return cls(kind, value)


NO_BODY = Body()


def strict_json(raw: bytes | str) -> Any:
    """Parse JSON that can be kept by value: no duplicate keys, no NaN, no half characters; raises
    `ValueError`.
    """
    value = json.loads(raw, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    if (b"\\u" in raw) if isinstance(raw, bytes) else ("\\u" in raw):
        json.dumps(value, ensure_ascii=False).encode()  # half a character, of which no text can be made
    return value


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has a key twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
