"""What one client sends, read as requests: limits, the checks that the parser leaves out, framing. Knows no
socket and no order.

httptools finds where messages end; it lets through any size and a missing or odd Host, it stops at every
Upgrade, and it does not know every line that a request may have. What is missing for a gateway is here.
"""

from __future__ import annotations

import logging
import re
from typing import Protocol

import httptools

from gateway.core.headers import FORBIDDEN_TRAILERS, BadFields, RequestFacts, read_request_fields
from gateway.core.message import ALLOWED, Fields, RequestHead, request_line
from gateway.core.target import BadTarget, is_served, parse_target
from gateway.wire.asking import Asked, BadLine, behind_empty_lines, read_line
from gateway.wire.known import KnownRequest, KnownRequests
from gateway.wire.limits import FRAMING_SHARE, ListenLimits

_log = logging.getLogger("banyan.wire")
_ALLOW = b"Allow: %b\r\n" % ALLOWED
_EMPTY_LINE = b"\r\n\r\n"
_LAST_EMPTY_LINE = re.compile(rb"\r\n\r\n(?!\r\n)")


class Refusal(Exception):
    """A request breaks a rule: ``status`` is answered, with ``extra`` field lines, and the connection
    closed. ``head_only``: without a body."""

    def __init__(self, status: int, detail: str, extra: bytes = b"") -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.extra = extra
        self.head_only = False


