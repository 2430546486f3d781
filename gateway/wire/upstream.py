"""One connection to an application: sends a request, parses the answer, tells its receiver. Knows no side.

What an upstream sends beyond its answer, or against the rules, closes the connection and reaches no client
(RFC 9112 sections 6.3 and 11.1).
"""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, cast

import httptools

from gateway.core.failure import Failure, Phase, Reason
from gateway.core.headers import BadFields, ResponseFacts, read_response_fields
from gateway.core.message import Fields, ResponseHead
from gateway.wire.framing import BODILESS
from gateway.wire.known import KnownAnswer
from gateway.wire.limits import FRAMING_SHARE, MOST_READ, WRITE_HIGH_WATER
from gateway.wire.outbox import Backlog
from gateway.wire.resets import drop
from gateway.wire.sealed import Sealed, has_left, last_words

if TYPE_CHECKING:
    from gateway.wire.pool import UpstreamPool

_log = logging.getLogger("banyan.wire")
_MOST_INTERIM = 100
_MOST_READS_LEFT = 64
"""Reads from a connection that is broken already: more than any buffer of the system holds."""
_COUNTED = 16 * 1024
"""Bytes that must be left of a body for it to be worth a new parser."""
_CLOSED = "the application closed the connection before its answer ended"
_CONTROLS = bytes({*range(32), 127} - {9})


