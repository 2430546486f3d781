"""One client connection: parses requests, keeps their order, writes answers. Knows no route and no upstream.

A request becomes a ``RequestHandler`` as soon as its head is read. Handlers begin one after the other, in
the order of their requests; what arrives for one that has not begun waits in the handler, and the
connection is read no further.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from typing import Protocol, cast

import httptools

from gateway.core.headers import BadFields, RequestFacts, read_request_fields
from gateway.core.message import Fields, RequestHead
from gateway.core.target import BadTarget, Target, is_authority, parse_target
from gateway.wire.answers import gateway_answer
from gateway.wire.limits import WRITE_HIGH_WATER, ListenLimits
from gateway.wire.sweep import Sweeper

_log = logging.getLogger("banyan.wire")


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


class Service(Protocol):
    """What a client connection needs of its process."""

    limits: ListenLimits
    sweeper: Sweeper
    clients: set[Downstream]
    draining: bool

    def open(
        self, client: Downstream, head: RequestHead, facts: RequestFacts, target: Target
    ) -> RequestHandler: ...
    def refused(self, status: int) -> None: ...
    def is_trusted(self, peer: str) -> bool: ...


class Refusal(Exception):
    """A request breaks a rule: ``status`` is answered and the connection closed."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class _Pause:
    """Why a client is not read: the reasons are bits, and each is lifted by whoever set it."""

    QUEUE = 1
    UPSTREAM = 2
    TUNNEL = 4


