"""What kind of body a content type announces. It must not know how any of them is compared."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from shadow.model import Headers, field_value
from shadow.remembered import Remembered


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
        "application/javascript": Family.TEXT,
        "application/xml": Family.TEXT,
    }
)


def _family(essence: str) -> Family:
    if essence.endswith("+json"):
        return Family.JSON
    if essence.startswith("multipart/"):
        return Family.MULTIPART
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


_PICTURES = ("image/", "audio/", "video/", "font/")
_UNSAID = ("", "application/octet-stream")
_MAGIC = re.compile(
    rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|GIF8[79]a|BM.{4}\0{4}|\0\0[\x01\x02]\0|II\*\0|MM\0\*"  # pictures
    rb"|RIFF.{4}(?:WEBP|WAVE|AVI )|\0\0\0.ftyp|\x1a\x45\xdf\xa3|ID3[\x02-\x04]|\xff[\xe2-\xfb]|OggS\0|fLaC\0"
    rb"|wOF[F2](?:\0\x01\0\0|OTTO|true)|OTTO\0|\0\x01\0\0\0|ttcf\0",  # fonts
    re.DOTALL,
)
"""How the files that browsers show or play begin (https://mimesniff.spec.whatwg.org, section 6)."""


def is_picture(body: bytes, media: Media) -> bool:
    """Whether it is a picture, a sound, a film or a font, not only said to be one: what is said is the
    application's word, and SVG is text.
    """
    may_be = media.essence.startswith(_PICTURES) or media.essence in _UNSAID
    return may_be and _MAGIC.match(body) is not None


_MOST_FIELDS = 32
_known: Remembered[Headers, Media] = Remembered(512)


def media_of(headers: Headers) -> Media:
    """The content type of a message with these headers."""
    found = _known.find(headers)
    if found is None:
        found = media_type(field_value(headers, b"content-type"))
        if len(headers) <= _MOST_FIELDS:
            _known.keep(headers, found)
    return found
