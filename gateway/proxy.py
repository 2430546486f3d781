"""The path of one request, in nine steps. This is where a request is decided; everything else here serves
these lines.

1. read      head parsed and checked by ``wire``; what this gateway refuses by itself is refused here
2. match     routing table → feature, or none (then legacy)
3. evaluate  flag snapshot → position of this sticky key
4. decide    one pure function, one order of precedence, one cause
5. bridge    a key is minted for who brought none (a session that changes sides starts afresh for now)
6. forward   to the chosen side
7. fall back a loop over ``decision.attempts``, allowed by one pure table
8. relay     head, then pieces, with back-pressure both ways and a bounded copy for the comparison
9. publish   counters, breaker, captured exchange; never awaited, never able to fail the request

No task, no lock, no file and no system call but the sockets' own stand on this path.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from flags import Evaluation, FlagSnapshot, evaluate
from gateway.capture import Capture, CapturePlan
from gateway.core.breaker import Breaker
from gateway.core.decision import UNMATCHED, Side, decide
from gateway.core.event import FellBack, GatewayAnswered, RequestFinished
from gateway.core.failure import SERVER_ERRORS, Failure, Phase, Reason, Repeat, may_ask_again, may_fall_back
from gateway.core.forwarding import forwarding_lines, has_been_here
from gateway.core.headers import RequestFacts, ResponseFacts
from gateway.core.message import IDEMPOTENT_METHODS, Field, RequestHead, ResponseHead
from gateway.core.route import Route, RouteTable
from gateway.core.target import Target
from gateway.sessions import StickyKey, StickyKeys
from gateway.wire import (
    LAST_CHUNK,
    WEBSOCKET_RESTART,
    WRITE_HIGH_WATER,
    Downstream,
    ListenLimits,
    Sweeper,
    Tunnel,
    Upstream,
    UpstreamPool,
    chunk,
    gateway_answer,
    status_line,
)
from shadow import Observation, RequestSnapshot

_log = logging.getLogger("banyan.proxy")
_NO_BODY = frozenset({204, 304})
_RETRY_SHARE = 0.2
_RETRIES_ALWAYS = 3
_NO_FEATURE = "none"


class FeaturePolicy(NamedTuple):
    """What the request path must know of one feature."""

    fallback: str
    breaker: Breaker


class Sink(Protocol):
    """Receives what happened. Must return at once and never raise."""

    def finished(self, event: RequestFinished) -> None: ...
    def fell_back(self, event: FellBack) -> None: ...
    def gateway_answered(self, event: GatewayAnswered) -> None: ...


@dataclass(slots=True)
class Proxy:
    """What the requests of one worker share. Built in ``worker.py``; ``new_id`` gives 128 random bits."""

    limits: ListenLimits
    sweeper: Sweeper
    routes: RouteTable
    policies: Mapping[str, FeaturePolicy]
    flags: Callable[[], FlagSnapshot]
    sticky: StickyKeys
    pools: Mapping[Side, UpstreamPool]
    origins: Mapping[Side, tuple[bytes, ...]]
    capture: Capture
    sink: Sink
    pseudonym: bytes
    new_id: Callable[[], int]
    is_trusted: Callable[[str], bool]
    expose_decision: bool
    keep_body: int
    scheme: bytes = b"http"
    clients: set[Downstream] = field(default_factory=set)
    tunnels: dict[Tunnel, RequestPath] = field(default_factory=dict)
    draining: bool = False
    active: int = 0
    retrying: int = 0

    def open(self, client: Downstream, head: RequestHead, facts: RequestFacts, target: Target) -> RequestPath:
        """A request has been read to the end of its head."""
        return RequestPath(self, client, head, facts, target)

    def refused(self, status: int) -> None:
        """The wire has refused a request that never became one."""
        self.sink.gateway_answered(GatewayAnswered(f"refused_{status}"))

    def close_tunnels(self, snapshot: FlagSnapshot) -> None:
        """Close what is open to the new side for a feature that was taken back, so that its clients come
        back to legacy."""
        for tunnel, path in list(self.tunnels.items()):
            if path.side is Side.NEW and snapshot.latched(path.feature):
                tunnel.close(WEBSOCKET_RESTART)

    def tunnel_closed(self, tunnel: Tunnel) -> None:
        """Either end of a tunnel has gone."""
        self.tunnels.pop(tunnel, None)

    def may_retry(self) -> bool:
        """Retries stay below a fifth of what is in flight, so that they cannot become a storm."""
        return self.retrying < max(_RETRIES_ALWAYS, self.active * _RETRY_SHARE)


class RequestPath:
    """One request on its way through the nine steps."""

    __slots__ = (
        "_answered",
        "_attempt",
        "_body",
        "_body_done",
        "_body_kept",
        "_body_sent",
        "_body_size",
        "_chunked_out",
        "_client",
        "_copy",
        "_copy_cut",
        "_copy_size",
        "_decided",
        "_decision",
        "_ended",
        "_evaluation",
        "_facts",
        "_head",
        "_head_lines",
        "_id",
        "_keep",
        "_key",
        "_no_body",
        "_out",
        "_over",
        "_plan",
        "_proxy",
        "_repeats",
        "_retry_counted",
        "_route",
        "_started",
        "_status",
        "_target",
        "_upstream",
        "feature",
        "side",
    )

    # 1. read

    def __init__(
        self, proxy: Proxy, client: Downstream, head: RequestHead, facts: RequestFacts, target: Target
    ) -> None:
        self._proxy = proxy
        self._client = client
        self._head = head
        self._facts = facts
        self._target = target
        self._started = time.perf_counter()
        self._body: list[bytes] = []
        self._body_size = 0
        self._body_sent = 0
        self._body_kept = True
        self._body_done = False
        self._upstream: Upstream | None = None
        self._attempt = 0
        self._repeats = 0
        self._retry_counted = False
        self._decided = False
        self._decision = UNMATCHED
        self._route: Route | None = None
        self._key: StickyKey | None = None
        self._evaluation: Evaluation | None = None
        self.feature = _NO_FEATURE
        self.side = Side.LEGACY
        self._answered: ResponseHead | None = None
        self._status = 0
        self._out: list[bytes] = []
        self._chunked_out = False
        self._no_body = False
        self._copy: list[bytes] = []
        self._copy_size = 0
        self._copy_cut = False
        self._plan: CapturePlan | None = None
        self._ended = False
        self._over = False

    def begin(self) -> None:
        """It is this request's turn on its connection."""
        proxy = self._proxy
        proxy.active += 1
        facts = self._facts
        self._keep = self._head.minor_version == 1 and not facts.close
        if has_been_here(facts.via, proxy.pseudonym):
            self._answer_self(508, "this request has been here before", "proxy_loop_detected")
        elif facts.max_forwards == 0 and self._head.method == b"OPTIONS":
            self._write_whole(
                b"HTTP/1.1 204 No Content\r\nAllow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n\r\n", 204
            )
        else:
            self._decide()
            self._forward()

    # 2. match, 3. evaluate, 4. decide

    def _decide(self) -> None:
        proxy = self._proxy
        route = self._route = proxy.routes.match(self._head.method, self._target.path)
        self._decided = True
        if route is None:
            return  # the decision is UNMATCHED, as it was at the beginning
        feature = self.feature = route.feature
        snapshot = proxy.flags()
        state = snapshot.feature(feature)
        key = self._key = proxy.sticky.find(self._facts)
        evaluation = self._evaluation = evaluate(state, feature, key.value)
        self._decision = decide(
            matched=True,
            everything_latched=snapshot.everything_latched,
            feature_latched=state.latched,
            breaker_open=proxy.policies[feature].breaker.blocks(proxy.sweeper.now),
            selected=evaluation.selected,
        )
        self.side = self._decision.side

    # 5. bridge, 6. forward

    def _forward(self) -> None:
        facts = self._facts
        self._id = self._proxy.new_id()
        self._head_lines = self._request_head()
        if self._route is not None and self._key is not None and not facts.upgrade:
            begins = self._key.minted or not facts.cookie
            self._plan = self._proxy.capture.plan(
                self._route, self._key.value, self._head.method, self.side, begins
            )
        if self._body_done:
            self._client.deadline = (
                self._proxy.sweeper.now + self._proxy.pools[self.side].limits.first_byte_timeout
            )
        else:
            self._client.watch_body()
        self._ask()

    def _request_head(self) -> bytes:
        """The head as it goes upstream: what the client sent, less what ends here, plus who asked."""
        proxy, facts, head = self._proxy, self._facts, self._head
        lines = [b"%b %b HTTP/1.1\r\nHost: %b\r\n" % (head.method, self._target.forward, facts.host)]
        lines += [b"%b: %b\r\n" % pair for pair in facts.kept]
        lines.append(forwarding_lines(facts, self._client.peer, proxy.scheme, trusted=self._client.trusted))
        via = facts.via + b", " if facts.via else b""
        lines.append(b"Via: %b1.%d %b\r\n" % (via, head.minor_version, proxy.pseudonym))
        lines.append(self._trace_lines())
        if facts.max_forwards is not None:
            lines.append(b"Max-Forwards: %d\r\n" % max(0, facts.max_forwards - 1))
        if facts.chunked:
            lines.append(b"Transfer-Encoding: chunked\r\n\r\n")
        elif facts.length is not None:
            lines.append(b"Content-Length: %d\r\n\r\n" % facts.length)
        elif facts.upgrade:
            lines.append(b"Connection: Upgrade\r\nUpgrade: %b\r\n\r\n" % facts.upgrade)
        else:
            lines.append(b"\r\n")
        return b"".join(lines)

    def _trace_lines(self) -> bytes:
        own = b"%032x" % self._id
        trace = self._facts.traceparent or b"00-%b-%b-01" % (own, own[16:])
        return b"traceparent: %b\r\nX-Request-Id: %b\r\n" % (trace, self._facts.request_id or own)

    def _ask(self, *, fresh: bool = False) -> None:
        side = self._decision.attempts[self._attempt]
        self.side = side
        if side is Side.NEW:
            self._proxy.policies[self.feature].breaker.sent(self._proxy.sweeper.now)
        self._proxy.pools[side].ask(self, fresh=fresh)

    def connected(self, upstream: Upstream) -> None:
        """A connection to the chosen side is there: send what has been read of the request so far."""
        if self._over:
            upstream.release()
            return
        self._client.resume()
        self._upstream = upstream
        upstream.start(self, head_only=self._head.method == b"HEAD")
        if self._facts.expects_continue and not self._body_done and not self._body:
            self._facts.expects_continue = False
            self._client.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._body_sent = 0
        upstream.send(self._head_lines + self._unsent())

    def body(self, data: bytes) -> None:
        """A piece of the request's body. Kept, up to a bound, for a second attempt and for the shadow."""
        self._body.append(data)
        self._body_size += len(data)
        if self._upstream is not None:
            self._upstream.send(self._unsent())
        elif self._body_size > WRITE_HIGH_WATER:
            self._client.pause()

    def complete(self) -> None:
        """The request has been read to its end."""
        self._body_done = True
        if self._upstream is not None:
            if self._facts.chunked:
                self._upstream.send(LAST_CHUNK)
            if self._answered is None:
                limits = self._proxy.pools[self.side].limits
                self._client.deadline = self._proxy.sweeper.now + limits.first_byte_timeout

    def _unsent(self) -> bytes:
        pieces = self._body[self._body_sent :]
        if self._body_size > self._proxy.keep_body:
            self._body.clear()
            self._body_kept = False
        self._body_sent = len(self._body)
        if self._facts.chunked:
            pieces = [chunk(piece) for piece in pieces]
            if self._body_done:
                pieces.append(LAST_CHUNK)
        return b"".join(pieces)

    def upstream_congested(self) -> None:
        """The application reads slowly: so do we."""
        self._client.pause()

    def upstream_drained(self) -> None:
        """The application reads on."""
        self._client.resume()

    # 7. fall back

    def failed(self, failure: Failure) -> None:
        """An attempt failed: ask again where the tables allow it, else say so."""
        if self._over:
            return
        self._upstream = None
        upstream_reused = failure.reason is Reason.CLOSED_EARLY and failure.phase is Phase.WAIT
        if self._answered is not None:
            self._cut(failure)
        elif upstream_reused and self._repeatable_here():
            self._repeats += 1
            self._ask(fresh=True)
        else:
            self._note_failure()
            if not self._fall_back(failure):
                self._answer_self(failure.status, failure.detail, failure.proxy_error, reason=failure.reason)

    def _repeatable_here(self) -> bool:
        """A connection that died of old age says nothing of the application: once more, on a new one
        (rule: retries)."""
        return (
            self._repeats == 0
            and self._body_kept
            and self._head.method in IDEMPOTENT_METHODS
            and self._count_retry()
        )

    def _fall_back(self, failure: Failure) -> bool:
        if self._attempt + 1 >= len(self._decision.attempts):
            return False
        policy = self._proxy.policies[self.feature].fallback
        repeat = Repeat(
            policy, self._head.method, failure.phase, self._body_kept, self._facts.idempotency_key
        )
        if not may_fall_back(repeat) or not (failure.phase is Phase.CONNECT or self._count_retry()):
            return False
        self._attempt += 1
        self._lose_capture()
        self._proxy.sink.fell_back(FellBack(self.feature, failure.reason))
        limits = self._proxy.pools[Side.LEGACY].limits
        self._client.deadline = self._proxy.sweeper.now + limits.first_byte_timeout
        self._ask()
        return True

    def _count_retry(self) -> bool:
        if self._retry_counted:
            return True
        if not self._proxy.may_retry():
            return False
        self._proxy.retrying += 1
        self._retry_counted = True
        return True

    def _note_failure(self) -> None:
        if self.side is Side.NEW:
            self._proxy.policies[self.feature].breaker.failed(self._proxy.sweeper.now)

    # 8. relay

    def interim(self, head: ResponseHead) -> None:
        """An informational answer. 103 goes on; 100 is ours to say (RFC 9110 section 15.2)."""
        if head.status != 100 and self._head.minor_version == 1 and not self._over:
            fields = b"".join(b"%b: %b\r\n" % pair for pair in head.fields)
            self._client.write(status_line(head.status, head.reason) + fields + b"\r\n")

    def head(self, head: ResponseHead, facts: ResponseFacts) -> None:
        """The answer begins."""
        if self._over:
            return
        if self.side is Side.NEW:
            self._note_status(head.status)
            if self._asks_again(head.status):
                return
        self._answered = head
        self._status = head.status
        self._no_body = self._head.method == b"HEAD" or head.status in _NO_BODY
        until_close = not self._no_body and facts.length is None
        if until_close and self._head.minor_version == 0:
            self._keep = False
        self._chunked_out = until_close and self._head.minor_version == 1
        self._out = self._answer_head(head, facts)

    def _note_status(self, status: int) -> None:
        breaker = self._proxy.policies[self.feature].breaker
        if status in SERVER_ERRORS:
            breaker.failed(self._proxy.sweeper.now)
        else:
            breaker.succeeded()

    def _asks_again(self, status: int) -> bool:
        if not may_ask_again(self._head.method, status):
            return False
        upstream = self._upstream
        failure = Failure(Phase.WAIT, Reason.SERVER_ERROR, "")
        self._upstream = None
        if self._fall_back(failure):
            if upstream is not None:
                upstream.abandon()
            return True
        self._upstream = upstream
        return False

    def _answer_head(self, head: ResponseHead, facts: ResponseFacts) -> list[bytes]:
        """The head as it goes to the client: what the application sent, less what ended here, plus what
        is ours."""
        proxy = self._proxy
        kept = facts.kept if not facts.location else [self._public(pair) for pair in facts.kept]
        if head.status == 204:
            kept = [pair for pair in kept if pair[0].lower() != b"content-length"]
        lines = [status_line(head.status, head.reason)]
        lines += [b"%b: %b\r\n" % pair for pair in kept]
        lines.append(b"Via: 1.%d %b\r\n" % (head.minor_version, proxy.pseudonym))
        if self._key is not None and self._key.minted:
            lines.append(proxy.sticky.set_cookie(self._key, secure=proxy.scheme == b"https"))
            if facts.shareable:
                lines.append(b"Cache-Control: private\r\n")  # a shared cache would give this key to everybody
        if self._evaluation is not None and facts.shareable and 0 < self._evaluation.percent < 10_000:
            lines.append(b"Vary: Cookie\r\n")
        if proxy.expose_decision:
            cause = self._decision.cause.encode()
            lines.append(b"Banyan-Side: %b\r\nBanyan-Cause: %b\r\n" % (self.side.encode(), cause))
        if self._chunked_out:
            lines.append(b"Transfer-Encoding: chunked\r\n")
        lines.append(b"\r\n" if self._keep and not proxy.draining else b"Connection: close\r\n\r\n")
        return lines

    def _public(self, pair: Field) -> Field:
        """A Location that names an application's own address is given the public one."""
        name, value = pair
        if name.lower() not in (b"location", b"content-location"):
            return pair
        for origin in self._proxy.origins[self.side]:
            if value.startswith(origin) and value[len(origin) : len(origin) + 1] in (b"", b"/", b"?", b"#"):
                return name, b"%b://%b%b" % (self._proxy.scheme, self._facts.host, value[len(origin) :])
        return pair

    def piece(self, data: bytes) -> None:
        """A piece of the answer's body."""
        if self._over or self._answered is None:
            return
        if not self._no_body:
            self._out.append(chunk(data) if self._chunked_out else data)
        if self._plan is not None and not self._copy_cut:
            self._copy_piece(data)

    def _copy_piece(self, data: bytes) -> None:
        self._copy_size += len(data)
        if self._copy_size > self._proxy.keep_body:
            self._copy_cut = True
        else:
            self._copy.append(data)

    def flush(self) -> None:
        """All that came in one read goes out in one write."""
        if self._out and not self._over:
            self._client.write(b"".join(self._out))
            self._out.clear()
            if self._body_done:
                limits = self._proxy.pools[self.side].limits
                self._client.deadline = self._proxy.sweeper.now + limits.idle_timeout

    def end(self) -> None:
        """The answer has ended."""
        upstream, self._upstream = self._upstream, None
        if self._over or upstream is None:
            return
        if self._chunked_out:
            self._out.append(LAST_CHUNK)
        self.flush()
        if self._body_done:
            upstream.release()
        else:
            upstream.abandon()
        self._ended = True
        self._finish()
        self._client.finished(keep=self._keep)

    def client_congested(self) -> None:
        """The client reads slowly: so do we."""
        if self._upstream is not None and not self._upstream.transport.is_closing():
            self._upstream.transport.pause_reading()

    def client_drained(self) -> None:
        """The client reads on."""
        if self._upstream is not None and not self._upstream.transport.is_closing():
            self._upstream.transport.resume_reading()

    def switched(self, head: ResponseHead, facts: ResponseFacts, rest: bytes) -> None:
        """Both sides speak another protocol from here on; the side stays what it was at the handshake."""
        upstream = self._upstream
        if upstream is None or self._over:
            return
        if not self._facts.upgrade:
            self._upstream = None
            upstream.abandon()
            self.failed(
                Failure(
                    Phase.WAIT, Reason.BAD_ANSWER, "the application switched protocols without being asked"
                )
            )
            return
        self._status = head.status
        if self.side is Side.NEW:
            self._proxy.policies[self.feature].breaker.succeeded()
        lines = [status_line(101, head.reason), *(b"%b: %b\r\n" % pair for pair in facts.kept)]
        lines.append(b"Connection: Upgrade\r\nUpgrade: %b\r\n\r\n" % self._facts.upgrade)
        self._client.write(b"".join(lines) + rest)
        tunnel = Tunnel(self._client.transport, upstream.transport, self._proxy.tunnel_closed)
        self._proxy.tunnels[tunnel] = self
        upstream.piped = tunnel.upstream
        early = self._client.switch(tunnel.client)
        if early:
            upstream.send(early)
        self._finish()

    # The ends that are not good ones.

    def client_gone(self) -> None:
        """The client left: what runs for it is cancelled."""
        if self._over:
            return
        self._status = 0
        self._give_up()
        self._finish()

    def refused(self, status: int) -> bool:
        """The rest of the request breaks a rule. Returns whether part of an answer is out already."""
        self._give_up()
        self._status = status
        begun = self._answered is not None
        self._finish()
        return begun

    def expired(self) -> None:
        """The application took too long."""
        upstream = self._upstream
        if not self._give_up():
            self._client.deadline = (
                self._proxy.sweeper.now + self._proxy.pools[self.side].limits.connect_timeout
            )
            return  # still connecting, and the pool says when that took too long
        reason = Reason.FIRST_BYTE_TIMEOUT if upstream is not None else Reason.CONNECT_TIMEOUT
        if self._answered is not None:
            reason = Reason.IDLE_TIMEOUT
        phase = (
            Phase.RELAY
            if self._answered is not None
            else Phase.WAIT
            if upstream is not None
            else Phase.CONNECT
        )
        self.failed(Failure(phase, reason, "the application took too long"))

    def _give_up(self) -> bool:
        """Stop waiting for the application. False: a connection is just being opened, and will be told
        when it comes."""
        upstream, self._upstream = self._upstream, None
        if upstream is None:
            return self._proxy.pools[self.side].cancel(self)
        upstream.abandon()
        return True

    def _cut(self, failure: Failure) -> None:
        """The answer ends early, and so it reaches the client: no last chunk, the connection closed."""
        self._note_failure()
        self._proxy.sink.gateway_answered(GatewayAnswered(failure.reason))
        self.flush()
        self._finish()
        self._client.cut()

    def _lose_capture(self) -> None:
        plan, self._plan = self._plan, None
        if plan is not None:
            self._proxy.capture.lost(plan)

    def _answer_self(self, status: int, detail: str, error: str, *, reason: str = "") -> None:
        """The gateway's own answer, told apart from the applications' by Proxy-Status."""
        self._proxy.sink.gateway_answered(GatewayAnswered(reason or f"refused_{status}"))
        close = not (self._keep and self._body_done)
        answer = gateway_answer(
            status, detail, error=error, close=close, head_only=self._head.method == b"HEAD"
        )
        self._keep = not close
        self._write_whole(answer, status)

    def _write_whole(self, answer: bytes, status: int) -> None:
        self._status = status
        self._client.write(answer)
        self._finish()
        self._client.finished(keep=self._keep)

    # 9. publish

    def _finish(self) -> None:
        if self._over:
            return
        self._over = True
        proxy = self._proxy
        proxy.active -= 1
        if self._retry_counted:
            proxy.retrying -= 1
        seconds = time.perf_counter() - self._started
        if self._decided:
            event = RequestFinished(self.feature, self.side, self._decision.cause, self._status, seconds)
            proxy.sink.finished(event)
        plan = self._plan
        if plan is None:
            return
        if self._ended and self._answered is not None:
            answer = self._observation(self._answered, seconds)
            proxy.capture.offer(plan, self._request_snapshot(), answer, f"{self._id:032x}")
        else:
            self._lose_capture()

    def _request_snapshot(self) -> RequestSnapshot:
        """An immutable copy of what was asked; the worker forgets it with this request."""
        own = b"%032x" % self._id
        facts = self._facts
        trace = facts.traceparent or b"00-%b-%b-01" % (own, own[16:])
        ids = ((b"Host", facts.host), (b"X-Request-Id", facts.request_id or own), (b"traceparent", trace))
        return RequestSnapshot(
            self._head.method.decode(),
            self._target.forward.decode("latin-1"),
            (*ids, *facts.kept),
            b"".join(self._body) if self._body_kept else b"",
            not self._body_kept,
        )

    def _observation(self, head: ResponseHead, seconds: float) -> Observation:
        return Observation(
            self.side.value,
            head.status,
            tuple(head.fields),
            b"".join(self._copy),
            self._copy_cut,
            False,
            seconds,
        )
