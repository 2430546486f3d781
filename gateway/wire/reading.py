"""What one client sends, read as requests: limits, the checks that the parser leaves out, framing. Knows no
socket and no order.

httptools finds the messages; it lets through any size, a missing or odd Host and several targets that are
none, and it stops at every Upgrade. What is missing for a gateway is here.
"""

from __future__ import annotations

import logging
from typing import Protocol

import httptools

from gateway.core.headers import FORBIDDEN_TRAILERS, BadFields, RequestFacts, read_request_fields
from gateway.core.message import ALLOWED, Fields, RequestHead
from gateway.core.target import BadTarget, Target, parse_target
from gateway.wire.limits import ListenLimits

_log = logging.getLogger("banyan.wire")
_ALLOW = b"Allow: %b\r\n" % ALLOWED
_FRAMING_SHARE = 8
"""Bytes of framing per byte of a body, at most: chunks of one byte each need five."""


class Refusal(Exception):
    """A request breaks a rule: ``status`` is answered, with ``extra`` field lines, and the connection
    closed."""

    def __init__(self, status: int, detail: str, extra: bytes = b"") -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.extra = extra


class _Stopped(Exception):
    """Nothing that follows is read any more: the last answer of this connection has been given."""


class RequestHandler(Protocol):
    """Drives one request. ``begin`` is called once, when it is its turn; body and end may come before or
    after."""

    def begin(self) -> None: ...
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

    def opened(self, head: RequestHead, facts: RequestFacts, target: Target) -> RequestHandler: ...
    def take(self, handler: RequestHandler) -> None: ...


class RequestReader:
    """``feed`` it bytes. ``handler`` is the request whose body is being read, None between requests."""

    __slots__ = (
        "_bodiless",
        "_fields",
        "_fields_bytes",
        "_parser",
        "_raw",
        "_reads",
        "_resync",
        "_telling",
        "_url",
        "body_bytes",
        "handler",
        "in_head",
        "stopped",
    )

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._fields: Fields = []
        self._fields_bytes = 0
        self._raw = 0
        self._resync = b""
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
        reading = self.handler
        self._raw += len(data)
        rest: bytes | None = None
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            rest = self._after_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            if self.stopped:
                return None
            raise _refusal(error) from None
        self._watch_overhead(reading)
        return rest

    def _watch_overhead(self, reading: RequestHandler | None) -> None:
        """What is neither a field nor a body byte costs memory or time too: it is bounded, whatever it
        is."""
        limits = self._reads.limits
        if self.handler is None:
            if self._raw > limits.request_line + limits.fields_bytes + 4 * limits.fields:
                raise Refusal(431, "the fields are too large")
        elif self.handler is not reading:
            self._raw = self.body_bytes  # its head and what came before are not its body
        elif self._raw - self.body_bytes > limits.fields_bytes + _FRAMING_SHARE * self.body_bytes:
            raise Refusal(400, "more framing than body")

    def _after_upgrade(self, rest: bytes) -> bytes | None:
        """The parser stops at an Upgrade. Where none is wanted, a new one goes on, told how the body is
        framed."""
        self._parser = httptools.HttpRequestParser(self)
        if not self._resync:
            return rest
        head, self._resync = self._resync, b""
        self._telling = True
        self._parser.feed_data(head)
        self._telling = False
        return self.feed(rest) if rest else None

    # httptools

    def on_message_begin(self) -> None:
        if self.stopped:
            raise _Stopped
        if self.handler is not None:
            return  # the head that only tells a new parser how the body is framed
        self.in_head = True
        self._url = b""
        self._fields = []
        self._fields_bytes = 0

    def on_url(self, part: bytes) -> None:
        if self.handler is not None:
            return
        self._url += part
        if len(self._url) > self._reads.limits.request_line:
            raise Refusal(414, "the request target is too long")

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
        self.in_head = False
        self.body_bytes = 0
        head, facts, target = self._read_head()
        if facts.length is not None and facts.length > self._reads.limits.body:
            raise Refusal(413, "the body is too large")
        if self._parser.should_upgrade():
            self._prepare_upgrade(head, facts)
        else:
            facts.upgrade = b""  # an Upgrade that Connection does not name was meant for another hop
        self._bodiless = not (facts.length or facts.chunked)
        if self._bodiless or head.minor_version == 0:
            facts.expects_continue = False
        self.handler = handler = self._reads.opened(head, facts, target)
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

    def _read_head(self) -> tuple[RequestHead, RequestFacts, Target]:
        method = self._parser.get_method()
        version = self._parser.get_http_version()
        if version not in ("1.1", "1.0"):
            raise Refusal(505, "the only versions spoken here are HTTP/1.1 and HTTP/1.0")
        if len(method) + len(self._url) + len(b"  HTTP/1.1") > self._reads.limits.request_line:
            raise Refusal(414, "the request line is too long")
        if method in (b"CONNECT", b"TRACE"):
            raise Refusal(405, f"{method.decode()} is not served here", _ALLOW)
        try:
            facts = read_request_fields(self._fields, http10=version == "1.0")
            target = parse_target(method, self._url)
        except (BadFields, BadTarget) as bad:
            raise Refusal(bad.status, str(bad)) from None
        # The target overrides Host (RFC 9112 section 3.2.2); HTTP/1.0 may have neither.
        facts.host = target.authority or facts.host or self._reads.local
        return RequestHead(method, self._url, 0 if version == "1.0" else 1, self._fields), facts, target


def _refusal(error: httptools.HttpParserError) -> Refusal:
    cause = error.__context__
    if isinstance(cause, Refusal):
        return cause
    if isinstance(error, httptools.HttpParserCallbackError):
        _log.error("a request could not be begun", exc_info=cause)
        return Refusal(500, "the gateway could not begin this request")
    text = str(error)
    if text == "Invalid method encountered":
        return Refusal(501, "this method is not known here")
    if text == "Invalid HTTP version":
        return Refusal(505, "the only versions spoken here are HTTP/1.1 and HTTP/1.0")
    return Refusal(400, f"the request is not valid: {text}")