class Downstream(asyncio.Protocol):
    """See the module. ``deadline`` is the one deadline of this connection, set by whoever waits at the
    moment."""

    __slots__ = (
        "_body_bytes",
        "_body_mark",
        "_congested",
        "_current",
        "_fields",
        "_fields_bytes",
        "_head_bytes",
        "_head_read",
        "_in_head",
        "_lingering",
        "_parser",
        "_paused",
        "_queue",
        "_receiving",
        "_refusal",
        "_rest",
        "_resync",
        "_service",
        "_url",
        "deadline",
        "peer",
        "piped",
        "transport",
        "trusted",
    )

    def __init__(self, service: Service) -> None:
        self._service = service
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)
        self.piped: asyncio.Protocol | None = None
        self.deadline = math.inf
        self.peer = b""
        self.trusted = False
        self._current: RequestHandler | None = None
        self._receiving: RequestHandler | None = None
        self._queue: deque[RequestHandler] = deque()
        self._refusal: Refusal | None = None
        self._lingering = False
        self._paused = 0
        self._rest = b""
        self._resync = b""
        self._in_head = False
        self._head_read = False
        self._url = b""
        self._fields: Fields = []
        self._fields_bytes = 0
        self._head_bytes = 0
        self._body_bytes = 0
        self._body_mark = 0
        self._congested = False
        self._parser = httptools.HttpRequestParser(self)

    # asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=WRITE_HIGH_WATER)
        address = transport.get_extra_info("peername")
        peer = address[0] if isinstance(address, tuple) else "unix"
        self.peer = peer.encode()
        self.trusted = self._service.is_trusted(peer)
        service = self._service
        if len(service.clients) >= service.limits.connections:
            self._write_refusal(Refusal(503, "too many connections"))
            return
        service.clients.add(self)
        service.sweeper.members.add(self)
        self.deadline = service.sweeper.now + service.limits.idle_timeout

    def data_received(self, data: bytes) -> None:
        if self.piped is not None:
            self.piped.data_received(data)
        elif not self._lingering and self._refusal is None:
            self._feed(data)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._service.clients.discard(self)
        self._service.sweeper.members.discard(self)
        if self.piped is not None:
            self.piped.connection_lost(exc)
            return
        current, self._current = self._current, None
        if current is not None:
            current.client_gone()
        for waiting in self._queue:
            waiting.client_gone()
        self._queue.clear()

    def pause_writing(self) -> None:
        self._congested = True
        if self.piped is not None:
            self.piped.pause_writing()
        elif self._current is not None:
            self._current.client_congested()

    def resume_writing(self) -> None:
        self._congested = False
        if self.piped is not None:
            self.piped.resume_writing()
        elif self._current is not None:
            self._current.client_drained()
        elif self._queue:
            self._start(self._queue.popleft())

    def expired(self) -> None:
        """The deadline has passed: whoever waits gives up."""
        self.deadline = math.inf
        if self._lingering or self._refusal is not None:
            self.transport.abort()
        elif self._current is not None and self.request_complete:
            self._current.expired()
        elif self._current is not None and self._body_rate_kept():
            self.watch_body()
        elif self._current is not None:
            self._refuse(Refusal(408, "the body came too slowly"))
        elif self._in_head:
            self._refuse(Refusal(408, "the head of the request did not come in time"))
        else:
            self.transport.close()

    # The side of the handler.

    def write(self, data: bytes) -> None:
        """Write bytes of an answer."""
        self.transport.write(data)

    def pause(self) -> None:
        """The upstream takes no more: read no further."""
        self._pause(_Pause.UPSTREAM)

    def resume(self) -> None:
        """The upstream takes more again."""
        self._unpause(_Pause.UPSTREAM)

    @property
    def request_complete(self) -> bool:
        """Whether the current request has been read to its end."""
        return self._receiving is None or self._receiving is not self._current

    def watch_body(self) -> None:
        """From now on the body must come at the lowest allowed rate."""
        self._body_mark = self._body_bytes
        self.deadline = self._service.sweeper.now + self._service.limits.body_window

    def finished(self, *, keep: bool) -> None:
        """The answer is written. ``keep``: the connection may carry another request."""
        unread = not self.request_complete
        self._current = None
        if unread or not keep or self._service.draining:
            self._linger()
        elif self._queue:
            if not self._congested:  # else when the client has read what it got
                self._start(self._queue.popleft())
        elif self._refusal is not None:
            self._write_refusal(self._refusal)
        else:
            limits = self._service.limits
            wait = limits.head_timeout if self._in_head else limits.idle_timeout
            self.deadline = self._service.sweeper.now + wait
            if self._paused & _Pause.TUNNEL:
                self._not_switched()

    def cut(self) -> None:
        """The answer cannot be brought to its end: what was written goes out, then the connection closes."""
        self._current = None
        self._lingering = True
        self.transport.close()

    def drain(self) -> None:
        """The process is leaving: an idle connection closes now, a busy one after its answer."""
        if self._current is None and not self._in_head:
            self.transport.close()

    def switch(self, tunnel: asyncio.Protocol) -> bytes:
        """From now on every byte goes to ``tunnel``. Returns what the client has already sent beyond its
        request."""
        self.piped = tunnel
        self.deadline = math.inf
        self._paused = 0
        self.transport.resume_reading()
        rest, self._rest = self._rest, b""
        return rest

    # Parsing.

    def _feed(self, data: bytes) -> None:
        if self._current is None and not self._in_head:
            self.deadline = self._service.sweeper.now + self._service.limits.head_timeout
        self._head_read = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._after_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._refuse(_refusal(error))
        else:
            if self._receiving is None and not self._head_read:
                self._in_head = True
                self._head_bytes += len(data)
                if self._head_bytes > self._service.limits.request_line + self._service.limits.fields_bytes:
                    self._refuse(Refusal(431, "the fields are too large"))

    def _after_upgrade(self, rest: bytes) -> None:
        """The parser stops at an Upgrade. Where none is wanted, a new one goes on, told how the body is
        framed."""
        self._parser = httptools.HttpRequestParser(self)
        if self._resync:
            head, self._resync = self._resync, b""
            self._parser.feed_data(head)
            if rest:
                self._feed(rest)
        else:
            self._rest = rest
            self._pause(_Pause.TUNNEL)

    def _not_switched(self) -> None:
        """The upstream declined to switch protocols: the connection goes on as HTTP."""
        rest, self._rest = self._rest, b""
        self._unpause(_Pause.TUNNEL)
        if rest:
            self._feed(rest)

    def on_message_begin(self) -> None:
        if self._receiving is not None:
            return  # the head that only tells a new parser how the body is framed
        self._in_head = True
        self._head_read = False
        self._url = b""
        self._fields = []
        self._fields_bytes = 0

    def on_url(self, part: bytes) -> None:
        if self._receiving is not None:
            return
        self._url += part
        if len(self._url) > self._service.limits.request_line:
            raise Refusal(414, "the request target is too long")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._receiving is not None:
            return  # a trailer: dropped as a whole, never merged into the head (RFC 9110 section 6.5.1)
        limits = self._service.limits
        size = len(name) + len(value)
        self._fields_bytes += size
        if (
            size > limits.field
            or self._fields_bytes > limits.fields_bytes
            or len(self._fields) >= limits.fields
        ):
            raise Refusal(431, "a field is too large, or there are too many")
        self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        if self._receiving is not None:
            return
        self._in_head = False
        self._head_read = True
        self._head_bytes = 0
        self._body_bytes = 0
        head, facts, target = self._read_head()
        limit = self._service.limits.body
        if facts.length is not None and facts.length > limit:
            raise Refusal(413, "the body is too large")
        if facts.upgrade and self._parser.should_upgrade():
            self._prepare_upgrade(head, facts)
        handler = self._service.open(self, head, facts, target)
        self._receiving = handler
        if self._current is None and not self._congested:
            self._start(handler)
        else:
            self._queue.append(handler)
            self._pause(_Pause.QUEUE)

    def _prepare_upgrade(self, head: RequestHead, facts: RequestFacts) -> None:
        wanted = (
            facts.upgrade == b"websocket" and head.method == b"GET" and not (facts.length or facts.chunked)
        )
        if wanted:
            return
        facts.upgrade = b""
        framing = (
            b"Transfer-Encoding: chunked" if facts.chunked else b"Content-Length: %d" % (facts.length or 0)
        )
        self._resync = b"POST / HTTP/1.1\r\n%b\r\n\r\n" % framing

    def _read_head(self) -> tuple[RequestHead, RequestFacts, Target]:
        method = self._parser.get_method()
        version = self._parser.get_http_version()
        if version not in ("1.1", "1.0"):
            raise Refusal(505, "the only versions spoken here are HTTP/1.1 and HTTP/1.0")
        if method in (b"CONNECT", b"TRACE"):
            raise Refusal(405, f"{method.decode()} is not served here")
        try:
            facts = read_request_fields(self._fields, http10=version == "1.0")
            target = parse_target(method, self._url)
        except (BadFields, BadTarget) as bad:
            raise Refusal(400, str(bad)) from None
        if target.authority is not None:
            if facts.host and not is_authority(facts.host):
                raise Refusal(400, "Host is not a host with an optional port")
            facts.host = target.authority  # RFC 9112 section 3.2.2: the target overrides Host
        return RequestHead(method, self._url, 0 if version == "1.0" else 1, self._fields), facts, target

    def on_body(self, data: bytes) -> None:
        self._body_bytes += len(data)
        if self._body_bytes > self._service.limits.body:
            raise Refusal(413, "the body is too large")
        if self._receiving is not None:
            self._receiving.body(data)

    def on_message_complete(self) -> None:
        if self._resync:
            return
        receiving, self._receiving = self._receiving, None
        if receiving is not None:
            receiving.complete()

    # Order, pauses, ends.

    def _start(self, handler: RequestHandler) -> None:
        self._current = handler
        if not self._queue:
            self._unpause(_Pause.QUEUE)
        handler.begin()

    def _body_rate_kept(self) -> bool:
        limits = self._service.limits
        return (
            self._paused != 0 or self._body_bytes - self._body_mark >= limits.body_rate * limits.body_window
        )

    def _pause(self, reason: int) -> None:
        if not self._paused and not self.transport.is_closing():
            self.transport.pause_reading()
        self._paused |= reason

    def _unpause(self, reason: int) -> None:
        if self._paused & reason:
            self._paused &= ~reason
            if not self._paused and not self.transport.is_closing():
                self.transport.resume_reading()

    def _refuse(self, refusal: Refusal) -> None:
        self._service.refused(refusal.status)
        receiving, self._receiving = self._receiving, None
        if receiving is not None and receiving is self._current:
            self._current = None
            if receiving.refused(refusal.status):  # part of an answer is out: nothing can be said any more
                self.cut()
                return
        elif receiving is not None:
            self._queue.remove(receiving)
        self._refusal = refusal
        if self._current is None:
            self._write_refusal(refusal)

    def _write_refusal(self, refusal: Refusal) -> None:
        self._refusal = refusal
        self.write(gateway_answer(refusal.status, refusal.detail))
        self._linger()

    def _linger(self) -> None:
        """Close so that the client can still read the answer: stop writing, read on for a moment and
        throw it away."""
        if self.transport.is_closing():
            return
        self._lingering = True
        self.deadline = self._service.sweeper.now + self._service.limits.linger
        self._paused = 0
        self.transport.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()


def _refusal(error: httptools.HttpParserError) -> Refusal:
    cause = error.__context__
    if isinstance(cause, Refusal):
        return cause
    if isinstance(error, httptools.HttpParserCallbackError):
        _log.error("a request could not be begun", exc_info=cause)
        return Refusal(500, "the gateway could not begin this request")
    return Refusal(400, f"not a valid HTTP/1.1 request: {error}")
