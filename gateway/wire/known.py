"""Heads that have been read before: the same bytes mean the same again. Knows no socket.

A client that keeps its connection sends the same fields with each request, an application the same fields
with each answer of a second. The parser and the checks see them once; what they made of them is kept, by
their bytes, up to a bound. The line above a request's fields differs more often; a plain one needs no parser.

Kept is only what was found good, complete and plain: HTTP/1.1 that stays open, framed by a length or without
a body, with no expectation and no other protocol. Of such fields nothing depends on the line above them.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from gateway.core.headers import RequestFacts, ResponseFacts
from gateway.core.memory import Memory
from gateway.core.message import RequestHead, ResponseHead, request_line
from gateway.core.target import parse_target

_END = b"\r\n\r\n"
_LINE = re.compile(rb"(GET|HEAD|POST|PUT|PATCH|DELETE) (/[!-\"$-~]*) HTTP/1\.1\Z")
"""A line that needs no parser: a usual method, and a path of visible ASCII without a fragment."""
_LONGEST_LINE = 512
_LONGEST_FIELDS = 2 * 1024
_MOST = 1024
"""Of each kind. With what was made of them that is 2 MiB, and 16 MiB if somebody tries hard."""


KnownRequest: TypeAlias = tuple[RequestHead, RequestFacts, int]
"""What was found, and where its body begins in the bytes that were looked at."""
KnownAnswer: TypeAlias = tuple[ResponseHead, ResponseFacts, int]
"""The same of an answer."""


class KnownRequests:
    """What the heads of requests meant. Shared by the connections of one listener: it holds nothing of who
    sent them."""

    __slots__ = ("_fields", "_lines", "_longest")

    def __init__(self, longest_line: int) -> None:
        self._longest = min(longest_line, _LONGEST_LINE)
        self._lines: Memory[bytes, RequestHead] = Memory(_MOST)
        self._fields: Memory[bytes, RequestFacts] = Memory(_MOST)

    def find(self, data: bytes) -> KnownRequest | None:
        """The one whole request that ``data`` is, if its fields are known and its line is plain."""
        at = data.find(b"\r\n")
        end = data.find(_END, at) + 4
        fields = data[at:end]
        facts = self._fields.recent(fields) or self._fields.get(fields)
        if facts is None or len(data) - end != (facts.length or 0):
            return None
        line = data[:at]
        head = self._lines.recent(line) or self._read(line)
        return (head, facts, end) if head is not None else None

    def _read(self, line: bytes) -> RequestHead | None:
        plain = _LINE.match(line) if len(line) <= self._longest else None
        if plain is None:
            return None
        method, target = plain.groups()
        head = request_line(method, parse_target(method, target))
        self._lines.put(line, head)
        return head

    def keep(self, data: bytes, head: RequestHead, facts: RequestFacts) -> None:
        """``data`` was one whole request, with nothing before or behind it, and was read as this."""
        at, end = data.find(b"\r\n"), data.find(_END) + 4
        if (
            end - at <= _LONGEST_FIELDS
            and _LINE.match(data[:at])
            and not (facts.chunked or facts.close or facts.upgrade or facts.expects_continue)
            and facts.max_forwards is None
            and head.target.authority is None
        ):
            self._fields.put(data[at:end], facts)


class KnownAnswers:
    """What the heads of an application's answers meant."""

    __slots__ = ("_heads",)

    def __init__(self) -> None:
        self._heads: Memory[bytes, tuple[ResponseHead, ResponseFacts]] = Memory(_MOST)

    def find(self, data: bytes) -> KnownAnswer | None:
        """The answer that ``data`` begins with, if its head is known."""
        end = data.find(_END) + 4
        head = data[:end]
        found = self._heads.recent(head) or self._heads.get(head)
        return (found[0], found[1], end) if found is not None else None

    def keep(self, data: bytes, head: ResponseHead, facts: ResponseFacts) -> None:
        """``data`` began with an answer, with nothing before it, and its head was read as this."""
        end = data.find(_END) + 4
        if (
            end <= _LONGEST_FIELDS
            and head.minor_version == 1
            and head.status >= 200
            and facts.length is not None
            and not (facts.close or facts.upgrade)
            and data.startswith(b"HTTP/1.1 ")
        ):
            self._heads.put(data[:end], (head, facts))
