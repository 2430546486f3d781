"""What one client sends, read as requests: line, fields, body. Knows no socket and no order.

Each part is read by itself and says where it ends, so that nothing of one is ever taken for another's.
"""

from __future__ import annotations

from typing import Protocol

from gateway.core.headers import FORBIDDEN_TRAILERS, BadFields, RequestFacts, read_request_fields
from gateway.core.message import ALLOWED, RequestHead, request_line
from gateway.core.target import BadTarget, is_served, parse_target
from gateway.wire.asking import Asked, BadLine, behind_empty_lines, read_line
from gateway.wire.chunks import BadChunk, Chunks
from gateway.wire.framing import goes_on
from gateway.wire.head_fields import HeadFields
from gateway.wire.known import KnownRequest, KnownRequests
from gateway.wire.limits import FRAMING_SHARE, ListenLimits
from gateway.wire.refusal import Refusal, our_mistake

_HEAD = b"HEAD "
_ALLOW = b"Allow: %b\r\n" % ALLOWED


class RequestHandler(Protocol):
    """Drives one request. ``begin`` is called once, when it is its turn; body and end may come before or
    after. ``whole`` gives both at once, before it begins. ``head_only``: its answer has no body."""

    @property
    def head_only(self) -> bool: ...

    def begin(self) -> None: ...
    def whole(self, body: bytes) -> None: ...
    def body(self, data: bytes) -> None: ...
    def complete(self) -> None: ...
    def client_gone(self) -> None: ...
    def client_congested(self) -> None: ...
    def client_drained(self) -> None: ...
    def refused(self, status: int) -> bool: ...
    def expired(self) -> None: ...
    def part(self) -> bool: ...


class Reads(Protocol):
    """Who is told of requests: ``opened`` makes the handler of one, ``take`` puts it into the line."""

    limits: ListenLimits
    local: bytes

    def opened(self, head: RequestHead, facts: RequestFacts) -> RequestHandler: ...
    def take(self, handler: RequestHandler) -> None: ...


