"""The connections to one application: reuse, limit, waiting line. Knows one address, from the
configuration, and no other."""

from __future__ import annotations

import asyncio
import errno
import logging
import math
import ssl
from collections import deque
from typing import NamedTuple

from gateway.core.failure import Failure, Phase, Reason
from gateway.wire.known import KnownAnswers
from gateway.wire.limits import UpstreamLimits
from gateway.wire.outbox import Outbox
from gateway.wire.sweep import Sweeper
from gateway.wire.upstream import AnswerReceiver, Upstream

_log = logging.getLogger("banyan.wire")
_NO_MORE_FILES = frozenset({errno.EMFILE, errno.ENFILE})


class Tls(NamedTuple):
    """How connections are wrapped. ``name`` is the one that the application's certificate must have."""

    context: ssl.SSLContext
    name: str


_SLICES = 10
"""Parts of a second over which new connections are spread."""
_RESTED = 1.0
"""Seconds of idling after which a connection that dies was probably closed for its age, not with the
application: gunicorn closes one after 2 s, uvicorn after 5. Where one does sooner, the other side answers."""


class UpstreamPool:
    """Gives connections to receivers. Idle ones are taken last in, first out, and closed at the age of
    ``keep_alive``,

    which stays below the application's own limit, so that a request does not meet a connection that is
    being closed. ``deadline`` and ``expired`` are for the sweeper.
    """

    __slots__ = (
        "_connecting",
        "_host",
        "_idle",
        "_loop",
        "_open",
        "_port",
        "_refusal",
        "_refused_until",
        "_sweeper",
        "_tasks",
        "_timer",
        "_tls",
        "_tried_at",
        "_waiting",
        "deadline",
        "known",
        "limits",
        "outbox",
    )

    def __init__(
        self, host: str, port: int, limits: UpstreamLimits, sweeper: Sweeper, tls: Tls | None = None
    ) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self.limits = limits
        self.known = KnownAnswers()
        self._sweeper = sweeper
        self._loop = asyncio.get_running_loop()
        self.outbox = Outbox(self._loop)
        self._idle: deque[Upstream] = deque()
        self._open: set[Upstream] = set()
        self._connecting = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: deque[AnswerReceiver] = deque()
        self._tried_at: deque[float] = deque(maxlen=max(1, limits.connects // _SLICES))
        self._timer: asyncio.TimerHandle | None = None
        self._refusal: Failure | None = None
        self._refused_until = 0.0
        self.deadline = math.inf
        sweeper.members.add(self)

    @property
    def size(self) -> int:
        """Connections open or being opened."""
        return len(self._open) + self._connecting

    def ask(self, receiver: AnswerReceiver, *, fresh: bool = False) -> None:
        """Call ``receiver.connected`` at once with an idle connection, or later with a new one; or
        ``receiver.failed``.

        ``fresh``: never an idle one, because the last one turned out to be stale.
        """
        idle, now = self._idle, self._sweeper.now
        while idle and not fresh:
            upstream = idle.pop()
            age = now - upstream.idle_since
            if age <= self.limits.keep_alive and not upstream.transport.is_closing():
                upstream.rested = age > _RESTED
                receiver.connected(upstream)
                return
            self.forget(upstream)
            upstream.transport.abort()
        limits = self.limits
        if self._refusal is not None and (self._connecting or self._loop.time() < self._refused_until):
            receiver.failed(self._refusal)
        elif self.size < limits.connections and not self._waiting and self._pause() <= 0:
            self._connect(receiver)
        elif self.size + len(self._waiting) < limits.connections + limits.waiting:
            self._waiting.append(receiver)
            self._connect_waiting()
        else:
            receiver.failed(
                Failure(Phase.CONNECT, Reason.POOL_FULL, "too many requests wait for this application")
            )

    def cancel(self, receiver: AnswerReceiver) -> bool:
        """``receiver`` waits no longer. False: it was not in the line; its connection is being opened."""
        if receiver not in self._waiting:
            return False
        self._waiting.remove(receiver)
        return True

    @property
    def line(self) -> tuple[AnswerReceiver, ...]:
        """Who waits for a connection, the first one first."""
        return tuple(self._waiting)

    def put_back(self, upstream: Upstream) -> None:
        """An answer ended well: somebody who waits takes the connection, or it idles."""
        upstream.used = max(upstream.used, 1)  # from now on it may be stale, though nobody asked anything
        if self._waiting:
            upstream.rested = False
            self._waiting.popleft().connected(upstream)
            return
        upstream.idle_since = self._sweeper.now
        self._idle.append(upstream)
        if self.deadline == math.inf:
            self.deadline = upstream.idle_since + self.limits.keep_alive

    def expired(self) -> None:
        """Close the connections that nobody may use any more."""
        oldest = self._sweeper.now - self.limits.keep_alive
        while self._idle and self._idle[0].idle_since <= oldest:
            upstream = self._idle.popleft()
            self.forget(upstream)
            upstream.transport.abort()
        self.deadline = self._idle[0].idle_since + self.limits.keep_alive if self._idle else math.inf

    def forget(self, upstream: Upstream) -> None:
        """A connection is gone; its place is free."""
        if upstream in self._open:
            self._open.discard(upstream)
            if upstream in self._idle:
                self._idle.remove(upstream)
            self._connect_waiting()

    def close(self) -> None:
        """End every connection."""
        self._sweeper.members.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        for upstream in list(self._open):
            upstream.transport.abort()

    def _pause(self) -> float:
        """Seconds until another connection may be tried: at most so many in a second, evenly. When everybody
        is turned back at once, the application meets them one after the other."""
        tried = self._tried_at
        if len(tried) != tried.maxlen:
            return 0.0
        return tried[0] + len(tried) / self.limits.connects - self._loop.time()

    def _connect_waiting(self) -> None:
        """Connections for those in the line, as far as there may be more now; the rest in a moment."""
        while self._waiting and self.size < self.limits.connections:
            pause = self._pause()
            if pause > 0:
                if self._timer is None:
                    self._timer = self._loop.call_later(pause, self._in_a_moment)
                return
            self._connect(self._waiting.popleft())

    def _in_a_moment(self) -> None:
        self._timer = None
        self._connect_waiting()

    def _connect(self, receiver: AnswerReceiver) -> None:
        self._connecting += 1
        self._tried_at.append(self._loop.time())
        task = self._loop.create_task(self._open_for(receiver))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _open_for(self, receiver: AnswerReceiver) -> None:
        try:
            async with asyncio.timeout(self.limits.connect_timeout):
                upstream = await self._opened()
        except TimeoutError:
            failure = Failure(
                Phase.CONNECT, Reason.CONNECT_TIMEOUT, "the application did not accept a connection in time"
            )
            self._refusal = None  # it hangs now, and whoever asks is to find that out
        except OSError as error:
            failure = _failure(error)
            if isinstance(error, ConnectionRefusedError):
                self._refused(failure)
            elif failure.reason is not Reason.POOL_FULL:
                self._refusal = None
        except Exception as mistake:  # noqa: BLE001 - whatever it is, its client waits
            _log.error("a connection could not be tried", exc_info=mistake)
            failure = Failure(Phase.CONNECT, Reason.CONNECT_REFUSED, "no connection could be tried")
        else:
            if not upstream.transport.is_closing():
                self._connecting -= 1
                self._refusal = None
                self._open.add(upstream)
                receiver.connected(upstream)
                return
            # It closed, or spoke, before anything was asked: the request has reached nobody.
            self._refusal = None
            failure = Failure(
                Phase.CONNECT, Reason.CLOSED_EARLY, "the application closed the connection at once"
            )
        self._connecting -= 1
        receiver.failed(failure)
        self._connect_waiting()

    def _refused(self, failure: Failure) -> None:
        """Where a refusal speaks for others, it does for those in the line, too."""
        if not self.limits.refused_for:
            return
        self._refusal, self._refused_until = failure, self._loop.time() + self.limits.refused_for
        waiting, self._waiting = self._waiting, deque()
        for receiver in waiting:
            receiver.failed(failure)

    async def _opened(self) -> Upstream:
        if self._tls is None:
            return (await self._loop.create_connection(lambda: Upstream(self), self._host, self._port))[1]
        _, upstream = await self._loop.create_connection(
            lambda: Upstream(self),
            self._host,
            self._port,
            ssl=self._tls.context,
            server_hostname=self._tls.name,
            ssl_shutdown_timeout=self.limits.connect_timeout,
        )
        return upstream


def _failure(error: OSError) -> Failure:
    """Why there is no connection. That this process may open no more says nothing of the application."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return Failure(
            Phase.CONNECT,
            Reason.TLS_CERTIFICATE,
            f"the application is not who it should be: {error.verify_message}",
        )
    if isinstance(error, ssl.SSLError):
        return Failure(Phase.CONNECT, Reason.TLS_PROTOCOL, "the application does not speak TLS as it should")
    if error.errno in _NO_MORE_FILES:
        return Failure(Phase.CONNECT, Reason.POOL_FULL, "no more connections can be opened here")
    return Failure(
        Phase.CONNECT, Reason.CONNECT_REFUSED, f"no connection to the application: {error.strerror}"
    )