def _is_final(data: bytes) -> bool:
    """Whether what begins so is the head of a final answer; where that is not plain, it is not."""
    return data.startswith(b"HTTP/1.1 ") and data[9:10] > b"1"


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
        "_asked",
        "_backlog",
        "_body",
        "_complete",
        "_ended",
        "_fields",
        "_head",
        "_head_bytes",
        "_head_only",
        "_interim",
        "_known",
        "_last",
        "_left",
        "_parser",
        "_pool",
        "_reason",
        "_receiver",
        "_reusable",
        "_sealed",
        "_switch",
        "_unpaid",
        "_unsent",
        "_until_close",
        "idle_since",
        "piped",
        "rested",
        "transport",
        "used",
    )

    def __init__(self, pool: UpstreamPool) -> None:
        self._pool = pool
        self._known = pool.known
        self._receiver: AnswerReceiver | None = None
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)
        self.piped: asyncio.Protocol | None = None
        self._ended = False
        self._sealed: Sealed | None = None
        self._asked = self._unsent = 0
        self._backlog = Backlog()
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
        self._interim = 0
        self._body = 0
        self._left = 0
        self._unpaid = 0
        self._last: tuple[ResponseHead, ResponseFacts] | None = None
        self._switch: tuple[ResponseHead, ResponseFacts] | None = None

    # The side of the request.

    def start(self, receiver: AnswerReceiver, *, head_only: bool) -> None:
        """Take a receiver. ``head_only``: the request is a HEAD, so its answer ends with its head."""
        self._receiver = receiver
        self.used += 1
        if self._head_bytes:  # what the parser saw last, if anything
            if self._head_only:  # it still waits for the body that a HEAD never gets
                self._parser = httptools.HttpResponseParser(self)
            self._new_answer()
        self._head = self._complete = self._reusable = False
        self._asked = 0
        self._head_only = head_only

    def send(self, data: bytes) -> None:
        """Write bytes of the request, at the end of this turn of the loop."""
        if self.piped is None:
            self._unsent += len(data)
            self._pool.outbox.put(self, data)
        else:
            self.transport.write(data)

    def write_now(self, data: bytes) -> None:
        """Write what `send` was given."""
        self._unsent -= len(data)
        if not self.transport.is_closing():
            self._asked += 1
            self.transport.write(data)
            self._backlog.written(self.transport)
            if self._sealed is not None and self._asked > 1:
                self._hear_last_words(self._sealed)

    def abandon(self) -> None:
        """The receiver no longer wants the answer: the connection cannot be reused and is closed."""
        self._receiver = None
        self._pool.forget(self)
        drop(self.transport)

    def release(self) -> None:
        """The answer has ended and so has the request: go back to the pool, or close.

        An answer may come before the application has taken the whole request; who knows whether it ever
        will.
        """
        self._receiver = None
        transport = self.transport
        waits = self._unsent or transport.get_write_buffer_size()
        if self._reusable and not waits and not transport.is_closing():
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
        sealed = transport.get_extra_info("ssl_object")
        self._sealed = sealed if isinstance(sealed, Sealed) else None

    def data_received(self, data: bytes) -> None:
        if self.piped is not None:
            self.piped.data_received(data)
            return
        receiver = self._receiver
        if receiver is None:
            self._close()
            return
        if not self._asked:
            self._spoke_first(receiver)
            return
        if self._left:
            self._count(receiver, data)
            return
        first = not self._head_bytes
        if first:
            known = self._known.find(data)
            if known is not None and self._take_known(receiver, data, known):
                return
        self._parse(receiver, data, first=first)

    def _parse(self, receiver: AnswerReceiver, data: bytes, *, first: bool) -> None:
        """Let the parser read on. ``first``: it has seen nothing of this answer."""
        in_body, body = self._head, self._body
        try:
            if not in_body:
                self._watch_head(len(data))
            if in_body or (first and _is_final(data)):
                self._parser.feed_data(data)
            else:
                self._feed_lines(data, begins=first)
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
        if first and self._last is not None and not self._interim:
            self._known.keep(data, *self._last)
        if self._receiver is not receiver:
            return
        if self._complete:
            receiver.end()
            return
        if in_body and self._is_idle_talk(len(data), self._body - body):
            self._broken(BadFields("more framing than body"))
            return
        if first and self._last is not None and not self._head_only:
            self._begin_to_count()
        receiver.flush()

    def _spoke_first(self, receiver: AnswerReceiver) -> None:
        """Whatever it says, it is no answer to a request that is still to be written: as a rule that it will
        close, having idled for too long.
        """
        self._receiver = None
        self._close()
        receiver.failed(Failure(Phase.CONNECT, Reason.CLOSED_EARLY, _CLOSED))

    def _feed_lines(self, data: bytes, *, begins: bool) -> None:
        """Before the final head the parser gets one line at a time, so that it has seen nothing beyond an
        informational head when that is complete: of most of them it would believe that a body follows
        (RFC 9112 section 6.3 says that none does). ``begins``: a status line is next. The parser would take
        that of RTSP or ICE for one of HTTP."""
        view, at = memoryview(data), 0
        while at < len(data):
            interim = self._interim
            end = len(data) if self._head else data.find(b"\n", at) + 1 or len(data)
            if begins and (line := data[at:end].strip()):
                begins = False
                if not line.startswith(b"H"):
                    raise BadFields("not an answer of HTTP/1")
            try:
                self._parser.feed_data(view[at:end])
            except httptools.HttpParserUpgrade as upgrade:
                raise httptools.HttpParserUpgrade(at + upgrade.args[0]) from None
            if self._interim > interim:
                self._parser = httptools.HttpResponseParser(self)
                begins = True
            at = end

    def _take_known(self, receiver: AnswerReceiver, data: bytes, known: KnownAnswer) -> bool:
        """An answer whose head has been read before: the parser is not asked, and stays between two
        answers. False where there is more than the answer."""
        head, facts, at = known
        no_body = self._head_only or head.status in BODILESS
        left = (0 if no_body else facts.length or 0) - (len(data) - at)
        if left < 0:
            return False
        self._head = self._reusable = True
        self._left = left
        try:
            receiver.head(head, facts)
            if self._receiver is receiver and not no_body:
                receiver.piece(data[at:])
        except Exception as mistake:  # noqa: BLE001 - as where the parser calls: told to who waits
            _log.error("an answer could not be taken", exc_info=mistake)
            self._broken(mistake)
            return True
        self._complete = not left
        if self._receiver is receiver and left:
            receiver.flush()
        elif self._receiver is receiver:
            receiver.end()
        return True

    def _begin_to_count(self) -> None:
        """A body with a length needs no parser: what is left of it is counted. The parser that would have
        read it has seen only its beginning, so the next answer gets another one."""
        length = self._last[1].length if self._last is not None else None
        if length is not None and length - self._body > _COUNTED:
            self._left = length - self._body
            self._parser = httptools.HttpResponseParser(self)

    def _count(self, receiver: AnswerReceiver, data: bytes) -> None:
        """More of a body whose length is known."""
        left = self._left - len(data)
        self._left = max(0, left)
        if left < 0:
            self._reusable = False  # bytes after the answer
            data = data[:left]
        receiver.piece(data)
        if left > 0:
            receiver.flush()
        else:
            self._complete = True
            receiver.end()

    def eof_received(self) -> bool:
        # Over TLS only for a close that was announced: anybody on the way can end the connection itself.
        self._ended = True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._pool.forget(self)
        if isinstance(exc, OSError):
            self._read_what_is_left()
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
        phase = Phase.RELAY if self._head else Phase.WAIT if self._asked else Phase.CONNECT
        receiver.failed(Failure(phase, Reason.CLOSED_EARLY, _CLOSED))

    def _read_what_is_left(self) -> None:
        """A write has failed, and the event loop reads no further; but an application that answers before it
        has read all of a request, and closes, has answered (RFC 9112 section 9.5). The system still has that.

        What meets the first write on a connection that has idled was said before the request was there.
        """
        if self.rested and self._asked < 2:
            return
        if self.transport.get_extra_info("ssl_object") is not None:
            return  # it is too late: see `_hear_last_words`
        with suppress(OSError):
            file = self.transport.get_extra_info("socket").fileno()
            for _ in range(_MOST_READS_LEFT):
                data = os.read(file, MOST_READ) if self._receiver is not None else b""
                if not data:
                    return
                self.data_received(data)

    def _hear_last_words(self, sealed: Sealed) -> None:
        """The same over TLS, where nothing can be read any more once the failed write is told: after each
        write but the first it is looked whether the application has left."""
        with suppress(OSError, ValueError):
            file = self.transport.get_extra_info("socket").fileno()
            if not has_left(file):
                return
            self.transport.abort()
            for data in last_words(sealed, file, _MOST_READS_LEFT):
                if not data:
                    self._ended = True
                elif self._receiver is not None:
                    self.data_received(data)

    def pause_writing(self) -> None:
        if isinstance(self.piped, asyncio.Protocol):
            self.piped.pause_writing()
        elif self._receiver is not None:
            self._receiver.upstream_congested()

    def resume_writing(self) -> None:
        self.transport.set_write_buffer_limits(high=WRITE_HIGH_WATER)
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

    def _is_idle_talk(self, size: int, body: int) -> bool:
        """Of ``size`` bytes behind the head ``body`` were of the body, and pay for some framing; whether the
        rest, chunk extensions and trailers, has grown beyond what may be owed."""
        self._unpaid = max(0, self._unpaid + size - body * (1 + FRAMING_SHARE))
        return self._unpaid > self._pool.limits.answer_head + MOST_READ

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
        if len(self._fields) >= self._pool.limits.answer_fields:
            raise BadFields("the answer has too many fields")
        self._fields.append((name, value.rstrip(b" \t")))  # the parser leaves what follows a value

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        version = self._parser.get_http_version()
        if version not in ("1.1", "1.0") or status < 100:
            raise BadFields("not an answer of HTTP/1")
        if self._reason.translate(None, _CONTROLS) != self._reason:
            raise BadFields("a control character in the status line")
        facts = read_response_fields(self._fields)
        head = ResponseHead(status, self._reason, 0 if version == "1.0" else 1, tuple(self._fields))
        receiver = self._receiver
        if receiver is None:
            return
        if status < 200:
            self._informational(receiver, head, facts)
            return
        self._head = True
        self._last = (head, facts)
        no_body = self._head_only or status in BODILESS
        self._until_close = not no_body and facts.length is None and not facts.chunked
        self._reusable = head.minor_version == 1 and not facts.close and not self._until_close
        receiver.head(head, facts)
        if self._head_only:
            self._complete = True

    def _informational(self, receiver: AnswerReceiver, head: ResponseHead, facts: ResponseFacts) -> None:
        self._interim += 1
        if self._interim > _MOST_INTERIM:
            raise BadFields("too many informational answers")
        if facts.length is not None:  # RFC 9110 section 8.6: not there, where a client might wait for a body
            facts.kept = [pair for pair in facts.kept if pair[0].lower() != b"content-length"]
        if head.status != 101:
            receiver.interim(ResponseHead(head.status, head.reason, head.minor_version, tuple(facts.kept)))
        elif self._parser.should_upgrade():
            self._switch = (head, facts)
        else:
            raise BadFields("a switch to no protocol")

    def on_body(self, data: bytes) -> None:
        if self._complete:
            raise BadFields("a body where none may be")
        self._body += len(data)
        if self._receiver is not None:
            self._receiver.piece(data)

    def on_message_complete(self) -> None:
        if self._head:
            self._complete = True