class _Stopped(Exception):
    """Nothing that follows is read any more: the last answer of this connection has been given."""


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
        "_begun",
        "_bodiless",
        "_fields",
        "_fields_bytes",
        "_held",
        "_known",
        "_last",
        "_method",
        "_owed",
        "_parser",
        "_raw",
        "_reads",
        "_resync",
        "_tail",
        "_telling",
        "_untouched",
        "body_bytes",
        "handler",
        "in_head",
        "stopped",
    )

    def __init__(self, reads: Reads, known: KnownRequests) -> None:
        self._reads = reads
        self._known = known
        self._untouched = True
        self._begun = 0
        self._last: tuple[RequestHead, RequestFacts] | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._asked: Asked | None = None
        self._held = b""
        self._method = b""
        self._fields: Fields = []
        self._fields_bytes = 0
        self._raw = 0
        self._resync = b""
        self._tail = b""
        self._owed = 0
        self._telling = False
        self._bodiless = False
        self.handler: RequestHandler | None = None
        self.in_head = False
        self.body_bytes = 0
        self.stopped = False

    def feed(self, data: bytes) -> bytes | None:
        """Read on. Returns what follows a request to switch protocols; nothing more may be fed until it is
        declined.

        Raises:
            Refusal: the client breaks a rule; this reader is of no use any more.
        """
        if self._untouched and not self.stopped:
            known = self._known.find(data)
            if known is not None:
                self._take_known(data, known)
                return None
        if self._held:
            data, self._held, self.in_head = self._held + data, b"", False
        at = 0
        while at < len(data) and not self.stopped:
            begin, asked = at, None
            if self.handler is None and not self.in_head:
                begin = behind_empty_lines(data, at)
                self._raw += begin - at
                asked = self._read_line(data, begin)
                if asked is None:
                    return None
                at = asked.end
            at = self._end_of_piece(data, at)
            rest = self._feed(data[begin:at], asked)
            if rest is not None:
                return rest + data[at:]
        self._tail = (self._tail + data)[-3:] if len(data) < 3 else data[-3:]
        return None

    @property
    def _body_left(self) -> int:
        """Bytes that are still to come of a body with a length."""
        return self._owed - self.body_bytes if self.handler is not None else 0

    def _read_line(self, data: bytes, at: int) -> Asked | None:
        """The line of a request, which is read by itself and whole. None: it is kept until more has come."""
        self._method = data[at : at + 5]
        try:
            asked = read_line(data, at)
        except BadLine as bad:
            raise Refusal(bad.status, str(bad)) from None
        end = len(data) if asked is None else asked.end
        if end - at - 2 > self._reads.limits.request_line:
            raise Refusal(414, "the request line is too long")
        if asked is None:
            self._untouched = False
            self._held = data[at:]
            self.in_head = self._held not in (b"", b"\r")  # which may begin another empty line
            self._watch_overhead(None, 0)
        return asked

    def _end_of_piece(self, data: bytes, at: int) -> int:
        """Where the parser stops: wherever a message may end, so that the line of the next is read first.
        That is the end of a body with a length, or an empty line: behind a head, and behind trailers.
        """
        if self._body_left > 0:
            return at + self._body_left
        if at == 0 and (begun := (self._tail + data[:3]).find(_EMPTY_LINE)) >= 0:
            return begun + len(_EMPTY_LINE) - len(self._tail)
        if self.handler is None:
            found = data.find(_EMPTY_LINE, max(0, at - 2))
            return found + len(_EMPTY_LINE) if found >= 0 else len(data)
        ended = _LAST_EMPTY_LINE.search(data, max(0, at - 2))
        return ended.end() if ended else len(data)

    def _feed(self, data: bytes, asked: Asked | None) -> bytes | None:
        """One piece. ``asked``: the line that it begins with."""
        reading, body_bytes = self.handler, self.body_bytes
        between = reading is None and not self.in_head
        self._untouched = False
        self._begun = 0
        self._raw += len(data)
        rest: bytes | None = None
        left = data
        if asked is not None:
            self._asked = asked
            left = asked.in_place + data[asked.size :]
        try:
            while left:
                at = self._parse(left)
                if at < 0:
                    break
                left = left[at:]
                if not self._resync:
                    rest = left
                    break
                self._tell_framing()
        except httptools.HttpParserError as error:
            if self.stopped:
                return None
            raise _refusal(error) from None
        self._watch_overhead(reading, self.body_bytes - body_bytes)
        if between and self._begun == 1 and self.handler is None and not self.in_head:
            self._remember(data)
        return rest

    def asks_for_head(self) -> bool:
        """Whether the request that is being read is a HEAD, as far as it has been read."""
        if self.handler is not None:
            return self.handler.head_only
        return self._method == b"HEAD "

    def _take_known(self, data: bytes, known: KnownRequest) -> None:
        """The parser is not asked: it has seen these bytes, and is where it was, between two messages."""
        head, facts, at = known
        try:
            handler = self._reads.opened(head, facts)
            self.body_bytes = len(data) - at
            handler.whole(data[at:])
            self._reads.take(handler)
        except Refusal:
            raise
        except Exception as error:  # noqa: BLE001 - as where the parser calls
            raise our_mistake(error) from None

    def _remember(self, data: bytes) -> None:
        """One request began and ended in ``data``. If nothing else is in it, the parser is between two
        messages again, and the next head that is known does not need it."""
        last, self._last = self._last, None
        if last is None or last[1].chunked:
            return
        end = data.find(b"\r\n\r\n") + 4
        if len(data) - end == (last[1].length or 0):
            self._untouched = True
            self._known.keep(data, *last)

    def _watch_overhead(self, reading: RequestHandler | None, body: int) -> None:
        """What is neither a field nor a body byte costs memory or time too: it is bounded, whatever it
        is. ``body``: bytes of this read that were of the body, and pay for some framing."""
        limits = self._reads.limits
        if self.handler is None:
            if self._raw > limits.request_line + limits.fields_bytes + 4 * limits.fields:
                raise Refusal(431, "the fields are too large")
        elif self.handler is not reading:
            self._raw = 0  # its head and what came before are not its body
        else:
            self._raw = max(0, self._raw - (1 + FRAMING_SHARE) * body)
            if self._raw > limits.fields_bytes:
                raise Refusal(400, "more framing than body")

    def _parse(self, data: bytes) -> int:
        """Let the parser read. It stops at every Upgrade: where, or -1, and a new one is there to go on."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._parser = httptools.HttpRequestParser(self)
            return int(upgrade.args[0])
        return -1

    def _tell_framing(self) -> None:
        """An Upgrade that is not wanted: the new parser is told how the body behind it is framed."""
        head, self._resync = self._resync, b""
        self._telling = True
        self._parser.feed_data(head)
        self._telling = False

    # httptools

    def on_message_begin(self) -> None:
        if self.stopped:
            raise _Stopped
        if self.handler is not None:
            return  # the head that only tells a new parser how the body is framed
        if self._asked is None:
            raise Refusal(400, "this is not the line of an HTTP/1 request")
        self.in_head = True
        self._fields = []
        self._fields_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        limits = self._reads.limits
        size = len(name) + len(value)
        self._fields_bytes += size
        if (
            size > limits.field
            or self._fields_bytes > limits.fields_bytes
            or len(self._fields) >= limits.fields
        ):
            raise Refusal(431, "a field is too large, or there are too many")
        if self.handler is None:
            self._fields.append((name, value.rstrip(b" \t")))  # the parser leaves what follows a value
        elif name.lower() in FORBIDDEN_TRAILERS and not self._telling:
            raise Refusal(400, "framing or routing in a trailer")
        # Any other trailer is counted, then dropped: never merged into the head (RFC 9110 section 6.5.1).

    def on_headers_complete(self) -> None:
        if self.handler is not None:
            return
        if self.stopped:
            raise _Stopped
        asked = self._asked
        if asked is None:
            raise AssertionError("no head begins without its line")
        self.body_bytes = 0
        head, facts = self._read_head(asked)
        self._owed = facts.length or 0
        if facts.length is not None and facts.length > self._reads.limits.body:
            raise Refusal(413, "the body is too large")
        self._begun += 1
        self._last = None
        if self._parser.should_upgrade():
            self._prepare_upgrade(head, facts)
        else:
            facts.upgrade = b""  # an Upgrade that Connection does not name was meant for another hop
        self._bodiless = not (facts.length or facts.chunked)
        if self._bodiless or head.minor_version == 0:
            facts.expects_continue = False
        if not (self._resync or facts.upgrade or facts.expects_continue):
            self._last = (head, facts)
        self.handler = handler = self._reads.opened(head, facts)
        self.in_head, self._asked = False, None
        if not self._bodiless:  # one without a body begins when it has ended, which is at once
            self._reads.take(handler)

    def on_body(self, data: bytes) -> None:
        self.body_bytes += len(data)
        if self.body_bytes > self._reads.limits.body:
            raise Refusal(413, "the body is too large")
        if self.handler is not None:
            self.handler.body(data)

    def on_message_complete(self) -> None:
        if self._resync:
            return
        handler, self.handler = self.handler, None
        self._method = b""
        self._raw = 0
        if handler is not None:
            handler.complete()
            if self._bodiless:
                self._reads.take(handler)

    def _prepare_upgrade(self, head: RequestHead, facts: RequestFacts) -> None:
        """Only WebSocket is spoken through; anything else, h2c above all, goes on as plain HTTP (RFC 9110
        section 7.8)."""
        if (
            facts.upgrade == b"websocket"
            and head.method == b"GET"
            and head.minor_version == 1
            and not (facts.length or facts.chunked)
        ):
            return
        facts.upgrade = b""
        framing = (
            b"Transfer-Encoding: chunked" if facts.chunked else b"Content-Length: %d" % (facts.length or 0)
        )
        close = b"Connection: close\r\n" if facts.close else b""
        self._resync = b"POST / HTTP/1.1\r\n%b%b\r\n\r\n" % (close, framing)

    def _read_head(self, asked: Asked) -> tuple[RequestHead, RequestFacts]:
        method, http10 = asked.method, asked.minor_version == 0
        if method in (b"CONNECT", b"TRACE"):
            raise Refusal(405, f"{method.decode()} is not served here", _ALLOW)
        try:
            facts = read_request_fields(self._fields, http10=http10)
            target = parse_target(method, asked.target)
        except (BadFields, BadTarget) as bad:
            raise Refusal(bad.status, str(bad)) from None
        # The target overrides Host (RFC 9112 section 3.2.2); HTTP/1.0 may have neither.
        named = target.authority or facts.host
        if named and not is_served(named, self._reads.limits.hosts):
            raise Refusal(421, "this host is not served here")
        facts.host = named or self._reads.local
        return request_line(method, target, asked.minor_version), facts


def _refusal(error: httptools.HttpParserError) -> Refusal:
    cause = error.__context__
    if isinstance(cause, Refusal):
        return cause
    if isinstance(error, httptools.HttpParserCallbackError):
        return our_mistake(cause)
    return Refusal(400, f"the request is not valid: {error}")


def our_mistake(cause: BaseException | None) -> Refusal:
    """What a client is told of an exception that no rule of the wire explains; it is in the log."""
    _log.error("a request could not be begun", exc_info=cause)
    return Refusal(500, "the gateway could not begin this request")
