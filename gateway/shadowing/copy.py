"""The copy of a request on its way to one side, and what came back. Sent exactly once: no retry, no redirect.

Knows no session: what it sends has been rewritten for the other side already.
"""

from __future__ import annotations

import asyncio
from typing import Literal

from gateway.core.failure import Failure, Reason
from gateway.core.headers import ResponseFacts
from gateway.core.message import Fields, ResponseHead
from gateway.wire import Upstream, UpstreamPool
from shadow import Observation, RequestSnapshot

SideName = Literal["legacy", "new"]
_TIMEOUTS = frozenset({Reason.CONNECT_TIMEOUT, Reason.FIRST_BYTE_TIMEOUT, Reason.IDLE_TIMEOUT})


class CopySender:
    """Sends copies to one side over connections of its own. ``max_body`` bounds what is kept of an answer."""

    def __init__(self, side: SideName, pool: UpstreamPool, pseudonym: bytes, max_body: int) -> None:
        self._side = side
        self._pool = pool
        self._via = b"Via: 1.1 %b\r\n" % pseudonym
        self._max_body = max_body

    async def send(self, request: RequestSnapshot, host: bytes, deadline: float) -> Observation:
        """Ask this side. ``deadline`` in seconds; an answer that is not whole by then counts as a
        timeout. Never raises."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        answer = _Answer(request, self._head(request, host), loop.create_future(), self._max_body)
        self._pool.ask(answer)
        try:
            async with asyncio.timeout(deadline):
                await asyncio.shield(answer.done)
        except TimeoutError:
            answer.give_up("timeout", self._pool)
        return answer.observation(self._side, loop.time() - began)

    def _head(self, request: RequestSnapshot, host: bytes) -> bytes:
        lines = [
            b"%b %b HTTP/1.1\r\nHost: %b\r\n"
            % (request.method.encode(), request.target.encode("latin-1"), host)
        ]
        lines += [b"%b: %b\r\n" % pair for pair in request.headers]
        lines.append(self._via + b"Banyan-Shadow: 1\r\n")
        if request.body or request.method not in ("GET", "HEAD", "OPTIONS"):
            lines.append(b"Content-Length: %d\r\n" % len(request.body))
        lines.append(b"\r\n")
        return b"".join(lines)


class _Answer:
    """Receives one answer; ``done`` is resolved when it has ended, well or not."""

    def __init__(
        self, request: RequestSnapshot, head: bytes, done: asyncio.Future[None], max_body: int
    ) -> None:
        self._request = request
        self._request_head = head
        self.done = done
        self._max_body = max_body
        self._upstream: Upstream | None = None
        self._status = 0
        self._fields: Fields = []
        self._pieces: list[bytes] = []
        self._size = 0
        self._cut = False
        self._truncated = False
        self._error = ""

    def observation(self, side: SideName, elapsed: float) -> Observation:
        """What this side did, as far as it got."""
        return Observation(
            side,
            self._status,
            tuple(self._fields),
            b"".join(self._pieces),
            self._cut,
            self._truncated,
            elapsed,
            self._error,
        )

    def give_up(self, error: str, pool: UpstreamPool) -> None:
        """Wait no longer."""
        self._error = error
        self._status = 0
        pool.cancel(self)
        self._end()
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.abandon()

    def connected(self, upstream: Upstream) -> None:
        if self.done.done():
            upstream.release()
            return
        self._upstream = upstream
        upstream.start(self, head_only=self._request.method == "HEAD")
        upstream.send(self._request_head + self._request.body)

    def interim(self, head: ResponseHead) -> None:
        """Nobody waits for it here."""

    def head(self, head: ResponseHead, facts: ResponseFacts) -> None:
        self._status = head.status
        self._fields = head.fields

    def piece(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= self._max_body:
            self._pieces.append(data)
            return
        self._cut = True  # enough is known; the rest is not worth the other side's bytes

    def flush(self) -> None:
        if self._cut:
            upstream, self._upstream = self._upstream, None
            if upstream is not None:
                upstream.abandon()
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
            self._error = "timeout" if failure.reason in _TIMEOUTS else failure.reason.value
        self._end()

    def switched(self, head: ResponseHead, facts: ResponseFacts, rest: bytes) -> None:
        self._error = Reason.BAD_ANSWER.value
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.abandon()
        self._end()

    def upstream_congested(self) -> None:
        """The body is bounded already."""

    def upstream_drained(self) -> None:
        """The body is bounded already."""

    def _end(self) -> None:
        if not self.done.done():
            self.done.set_result(None)
