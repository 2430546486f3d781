"""One connection to an application: sends a request, parses the answer, tells its receiver. Knows no side.

What an upstream sends beyond its answer, or against the rules, closes the connection and reaches no client
(RFC 9112 sections 6.3 and 11.1).
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol, cast

import httptools

from gateway.core.failure import Failure, Phase, Reason
from gateway.core.headers import BadFields, ResponseFacts, read_response_fields
from gateway.core.message import Fields, ResponseHead
from gateway.wire.limits import MOST_READ, WRITE_HIGH_WATER

if TYPE_CHECKING:
    from gateway.wire.pool import UpstreamPool

_log = logging.getLogger("banyan.wire")
_NO_BODY = frozenset({204, 304})
_CONTROLS = bytes({*range(32), 127} - {9})


class AnswerReceiver(Protocol):
    """Told of one attempt, in this order: connected, interim*, head, piece*, end; or failed at any point.

    The head of an interim answer holds only the fields that pass.
    """

    def connected(self, upstream: Upstream) -> None: ...
    def interim(self, head: ResponseHead) -> None: ...
    def head(self, head: ResponseHead, facts: ResponseFacts) -> None: ...
    def piece(self, data: bytes) -> None: ...
    def end(self) -> None: ...
    def flush(self) -> None: ...
    def failed(self, failure: Failure) -> None: ...
    def switched(self, head: ResponseHead, facts: ResponseFacts, rest: bytes) -> None: ...
    def upstream_congested(self) -> None: ...
    def upstream_drained(self) -> None: ...


class Upstream(asyncio.Protocol):
    """A connection of a pool. At most one receiver at a time; an answer that ends well gives it back to
    the pool."""

    __slots__ = (
        "_complete",
        "_ended",
        "_fields",
        "_head",
        "_head_bytes",
        "_head_only",
        "_parser",
        "_pool",
        "_reason",
        "_receiver",
        "_reusable",
        "_switch",
        "_until_close",
        "idle_since",
        "piped",
        "rested",
        "transport",
        "used",
    )

    def __init__(self, pool: UpstreamPool) -> None:
        self._pool = pool
        self._receiver: AnswerReceiver | None = None
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)
        self.piped: asyncio.Protocol | None = None
        self._ended = False
        self.used = 0
        self.idle_since = 0.0
        self.rested = False
        self._new_answer()
        self._reusable = True  # nothing has been asked yet
        self._parser = httptools.HttpResponseParser(self)

    def _new_answer(self) -> None:
        self._fields: Fields = []
        self._reason = b""
        self._head = False
        self._head_bytes = 0
        self._head_only = False
        self._complete = False
        self._reusable = False
        self._until_close = False
        self._switch: tuple[ResponseHead, ResponseFacts] | None = None

    # The side of the request.

    def start(self, receiver: AnswerReceiver, *, head_only: bool) -> None:
        """Take a receiver. ``head_only``: the request is a HEAD, so its answer ends with its head."""
        self._receiver = receiver
        self.used += 1
        if self._head_only:  # its parser still waits for the body that a HEAD never gets
            self._parser = httptools.HttpResponseParser(self)
        self._new_answer()
        self._head_only = head_only

    def send(self, data: bytes) -> None:
        """Write bytes of the request."""
        self.transport.write(data)

    def abandon(self) -> None:
        """The receiver no longer wants the answer: the connection cannot be reused and is closed."""
        self._receiver = None
        self._close()

    def release(self) -> None:
        """The answer has ended and so has the request: go back to the pool, or close.

        An answer may come before the application has taken the whole request; who knows whether it ever
        will.
        """
        self._receiver = None
        transport = self.transport
        if self._reusable and not transport.is_closing() and not transport.get_write_buffer_size():
            self._pool.put_back(self)
        else:
            self._close()

    def _close(self) -> None:
        self._pool.forget(self)
        self.transport.abort()

    # asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=WRITE_HIGH_WATER)

    def data_received(self, data: bytes) -> None:
        if self.piped is not None:
            self.piped.data_received(data)
            return
        receiver = self._receiver
        if receiver is None:
            self._close()
            return
        try:
            if not self._head:
                self._watch_head(len(data))
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._switch is not None:
                receiver.switched(*self._switch, data[upgrade.args[0] :])
                return
        except (httptools.HttpParserError, BadFields) as broken:
            self._reusable = False
            if not self._complete:
                self._broken(broken)
                return
        # Only now, with every byte looked at: a second answer in the same bytes must not meet the next
        # request.
        if self._receiver is not receiver:
            return
        if self._complete:
            receiver.end()
        else:
            receiver.flush()

    def eof_received(self) -> bool:
        # Over TLS only for a close that was announced: anybody on the way can end the connection itself.
        self._ended = True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._pool.forget(self)
        if self.piped is not None:
            self.piped.connection_lost(exc)
            return
        receiver, self._receiver = self._receiver, None
        if receiver is None or self._complete:
            return
        if self._until_close and self._ended and exc is None:
            self._complete = True
            receiver.end()
            return
        phase = Phase.RELAY if self._head else Phase.WAIT
        receiver.failed(
            Failure(
                phase, Reason.CLOSED_EARLY, "the application closed the connection before its answer ended"
            )
        )

    def pause_writing(self) -> None:
        if isinstance(self.piped, asyncio.Protocol):
            self.piped.pause_writing()
        elif self._receiver is not None:
            self._receiver.upstream_congested()

    def resume_writing(self) -> None:
        if self.piped is not None:
            self.piped.resume_writing()
        elif self._receiver is not None:
            self._receiver.upstream_drained()

    def _broken(self, error: Exception) -> None:
        receiver, self._receiver = self._receiver, None
        self._close()
        if receiver is not None and not self._complete:
            phase = Phase.RELAY if self._head else Phase.WAIT
            if isinstance(error, httptools.HttpParserCallbackError):
                cause = error.__context__ or error
                if not isinstance(cause, BadFields):  # a mistake of ours must not pass for one of theirs
                    _log.error("an answer could not be taken", exc_info=cause)
                error = Exception(str(cause))
            receiver.failed(Failure(phase, Reason.BAD_ANSWER, f"the application broke HTTP: {error}"))

    def _watch_head(self, size: int) -> None:
        """Whatever comes before the final head's end, informational answers too, is bounded as a whole."""
        self._head_bytes += size
        if self._head_bytes > self._pool.limits.answer_head + MOST_READ:
            raise BadFields("the head of the answer is too large")

    # httptools

    def on_message_begin(self) -> None:
        if self._complete:
            raise BadFields("bytes after the answer")
        self._fields = []
        self._reason = b""

    def on_status(self, reason: bytes) -> None:
        self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        # The parser refuses control characters in a value; that is tested, not repeated here.
        if self._head:
            return  # a trailer: dropped as a whole, never merged into the head (RFC 9110 section 6.5.1)
        self._fields.append((name, value.rstrip(b" \t")))  # the parser leaves what follows a value

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        version = self._parser.get_http_version()
        if version not in ("1.1", "1.0") or status < 100:
            raise BadFields("not an answer of HTTP/1")
        if self._reason.translate(None, _CONTROLS) != self._reason:
            raise BadFields("a control character in the status line")
        facts = read_response_fields(self._fields)
        head = ResponseHead(status, self._reason, 0 if version == "1.0" else 1, self._fields)
        receiver = self._receiver
        if receiver is None:
            return
        if status < 200:
            self._informational(receiver, head, facts)
            return
        self._head = True
        no_body = self._head_only or status in _NO_BODY
        self._until_close = not no_body and facts.length is None and not facts.chunked
        self._reusable = head.minor_version == 1 and not facts.close and not self._until_close
        receiver.head(head, facts)
        if self._head_only:
            self._complete = True

    def _informational(self, receiver: AnswerReceiver, head: ResponseHead, facts: ResponseFacts) -> None:
        if head.status != 101:
            receiver.interim(ResponseHead(head.status, head.reason, head.minor_version, facts.kept))
        elif self._parser.should_upgrade():
            self._switch = (head, facts)
        else:
            raise BadFields("a switch to no protocol")

    def on_body(self, data: bytes) -> None:
        if self._complete:
            raise BadFields("a body where none may be")
        if self._receiver is not None:
            self._receiver.piece(data)

    def on_message_complete(self) -> None:
        if self._head:
            self._complete = True