class RequestReader:
    """``feed`` it bytes. ``handler`` is the request whose body is being read, None between requests."""

    __slots__ = (
        "_asked",
        "_chunks",
        "_closes",
        "_closing",
        "_fields",
        "_held",
        "_known",
        "_last",
        "_left",
        "_overhead",
        "_reads",
        "body_bytes",
        "handler",
        "stopped",
    )

    def __init__(self, reads: Reads, known: KnownRequests) -> None:
        self._reads = reads
        self._known = known
        self._held = b""
        self._asked: Asked | None = None
        self._fields = HeadFields(reads.limits)
        self._left = 0
        self._chunks: Chunks | None = None
        self._overhead = 0
        self._last: tuple[RequestHead, RequestFacts] | None = None
        self._closes = False
        self._closing = False
        self.handler: RequestHandler | None = None
        self.body_bytes = 0
        self.stopped = False

    @property
    def in_head(self) -> bool:
        """Whether a request has begun whose head is not whole."""
        return self.handler is None and (self._asked is not None or self._held not in (b"", b"\r"))

    def asks_for_head(self) -> bool:
        """Whether the request that is being read is a HEAD, as far as it has been read."""
        if self.handler is not None:
            return self.handler.head_only
        line = self._asked.method + b" " if self._asked is not None else self._held
        return line.startswith(_HEAD)

    def feed(self, data: bytes) -> bytes | None:
        """Read on. Returns what follows a request to switch protocols; nothing more may be fed until it is
        declined.

        Raises:
            Refusal: the client breaks a rule; this reader is of no use any more.
        """
        if self.stopped or self._closing:
            return None
        try:
            if self.handler is None and self._asked is None and not self._held:
                known = self._known.find(data)
                if known is not None:
                    self._take_known(data, known)
                    return None
            return self._read(data)
        except Refusal:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the client is told
            raise our_mistake(error) from None

    def _take_known(self, data: bytes, known: KnownRequest) -> None:
        head, facts, at = known
        self._overhead = 0
        try:
            handler = self._reads.opened(head, facts)
            self.body_bytes = len(data) - at
            handler.whole(data[at:])
            self._reads.take(handler)
        except Exception:
            self._held = data[: len(_HEAD)]  # by which `asks_for_head` knows how to answer
            raise

    def _read(self, data: bytes) -> bytes | None:
        """Part by part."""
        between = self.handler is None and self._asked is None
        if self._held:
            data, more = self._held + data, data
            if len(data) - 2 <= self._reads.limits.request_line and goes_on(self._held, more):
                self._held = data
                return None
            self._held = b""
        self._last = None
        at = 0
        while at < len(data) and not (self.stopped or self._closing):
            if self.handler is not None:
                at = self._read_body(self.handler, data, at)
            elif self._asked is None:
                at = self._read_line(data, at)
            else:
                begun, at = at, self._fields.read(data, at)
                self._count_overhead(at - begun)
                if self._fields.whole and self._begin(self._asked, self._fields):
                    return data[at:]
        if between:
            self._remember(data)
        return None

    def _remember(self, data: bytes) -> None:
        """Where one request and nothing else was in ``data``, which began between two, its like need not be
        read."""
        if self._last is not None and self.handler is None and self._asked is None and not self._held:
            end = data.find(b"\r\n\r\n") + 4
            if len(data) - end == (self._last[1].length or 0):
                self._known.keep(data, *self._last)

    def _count_overhead(self, size: int) -> None:
        """A head, with the empty lines before it, costs memory and time whatever is in it."""
        limits = self._reads.limits
        self._overhead += size
        if self._overhead > limits.request_line + limits.fields_bytes + 4 * limits.fields:
            raise Refusal(431, "the fields are too large")

    # Line and fields.

    def _read_line(self, data: bytes, at: int) -> int:
        """Whole, or it is kept until it is."""
        limits = self._reads.limits
        begin = behind_empty_lines(data, at)
        self._held = data[begin : begin + len(_HEAD)]
        try:
            asked = read_line(data, begin)
        except BadLine as bad:
            raise Refusal(bad.status, str(bad)) from None
        end = len(data) if asked is None else asked.end
        if end - begin - 2 > limits.request_line:
            raise Refusal(414, "the request line is too long")
        if asked is None:
            self._held = data[begin:]
            self._count_overhead(begin - at)
            return end
        self._count_overhead(end - at)
        self._held, self._asked = b"", asked
        self._fields.begin(asked)
        return end

    def _begin(self, asked: Asked, fields: HeadFields) -> bool:
        """The head is whole. Whether it asks for another protocol, which then goes on behind it."""
        head, facts = self._read_head(asked, fields)
        if facts.length is not None and facts.length > self._reads.limits.body:
            raise Refusal(413, "the body is too large")
        if not (facts.switches and _is_websocket(head, facts)):
            facts.upgrade = b""
        bodiless = not (facts.length or facts.chunked)
        if bodiless or head.minor_version == 0:
            facts.expects_continue = False
        self.body_bytes = self._overhead = 0
        self._left = facts.length or 0
        self._chunks = Chunks(self._reads.limits.field) if facts.chunked else None
        if not (facts.chunked or facts.switches or facts.expects_continue):
            self._last = (head, facts)
        self.handler = handler = self._reads.opened(head, facts)
        self._closes = facts.close or (head.minor_version == 0 and not facts.keep_alive)
        if bodiless:  # it begins when it has ended, which is at once
            self._end(handler)
        self._reads.take(handler)
        self._asked = None
        return facts.upgrade != b""

    # The body.

    def _read_body(self, handler: RequestHandler, data: bytes, at: int) -> int:
        if self._chunks is None:
            end = min(at + self._left, len(data))
            self._left -= end - at
            self.body(data[at:end])
            if not self._left:
                self._end(handler)
            return end
        before = self.body_bytes
        try:
            end = self._chunks.read(data, at, self)
        except BadChunk as bad:
            raise Refusal(bad.status, str(bad)) from None
        paid = (1 + FRAMING_SHARE) * (self.body_bytes - before)
        self._overhead = max(0, self._overhead + end - at - paid)
        if self._overhead > self._reads.limits.fields_bytes:
            raise Refusal(400, "more framing than body")
        if self._chunks.ended:
            self._end(handler)
        return end

    def body(self, data: bytes) -> None:
        """A piece of it."""
        self.body_bytes += len(data)
        if self.body_bytes > self._reads.limits.body:
            raise Refusal(413, "the body is too large")
        if self.handler is not None:
            self.handler.body(data)

    def trailer(self, name: bytes, value: bytes) -> None:
        """Counted, then dropped: never merged into the head (RFC 9110 section 6.5.1)."""
        self._fields.trailer(name, value)
        if name.lower() in FORBIDDEN_TRAILERS:
            raise Refusal(400, "framing or routing in a trailer")

    def _end(self, handler: RequestHandler) -> None:
        """All of the request has been read."""
        self.handler = self._chunks = None
        self._overhead = 0
        self._closing = self._closes
        handler.complete()

    def _read_head(self, asked: Asked, fields: HeadFields) -> tuple[RequestHead, RequestFacts]:
        method, http10 = asked.method, asked.minor_version == 0
        if method in (b"CONNECT", b"TRACE"):
            raise Refusal(405, f"{method.decode()} is not served here", _ALLOW)
        try:
            facts = read_request_fields(fields.fields, http10=http10)
            target = parse_target(method, asked.target)
        except (BadFields, BadTarget) as bad:
            raise Refusal(bad.status, str(bad)) from None
        # The target overrides Host (RFC 9112 section 3.2.2); HTTP/1.0 may have neither.
        named = target.authority or facts.host
        if named and not is_served(named, self._reads.limits.hosts):
            raise Refusal(421, "this host is not served here")
        facts.host = named or self._reads.local
        return request_line(method, target, asked.minor_version), facts


def _is_websocket(head: RequestHead, facts: RequestFacts) -> bool:
    """The only protocol that is spoken through; anything else, h2c above all, goes on as plain HTTP (RFC
    9110 section 7.8)."""
    return (
        facts.upgrade == b"websocket"
        and head.method == b"GET"
        and head.minor_version == 1
        and not (facts.length or facts.chunked)
    )
