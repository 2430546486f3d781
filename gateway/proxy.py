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

import time

from flags import Evaluation, evaluate
from gateway.capture import CapturePlan
from gateway.core.decision import UNMATCHED, Side, decide
from gateway.core.event import BreakerMoved, FellBack, GatewayAnswered, RequestFinished
from gateway.core.failure import (
    BUDGETED,
    SERVER_ERRORS,
    Failure,
    Phase,
    Reason,
    Repeat,
    may_ask_again,
    may_fall_back,
)
from gateway.core.forwarding import has_been_here, public_origin
from gateway.core.headers import RequestFacts, ResponseFacts
from gateway.core.message import ALLOWED, IDEMPOTENT_METHODS, RequestHead, ResponseHead
from gateway.core.route import Route
from gateway.core.target import Target
from gateway.lines import Sender, decision_lines, ids_of, key_lines, request_lines
from gateway.sessions import StickyKey
from gateway.traffic import Traffic
from gateway.wire import (
    LAST_CHUNK,
    WRITE_HIGH_WATER,
    Downstream,
    Refusal,
    Reply,
    RequestBody,
    Tunnel,
    Upstream,
    UpstreamLimits,
    answer_head,
    date_line,
    field_lines,
    gateway_answer,
    public_field,
    request_head,
    status_line,
)
from shadow import Observation, RequestSnapshot

_NO_FEATURE = "none"
_WAITING_BODY = 64 * 1024
"""Bytes of a body that are read before its request goes upstream, while other bodies hold their share of
connections."""


class Proxy(Traffic):
    """What ``wire`` hands the requests of this worker to."""

    __slots__ = ()

    def open(self, client: Downstream, head: RequestHead, facts: RequestFacts, target: Target) -> RequestPath:
        """A request has been read to the end of its head."""
        return RequestPath(self, client, head, facts, target)


