"""The copy of a request on its way to one side, and what came back. Sent exactly once: no retry, no redirect.

Knows no session: what it sends has been rewritten for the other side already.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Literal

import msgspec

from gateway.capture import lines_of
from gateway.core.failure import Failure, Reason
from gateway.core.headers import ResponseFacts
from gateway.core.message import ResponseHead
from gateway.shadowing.silence import Silence
from gateway.wire import Sweeper, Upstream, UpstreamPool
from shadow import Headers, Observation, Remembered, RequestSnapshot

SideName = Literal["legacy", "new"]
Answered = Callable[[Observation], None]
_BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods whose requests say nothing of a length when they have no body (RFC 9110 section 8.6)."""
_LONGEST = 4096
_fits: Remembered[Headers, bool] = Remembered(1024)
"""Of fields that were looked at: whether they end where they should."""
_TARGET = re.compile(r"[^\x00-\x20\x7f]++")
_TIMEOUT = "timeout"
_TIMEOUTS = frozenset({Reason.CONNECT_TIMEOUT, Reason.FIRST_BYTE_TIMEOUT, Reason.IDLE_TIMEOUT})


class CopySender:
    """Sends copies to one side over connections of its own. ``max_body`` bounds what is kept of an answer."""

    def __init__(
        self, side: SideName, pool: UpstreamPool, pseudonym: bytes, max_body: int, sweeper: Sweeper
    ) -> None:
        self._side = side
        self._pool = pool
        self._ours = b"Via: 1.1 %b\r\nBanyan-Shadow: 1\r\n" % pseudonym
        self._max_body = max_body
        self._sweeper = sweeper
        self._silence = Silence(side)

    def send(
        self,
        request: RequestSnapshot,
        host: bytes,
        deadline: float,
        answered: Answered,
        added: bytes = b"",
    ) -> None:
        """Ask this side, and call ``answered`` once with what it did, at once or later. ``deadline`` in
        seconds, to a tenth of one: an answer that is not whole by then counts as a timeout. ``added``:
        field lines that say who asked, and name the request. Never raises.

        While the side is silent most are a timeout at once, and not sent.
        """
        began = time.monotonic()
        if not _is_one_request(request):
            answered(Observation(self._side, 0, (), b"", error="the copy would not be one request"))
            return
        if not self._silence.may_ask():
            answered(Observation(self._side, 0, (), b"", error=_TIMEOUT))
            return
        self._silence.begun()
        answer = _Answer(
            self._side,
            request,
            self._head(request, host, added),
            self._max_body,
            self._pool,
            self._sweeper,
            self._silence,
            answered,
            began,
            began + deadline,
        )
        self._sweeper.members.add(answer)
        self._pool.ask(answer)

    def _head(self, request: RequestSnapshot, host: bytes, added: bytes) -> bytes:
        length = b""
        if request.body or request.method not in _BODILESS:
            length = b"Content-Length: %d\r\n" % len(request.body)
        return b"%b %b HTTP/1.1\r\nHost: %b\r\n%b%b%b%b\r\n" % (
            request.method.encode(),
            request.target.encode("latin-1"),
            host,
            lines_of(request.headers),
            added,
            self._ours,
            length,
        )


def _is_one_request(request: RequestSnapshot) -> bool:
    """Whether it ends where it should on a connection, whatever was put into it. Nothing that is known makes
    one that does not: this is the last look before it is sent.
    """
    headers = request.headers
    fits = _fits.find(headers)
    if fits is None:
        lines = lines_of(headers)
        fits = lines.count(b"\n") == lines.count(b"\r") == len(headers) and b"\0" not in lines
        if len(lines) <= _LONGEST:
            _fits.keep(headers, fits)
    return fits and _TARGET.fullmatch(request.target) is not None


class _Answer(msgspec.Struct, eq=False):
    """Receives one answer, well or not, and says so once. A member of the sweeper: no timer of its own. A
    structure because there is one for every copy.
    """

    _side: SideName
    _request: RequestSnapshot
    _request_head: bytes
    _max_body: int
    _pool: UpstreamPool
    _sweeper: Sweeper
    _silence: Silence
    _answered: Answered | None
    began: float
    deadline: float
    _upstream: Upstream | None = None
    _status: int = 0
    _fields: Headers = ()
    _body: bytes = b""
    _more: list[bytes] | None = None
    _size: int = 0
    _announced: int = 0
    _cut: bool = False
    _truncated: bool = False
    _error: str = ""

    def expired(self) -> None:
        """Wait no longer."""
        self._error = _TIMEOUT
        self._status = 0
        self._pool.cancel(self)
        self._leave()
        self._end()

    def _leave(self) -> None:
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.abandon()

    def _end(self) -> None:
        """Say what this side did, as far as it got."""
        answered, self._answered = self._answered, None
        if answered is None:
            return
        self._sweeper.members.discard(self)
        self._silence.ended(in_time=self._error != _TIMEOUT)
        answered(
            Observation(
                self._side,
                self._status,
                self._fields,
                self._body if self._more is None else b"".join((self._body, *self._more)),
                self._cut,
                self._truncated,
                time.monotonic() - self.began,
                self._error,
            )
        )

    def connected(self, upstream: Upstream) -> None:
        if self._answered is None:  # its time was over while the connection was being opened
            upstream.release()
            return
        self._upstream = upstream
        upstream.start(self, head_only=self._request.method == "HEAD")
        body = self._request.body
        upstream.send(self._request_head + body if body else self._request_head)

    def interim(self, head: ResponseHead) -> None:
        """Nobody waits for it here."""

    def head(self, head: ResponseHead, facts: ResponseFacts) -> None:
        self._status = head.status
        self._fields = head.fields
        self._announced = facts.length or 0

    def piece(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._max_body:
            self._cut = True  # enough is known; the rest is not worth the other side's bytes
        elif not self._body:
            self._body = data  # most come in one piece
        elif self._more is None:
            self._more = [data]
        else:
            self._more.append(data)

    def flush(self) -> None:
        # More is to come. What will not be whole is not worth the work of taking what there is room for.
        if self._cut or self._announced > self._max_body:
            self._cut = True
            self._leave()
            self._end()

    def end(self) -> None:
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.release()
        self._end()

    def failed(self, failure: Failure) -> None:
        self._upstream = None
        if self._status:
            self._truncated = True
        else:
            self._error = _TIMEOUT if failure.reason in _TIMEOUTS else failure.reason.value
        self._end()

    def switched(self, head: ResponseHead, facts: ResponseFacts, rest: bytes) -> None:
        self._error = Reason.BAD_ANSWER.value
        self._leave()
        self._end()

    def upstream_congested(self) -> None:
        """The body is bounded already."""

    def upstream_drained(self) -> None:
        """The body is bounded already."""
