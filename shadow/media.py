"""What kind of body a content type announces. It must not know how any of them is compared."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from shadow.model import Headers, field_value


class Family(StrEnum):
    """How a body is read."""

    JSON = "json"
    EVENTS = "events"
    HTML = "html"
    FORM = "form"
    MULTIPART = "multipart"
    TEXT = "text"
    BINARY = "binary"


class Media(NamedTuple):
    """A content type: its essence in lower case (``text/html``), its parameters, and how a body is read."""

    essence: str
    parameters: tuple[tuple[str, str], ...]
    family: Family

    @property
    def boundary(self) -> str:
        """What separates the parts of a multipart body."""
        return dict(self.parameters).get("boundary", "")

    @property
    def charset(self) -> str:
        """The declared charset; UTF-8 unless another one is."""
        return dict(self.parameters).get("charset", "utf-8")


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "application/json": Family.JSON,
        "text/json": Family.JSON,
        "text/event-stream": Family.EVENTS,
        "text/html": Family.HTML,
        "application/xhtml+xml": Family.HTML,
        "application/x-www-form-urlencoded": Family.FORM,
        "multipart/form-data": Family.MULTIPART,
        "application/javascript": Family.TEXT,
        "application/xml": Family.TEXT,
    }
)


def _family(essence: str) -> Family:
    if essence.endswith("+json"):
        return Family.JSON
    is_text = essence.startswith("text/") or essence.endswith("+xml")
    return FAMILIES.get(essence, Family.TEXT if is_text else Family.BINARY)


def _value(name: str, value: str) -> str:
    """Only a boundary is told apart by its capitals."""
    bare = value.strip().strip('"')
    return bare if name.strip().lower() == "boundary" else bare.lower()


@lru_cache(maxsize=256)
def media_type(text: str) -> Media:
    """Parse a ``Content-Type`` value (RFC 9110, 8.3.1); an empty one has an empty essence."""
    first, *parts = text.split(";")
    pairs = (part.partition("=") for part in parts if part.strip())
    parameters = ((name.strip().lower(), _value(name, value)) for name, _, value in pairs)
    essence = first.strip().lower()
    return Media(essence, tuple(sorted(parameters)), _family(essence))


def media_of(headers: Headers) -> Media:
    """The content type of a message with these headers."""
    return media_type(field_value(headers, b"content-type"))
