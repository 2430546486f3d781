"""Takes a multipart body (RFC 2046, 5.1) apart and joins it again. It must not know what is secret in it, nor
how it is compared."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

_NAME = re.compile(rb'[;\s]name="([^"\r\n]*)"|[;\s]name=([^;"\s]+)', re.IGNORECASE)
_FILE = re.compile(rb"[;\s]filename\*?=", re.IGNORECASE)
_TYPE = re.compile(rb"^content-type:[ \t]*+([^\r\n]*+)", re.IGNORECASE | re.MULTILINE)
_CODED = re.compile(rb"^content-transfer-encoding:[ \t]*+(?!7bit|8bit|binary)", re.IGNORECASE | re.MULTILINE)


class Part(NamedTuple):
    """One part. ``name``: of its field, or empty; ``type``: its own content type, or empty; ``is_file``: it
    has the name of a file; ``coded``: its content is in an encoding of mail, such as base64.
    """

    head: bytes
    content: bytes
    name: str
    type: str
    is_file: bool
    coded: bool


Change = Callable[[Part], tuple[bytes, bytes]]
"""The part's new head and content."""


def map_parts(body: bytes, boundary: str, change: Change, beside: Callable[[bytes], bytes]) -> bytes:
    """``body`` with each part changed, and with ``beside`` in place of what stands in no part: before the
    first, after the last, or without the empty line that ends a head.
    """
    mark = b"--" + boundary.encode("latin-1", "replace")
    before, *parts = body.split(mark)
    return mark.join([_beside(before, beside), *(_part(part, change, beside) for part in parts)])


def read_parts(body: bytes, boundary: str) -> list[tuple[dict[str, str], bytes]]:
    """The fields and the content of each part, whatever the boundary is called and whatever stands beside the
    parts. What no closing boundary has ended comes as a part more, without fields.
    """
    before, *pieces = (b"\r\n" + body).split(b"\r\n--" + boundary.encode("latin-1", "replace"))
    found: list[tuple[dict[str, str], bytes]] = []
    for piece in pieces:
        if piece.startswith(b"--"):
            return found
        head, _, content = piece.partition(b"\r\n\r\n")
        found.append((_fields(head), content))
    return [*found, ({}, b"" if pieces else before)]


def _fields(head: bytes) -> dict[str, str]:
    rows = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return {
        name.strip().lower().decode("latin-1"): value.strip().decode("latin-1") for name, _, value in rows
    }


def _part(part: bytes, change: Change, beside: Callable[[bytes], bytes]) -> bytes:
    if part.startswith(b"--"):
        return b"--" + _beside(part[2:], beside)
    head, gap, content = part.partition(b"\r\n\r\n")
    if not gap:
        return _beside(part, beside)
    end = b"\r\n" if content.endswith(b"\r\n") else b""
    name, kind = _NAME.search(head), _TYPE.search(head)
    new_head, new_content = change(
        Part(
            head,
            content[: len(content) - len(end)],
            (name[1] or name[2] or b"").decode("utf-8", "replace") if name else "",
            kind[1].decode("latin-1") if kind else "",
            _FILE.search(head) is not None,
            _CODED.search(head) is not None,
        )
    )
    return new_head + gap + new_content + end


def _beside(text: bytes, beside: Callable[[bytes], bytes]) -> bytes:
    bare = text.strip(b"\r\n \t")
    return text.replace(bare, beside(bare), 1) if bare else text
