"""Takes a ``multipart/form-data`` body apart and joins it again. It must not know which parts are secrets."""

from __future__ import annotations

import re
from collections.abc import Callable

_NAME = re.compile(rb'[;\s]name="([^"\r\n]*)"|[;\s]name=([^;"\s]+)', re.IGNORECASE)
_FILE = re.compile(rb"[;\s]filename\*?=", re.IGNORECASE)


def map_fields(body: bytes, boundary: str, change: Callable[[str, bytes], bytes]) -> bytes:
    """``body`` with ``change(name, content)`` in place of the content of each field that is no file."""
    if not boundary:
        return body
    mark = b"--" + boundary.encode("latin-1", "replace")
    return mark.join(_part(part, change) for part in body.split(mark))


def _part(part: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    head, gap, content = part.partition(b"\r\n\r\n")
    name = _NAME.search(head)
    if not gap or not name or _FILE.search(head):
        return part
    end = b"\r\n" if content.endswith(b"\r\n") else b""
    text = content[: len(content) - len(end)]
    return head + gap + change((name[1] or name[2]).decode("utf-8", "replace"), text) + end