class RequestPath:
    """One request on its way through the nine steps."""

    __slots__ = (
        "_attempt",
        "_begun",
        "_body",
        "_client",
        "_decided",
        "_decision",
        "_ended",
        "_evaluation",
        "_facts",
        "_head",
        "_head_lines",
        "_ids",
        "_interim_sent",
        "_keep",
        "_key",
        "_over",
        "_plan",
        "_proxy",
        "_reached",
        "_reply",
        "_retry_counted",
        "_route",
        "_started",
        "_status",
        "_target",
        "_uploads_to",
        "_upstream",
        "_waits_for_body",
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
        self._body = RequestBody(proxy.keep_body, chunked=facts.chunked)
        self._keep = head.minor_version == 1 and not facts.close
        self._begun = False
        self._upstream: Upstream | None = None
        self._attempt = 0
        self._reached = 0
        self._retry_counted = False
        self._decided = False
        self._decision = UNMATCHED
        self._route: Route | None = None
        self._key: StickyKey | None = None
        self._evaluation: Evaluation | None = None
        self.feature = _NO_FEATURE
        self.side = Side.LEGACY
        self._interim_sent = False
        self._waits_for_body = False
        self._uploads_to: Side | None = None
        self._reply: Reply | None = None
        self._status = 0
        self._plan: CapturePlan | None = None
        self._ended = False
        self._over = False

    def begin(self) -> None:
        """It is this request's turn on its connection."""
        self._begun = True
        proxy, facts = self._proxy, self._facts
        proxy.active += 1
        if has_been_here(facts.via, proxy.pseudonym):
            self._answer_self(508, "this request has been here before", "proxy_loop_detected")
        elif self._head.method == b"OPTIONS" and (self._target.path == b"*" or facts.max_forwards == 0):
            self._answer_options()
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
        if facts.length is not None and facts.length > self._limits.body:
            self._answer_self(413, "the body is too large for the application", "http_request_error")
            return
        proxy, head, client = self._proxy, self._head, self._client
        ids = self._ids = ids_of(facts, proxy.new_id())
        sender = Sender(client.peer, client.trusted, proxy.scheme, head.minor_version)
        ours = request_lines(facts, sender, ids, proxy.pseudonym)
        self._head_lines = request_head(head, facts, self._target, ours)
        if self._route is not None and self._key is not None and not facts.upgrade:
            begins = self._key.minted or not facts.cookie
            self._plan = proxy.capture.plan(self._route, self._key.value, head.method, self.side, begins)
        client.wait_for_upstream(self._limits.first_byte_timeout)
        self._ask()

    @property
    def _limits(self) -> UpstreamLimits:
        return self._proxy.pools[self.side].limits

    def _ask(self, *, fresh: bool = False) -> None:
        side = self.side = self._decision.attempts[self._attempt]
        if not self._body.done and not self._begins_upload(side):
            return
        if side is Side.NEW:
            self._proxy.policies[self.feature].breaker.sent(self._proxy.sweeper.now)
        self._proxy.pools[side].ask(self, fresh=fresh)

    def _begins_upload(self, side: Side) -> bool:
        """Whether a body that is still coming in may hold a connection meanwhile; if not, a small one is
        read first."""
        if not self._proxy.has_room_for_upload(side):
            self._waits_for_body = True
            self._say_continue()
            self._client.watch_body()
            return False
        self._end_upload()
        self._uploads_to = side
        self._proxy.uploads[side] += 1
        return True

    def _end_upload(self) -> None:
        side, self._uploads_to = self._uploads_to, None
        if side is not None:
            self._proxy.uploads[side] -= 1

    def _say_continue(self) -> None:
        if self._facts.expects_continue and not self._body.size:
            self._client.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._facts.expects_continue = False

    def connected(self, upstream: Upstream) -> None:
        """A connection to the chosen side is there: send what has been read of the request so far."""
        if self._over:
            upstream.release()
            return
        self._client.resume()
        self._upstream = upstream
        self._reached += 1
        upstream.start(self, head_only=self._head.method == b"HEAD")
        body = self._body
        if not body.done:
            self._say_continue()
            self._client.watch_body()
        else:
            self._wait_for_answer()  # from here on, not from when it came into the line
        body.again()
        upstream.send(self._head_lines + body.unsent())

    def body(self, data: bytes) -> None:
        """A piece of the request's body."""
        body = self._body
        body.add(data)
        if body.size > self._limits.body:
            raise Refusal(413, "the body is too large for the application")
        if self._waits_for_body and body.size > _WAITING_BODY:
            raise Refusal(503, "too many bodies are coming in at once")
        if self._upstream is not None:
            self._upstream.send(body.unsent())
        elif body.size > WRITE_HIGH_WATER:
            self._client.pause()
            if self._begun:
                self._client.wait_for_upstream(self._limits.first_byte_timeout)

    def complete(self) -> None:
        """The request has been read to its end."""
        self._body.done = True
        self._end_upload()
        if self._waits_for_body:
            self._waits_for_body = False
            self._wait_for_answer()
            self._ask()
            return
        if self._upstream is not None and self._facts.chunked:
            self._upstream.send(LAST_CHUNK)
        if self._begun:
            self._wait_for_answer()

    def upstream_congested(self) -> None:
        """The application reads slowly: so do we."""
        self._client.pause()
        self._client.wait_for_upstream(self._limits.idle_timeout)

    def upstream_drained(self) -> None:
        """The application reads on."""
        self._client.resume()
        if self._body.done:
            self._wait_for_answer()
        else:
            self._client.watch_body()

    def _wait_for_answer(self) -> None:
        limits = self._limits
        begun = self._reply is not None
        self._client.wait_for_upstream(limits.idle_timeout if begun else limits.first_byte_timeout)

    # 7. fall back

    def failed(self, failure: Failure) -> None:
        """An attempt failed: ask again where the tables allow it, else say so."""
        if self._over:
            return
        upstream, self._upstream = self._upstream, None
        if self._reply is not None:
            if self._reply.begun:
                self._cut(failure)
                return
            self._reply = None  # its head never left: to the client, nothing has been answered yet
            failure = failure._replace(phase=Phase.WAIT)
        reused = upstream is not None and upstream.used > 1 and failure.reason is Reason.CLOSED_EARLY
        rested = reused and upstream is not None and upstream.rested
        if (
            rested and self._ask_once_more()
        ):  # a connection that died of old age says nothing of the application
            return
        self._note_failure()
        if self._fall_back(failure) or (reused and self._ask_once_more()):
            return
        self._answer_self(failure.status, failure.detail, failure.proxy_error, reason=failure.reason)

    def _ask_once_more(self) -> bool:
        """The same side, on a new connection, where that is allowed (rule: retries)."""
        if not self._repeatable_here():
            return False
        self._ask(fresh=True)
        return True

    def _repeatable_here(self) -> bool:
        policy = self._proxy.policies[self.feature].fallback if self._route is not None else "safe"
        keyed = policy == "idempotency-key" and self._facts.idempotency_key
        return (
            (keyed or self._head.method in IDEMPOTENT_METHODS) and self._unrepeated() and self._count_retry()
        )

    def _unrepeated(self) -> bool:
        """Whether the request can be sent once more, and has reached at most one application so far."""
        return self._reached <= 1 and self._body.kept and not self._interim_sent

    def _fall_back(self, failure: Failure) -> bool:
        if self._attempt + 1 >= len(self._decision.attempts) or not self._unrepeated():
            return False
        policy = self._proxy.policies[self.feature].fallback
        limits = self._proxy.pools[Side.LEGACY].limits
        repeat = Repeat(
            policy, self._head.method, failure.phase, self._body.kept, self._facts.idempotency_key
        )
        if not may_fall_back(repeat) or self._body.size > limits.body:
            return False
        if failure.reason in BUDGETED and not self._count_retry():
            return False
        self._attempt += 1
        self._lose_capture()
        self._proxy.sink.fell_back(FellBack(self.feature, failure.reason))
        self._client.wait_for_upstream(limits.first_byte_timeout)
        self._ask(fresh=True)  # there is no third time, should an idle connection turn out to be stale
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
            self._note_new_side(failed=True)

    def _note_new_side(self, *, failed: bool, who: str = "") -> None:
        breaker = self._proxy.policies[self.feature].breaker
        moved = breaker.failed(self._proxy.sweeper.now, who) if failed else breaker.succeeded()
        if moved:
            self._proxy.sink.breaker_moved(BreakerMoved(self.feature, breaker.phase))

    # 8. relay

    def interim(self, head: ResponseHead) -> None:
        """An informational answer. 103 goes on; 100 is ours to say (RFC 9110 section 15.2)."""
        if head.status != 100 and self._head.minor_version == 1 and not self._over:
            self._interim_sent = True
            lines = status_line(head.status, head.reason) + field_lines(head.fields)
            self._client.write(lines + b"\r\n")

    def head(self, head: ResponseHead, facts: ResponseFacts) -> None:
        """The answer begins."""
        if self._over:
            return
        if self.side is Side.NEW:
            who = self._key.value if self._key is not None else ""
            self._note_new_side(failed=head.status in SERVER_ERRORS, who=who)
            if self._asks_again(head.status):
                return
        self._status = head.status
        if not self._body.done:
            self._keep = False  # an early answer: the rest of the request is not waited for
        reply = self._reply = Reply(
            head,
            facts,
            to_head=self._head.method == b"HEAD",
            http10=self._head.minor_version == 0,
            copy_bound=self._proxy.keep_body if self._plan is not None else 0,
        )
        reply.begin(self._answer_head(head, facts, chunked=reply.chunked))

    def _asks_again(self, status: int) -> bool:
        if not may_ask_again(self._head.method, status):
            return False
        upstream, self._upstream = self._upstream, None
        if self._fall_back(Failure(Phase.WAIT, Reason.SERVER_ERROR)):
            if upstream is not None:
                upstream.abandon()
            return True
        self._upstream = upstream
        return False

    def _answer_head(self, head: ResponseHead, facts: ResponseFacts, *, chunked: bool) -> bytes:
        """The head as it goes to the client: what the application sent, less what ended here, plus what
        is ours."""
        proxy, fields = self._proxy, facts.kept
        if facts.location:
            fields = [public_field(pair, proxy.origins, self._public_origin()) for pair in fields]
        if head.status == 204:  # RFC 9110 section 8.6: no Content-Length there
            fields = [pair for pair in fields if pair[0].lower() != b"content-length"]
        ours = b"Via: 1.%d %b\r\n" % (head.minor_version, proxy.pseudonym)
        if not facts.dated:
            ours += date_line()
        if self._key is not None and self._evaluation is not None:
            secure = self._key.minted and self._public_origin().startswith(b"https:")
            ours += key_lines(proxy.sticky, self._key, self._evaluation, facts, secure=secure)
        if proxy.expose_decision:
            ours += decision_lines(self.side, self._decision)
        self._keep = self._keep and not proxy.draining
        return answer_head(head, fields, ours, chunked=chunked, close=not self._keep)

    def _public_origin(self) -> bytes:
        return public_origin(self._facts, self._proxy.scheme, trusted=self._client.trusted)

    def piece(self, data: bytes) -> None:
        """A piece of the answer's body."""
        if self._reply is not None and not self._over:
            self._reply.add(data)

    def flush(self) -> None:
        """All that came in one read goes out in one write."""
        data = self._reply.take() if self._reply is not None and not self._over else b""
        if data:
            self._client.write(data)
            if self._body.done:
                self._client.wait_for_upstream(self._limits.idle_timeout)

    def end(self) -> None:
        """The answer has ended."""
        upstream, self._upstream = self._upstream, None
        if self._over or upstream is None or self._reply is None:
            return
        self._reply.end()
        self.flush()
        if self._body.done:
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
            if self._body.done:
                self._wait_for_answer()

    def switched(self, head: ResponseHead, facts: ResponseFacts, rest: bytes) -> None:
        """Both sides speak another protocol from here on; the side stays what it was at the handshake."""
        upstream = self._upstream
        if upstream is None or self._over:
            return
        if not self._facts.upgrade or facts.upgrade.lower() != self._facts.upgrade:
            upstream.abandon()
            detail = "the application switched to a protocol that was not asked for"
            self.failed(Failure(Phase.WAIT, Reason.BAD_ANSWER, detail))
            return
        self._status = head.status
        if self.side is Side.NEW:
            self._note_new_side(failed=False)
        upgrade = b"Connection: Upgrade\r\nUpgrade: %b\r\n\r\n" % self._facts.upgrade
        self._client.write(status_line(101, head.reason) + field_lines(facts.kept) + upgrade)
        tunnel = Tunnel(self._client.transport, upstream.transport, self._proxy.tunnel_closed)
        self._proxy.tunnels[tunnel] = self
        upstream.piped = tunnel.upstream
        early = self._client.switch(tunnel.client)
        if rest:
            tunnel.to_client(rest)
        if early:
            upstream.send(early)
        self._finish()

    def part(self) -> bool:
        """The process must go: a stream of events ends here in good order, for its client comes back by
        itself and says where it was. Any other answer would only look whole."""
        upstream, reply = self._upstream, self._reply
        if self._over or upstream is None or reply is None or not reply.is_open_ended_event_stream():
            return False
        self._upstream = None
        upstream.abandon()
        reply.end()
        self.flush()
        self._finish()
        self._client.finished(keep=False)
        return True

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
        self._finish()
        return self._reply is not None and self._reply.begun

    def expired(self) -> None:
        """The application took too long."""
        upstream = self._upstream
        if not self._give_up():
            self._client.wait_for_upstream(self._limits.connect_timeout)
            return  # still connecting, and the pool says when that took too long
        if self._reply is not None:
            phase, reason = Phase.RELAY, Reason.IDLE_TIMEOUT
        elif upstream is not None:
            phase, reason = Phase.WAIT, Reason.FIRST_BYTE_TIMEOUT
        else:
            phase, reason = Phase.CONNECT, Reason.CONNECT_TIMEOUT
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
        self._client.cut(reset=self._reply is not None and self._reply.unframed)

    def _lose_capture(self) -> None:
        plan, self._plan = self._plan, None
        if plan is not None:
            self._proxy.capture.lost(plan)

    def _answer_self(self, status: int, detail: str, error: str, *, reason: str = "") -> None:
        """The gateway's own answer, told apart from the applications' by Proxy-Status."""
        self._proxy.sink.gateway_answered(GatewayAnswered(reason or f"refused_{status}"))
        self._keep = self._keep and self._body.done and not self._proxy.draining
        head_only = self._head.method == b"HEAD"
        answer = gateway_answer(status, detail, error=error, close=not self._keep, head_only=head_only)
        self._write_whole(answer, status)

    def _answer_options(self) -> None:
        """Asked of this gateway itself (RFC 9110 sections 7.6.2 and 9.3.7)."""
        self._keep = self._keep and self._body.done and not self._proxy.draining
        lines = b"Allow: %b\r\n" % ALLOWED + date_line()
        head = ResponseHead(204, b"", 1, [])
        self._write_whole(answer_head(head, [], lines, chunked=False, close=not self._keep), 204)

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
        self._end_upload()
        proxy = self._proxy
        proxy.active -= 1
        if self._retry_counted:
            proxy.retrying -= 1
        seconds = time.perf_counter() - self._started
        if self._decided:
            event = RequestFinished(self.feature, self.side, self._decision.cause, self._status, seconds)
            proxy.sink.finished(event)
        if self._plan is None:
            return
        if self._ended and self._reply is not None:
            self._hand_over(self._plan, self._reply, seconds)
        else:
            self._lose_capture()

    def _hand_over(self, plan: CapturePlan, reply: Reply, seconds: float) -> None:
        """An immutable copy of what was asked and answered; the worker forgets it with this request."""
        ids, body, head = self._ids, self._body, reply.head
        named = ((b"Host", self._facts.host), (b"X-Request-Id", ids.request), (b"traceparent", ids.trace))
        request = RequestSnapshot(
            self._head.method.decode(),
            self._target.forward.decode("latin-1"),
            (*named, *self._facts.kept),
            body.whole(),
            not body.kept,
        )
        answer = Observation(
            self.side.value, head.status, tuple(head.fields), reply.copy(), reply.cut, False, seconds
        )
        self._proxy.capture.offer(plan, request, answer, ids.own.decode())
