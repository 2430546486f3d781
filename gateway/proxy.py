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

from dataclasses import dataclass
from time import perf_counter, time

from flags import Evaluation, FlagSnapshot, evaluate
from gateway.capture import CapturePlan
from gateway.core.breaker import Breaker
from gateway.core.breaker import Phase as BreakerPhase
from gateway.core.decision import UNMATCHED, Cause, Decision, Side, decide
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
from gateway.core.forcing import Force, Ignored
from gateway.core.forwarding import has_been_here, public_origin
from gateway.core.headers import RequestFacts, ResponseFacts
from gateway.core.kept import Decided
from gateway.core.message import ALLOWED, IDEMPOTENT_METHODS, RequestHead, ResponseHead
from gateway.core.route import Route
from gateway.lines import Sender, decision_lines, id_lines, key_lines, passed_lines, sender_lines, via_line
from gateway.sessions import Beginning, StickyKey
from gateway.sinks import DecisionSamples
from gateway.traffic import Traffic, is_taken_back
from gateway.wire import (
    LAST_CHUNK,
    NO_BODY,
    WRITE_HIGH_WATER,
    Downstream,
    Patience,
    Refusal,
    Reply,
    RequestBody,
    Tunnel,
    Upstream,
    UpstreamLimits,
    answer_head,
    answer_lines,
    date_line,
    field_lines,
    gateway_answer,
    reply_to,
    request_fields,
    request_head,
    status_line,
)
from shadow import Observation, RequestSnapshot

_NO_FEATURE = "none"
_LEGACY, _NEW = Side
_CLOSED = BreakerPhase.CLOSED
_FORCED = Cause.FORCED
_WAITING_BODY = 64 * 1024
"""Bytes of a body that are read before its request goes upstream, while other bodies hold their share of
connections."""


class Proxy(Traffic):
    """What ``wire`` hands the requests of this worker to."""

    __slots__ = ()

    def open(self, client: Downstream, head: RequestHead, facts: RequestFacts) -> RequestPath:
        """A request has been read to the end of its head."""
        chunked = facts.chunked
        body = RequestBody(self.repeat_bound, chunked) if facts.length or chunked else NO_BODY
        keep = head.minor_version == 1 and not facts.close
        return RequestPath(self, client, head, facts, body, keep, perf_counter())

    def state_changed(self, snapshot: FlagSnapshot) -> None:
        """What is taken back now is so for whoever waits, too: tunnels close, and legacy is asked what the
        new side has not been asked yet. Before anybody is told that this worker has the change.
        """
        self.close_tunnels(snapshot)
        pool = self.pools[_NEW]
        for path in pool.line:
            if isinstance(path, RequestPath) and is_taken_back(path, snapshot) and pool.cancel(path):
                path.turn_back(snapshot)


@dataclass(slots=True, eq=False)
class RequestPath:
    """One request on its way through the nine steps."""

    # 1. read

    _proxy: Proxy
    _client: Downstream
    _head: RequestHead
    _facts: RequestFacts
    _body: RequestBody
    _keep: bool
    """Whether the connection may carry another request."""
    _started: float
    feature: str = _NO_FEATURE
    side: Side = _LEGACY
    _begun: bool = False
    _upstream: Upstream | None = None
    _attempt: int = 0
    _silence: float = 0.0
    _era: int = 0
    _reached: int = 0
    """How many applications the request may have reached."""
    _retry_counted: bool = False
    _decided: bool = False
    _decision: Decision = UNMATCHED
    _route: Route | None = None
    _key: StickyKey | None = None
    _evaluation: Evaluation | None = None
    _beginning: Beginning | None = None
    """What this session began with, where that matters."""
    _marks: bool = False
    """Whether the client is to be told that: its cookie does not say it yet."""
    _own_id: bytes = b""
    _ids: bytes = b""
    _sender: bytes = b""
    """Who asked, as both sides are told: the fields are shared by all who send the same."""
    _revision: int = 0
    _head_lines: bytes = b""
    _interim_sent: bool = False
    _waits_for_body: bool = False
    _asking: bool = False
    """Whether a connection that comes now comes in the moment in which it was asked for."""
    _uploads_to: Side | None = None
    _reply: Reply | None = None
    _status: int = 0
    _plan: CapturePlan | None = None
    _ended: bool = False
    _broke_off: bool = False
    """Whether the application did not end the answer that it had begun."""
    _over: bool = False

    @property
    def head_only(self) -> bool:
        """Whether its answer has no body."""
        return self._head.method == b"HEAD"

    def begin(self) -> None:
        """It is this request's turn on its connection."""
        self._begun = True
        proxy, facts = self._proxy, self._facts
        proxy.active += 1
        if has_been_here(facts.via, proxy.pseudonym):
            self._answer_self(508, "this request has been here before", "proxy_loop_detected")
        elif self._head.method == b"OPTIONS" and (self._head.target.path == b"*" or facts.max_forwards == 0):
            self._answer_options()
        else:
            self._decide()
            self._forward()

    # 2. match, 3. evaluate, 4. decide

    def _decide(self) -> None:
        proxy = self._proxy
        route = self._route = proxy.routes.match(self._head.method, self._head.target.path)
        self._decided = True
        forced = self._forced() if self._facts.force else None
        if route is None:
            return  # the decision is UNMATCHED, as it was at the beginning
        self.feature = route.feature
        self._key = proxy.sticky.find(self._facts)
        self._choose(self._key, proxy.flags(), forced)

    def _choose(self, key: StickyKey, snapshot: FlagSnapshot, forced: Force | None) -> None:
        proxy, feature = self._proxy, self.feature
        self._revision = snapshot.revision
        state = snapshot.feature(feature)
        began = None
        if proxy.beginnings is not None:
            seen = proxy.beginnings.seen(key.text, key.began, feature, snapshot, time())
            self._beginning, began = seen
            self._marks = not seen.beginning.told
        rule = state.rule
        context = None
        if rule is not None and rule.wants:
            context = proxy.contexts.read(rule.wants, self._facts, self._client.peer.decode())
        evaluation = self._evaluation = evaluate(state, feature, key.value, context, began)
        self._decision = decide(
            matched=True,
            everything_latched=snapshot.everything_latched,
            feature_latched=state.latched,
            breaker_open=self._breaker_blocks(evaluation),
            selected=evaluation.selected,
            forced=forced.side if forced and forced.feature in ("", feature) else None,
        )
        self.side = self._decision.side

    def _behind_key(self, text: bytes) -> bytes:
        """What the gateway's own cookie says behind the key."""
        beginnings, found = self._proxy.beginnings, self._beginning
        said = beginnings.text(text, found) if beginnings and found else b""
        return b"." + said if said else b""

    def _forced(self) -> Force | None:
        """What a trusted tester asks for."""
        said = self._proxy.forcing.read(self._facts.force, time())
        if isinstance(said, Ignored):
            self._proxy.sink.force_ignored(said)
            return None
        return said

    def _breaker_blocks(self, evaluation: Evaluation) -> bool:
        breaker = self._proxy.policies[self.feature].breaker
        if breaker.phase is _CLOSED:
            return False
        before = breaker.phase
        place = evaluation.position / evaluation.percent if evaluation.percent else 0.0
        blocks = breaker.blocks(self._proxy.sweeper.now, place)
        self._tell_breaker(breaker, before)
        return blocks

    # 5. bridge, 6. forward

    def _forward(self) -> None:
        facts = self._facts
        if facts.length is not None and facts.length > self._limits.body:
            self._answer_self(413, "the body is too large for the application", "http_request_error")
            return
        proxy, head, client = self._proxy, self._head, self._client
        if facts.peer != client.peer:
            sender = Sender(client.peer, client.trusted, proxy.scheme, head.minor_version)
            facts.sender = sender_lines(facts, sender)
            via = via_line(facts, sender, proxy.pseudonym)
            facts.lines = request_fields(facts, facts.sender + via)
            facts.peer = client.peer
        self._sender = facts.sender
        own = self._own_id = proxy.new_id()
        ids = self._ids = id_lines(facts, own)
        self._head_lines = request_head(head, facts, facts.lines + ids)
        if self._route is not None and self._key is not None and facts.upgrade:
            proxy.capture.unseen(self._key.value)
        elif self._route is not None and self._key is not None:
            begins = self._key.minted
            self._plan = proxy.capture.plan(self._route, self._key.value, head.method, self.side, begins)
            if self._plan is not None and self._body is not NO_BODY:
                self._body.bound = max(proxy.repeat_bound, proxy.copy_bound)
        self._ask()
        if not (self._reached or self._waits_for_body or self._over):
            client.wait_for_upstream(self._limits.first_byte_timeout)

    def turn_back(self, snapshot: FlagSnapshot) -> None:
        """The new side was taken back before it was asked: this is decided anew, for legacy."""
        if self._key is None:
            return
        self._lose_capture()
        self._choose(self._key, snapshot, None)
        if max(self._body.size, self._facts.length or 0) > self._limits.body:
            self._answer_self(413, "the body is too large for the application", "http_request_error")
            return
        self._ask()
        if not (self._reached or self._waits_for_body or self._over):
            self._client.wait_for_upstream(self._limits.first_byte_timeout)

    def _taken_back(self) -> FlagSnapshot | None:
        """The state in force, if by it the new side is not to be asked after all."""
        if self.side is not _NEW:
            return None
        snapshot = self._proxy.flags()
        return snapshot if is_taken_back(self, snapshot) else None

    @property
    def _limits(self) -> UpstreamLimits:
        return self._proxy.pools[self.side].limits

    def _ask(self, *, fresh: bool = False) -> None:
        side = self.side = self._decision.attempts[self._attempt]
        if not self._body.done and not self._begins_upload(side):
            return
        if side is _NEW:
            self._era = self._proxy.policies[self.feature].breaker.sent(self._proxy.sweeper.now)
        self._asking = True
        self._proxy.pools[side].ask(self, fresh=fresh)
        self._asking = False

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
        if not (self._asking or self._reached) and (snapshot := self._taken_back()) is not None:
            upstream.release()  # it came too late
            self.turn_back(snapshot)
            return
        self._client.resume()
        self._upstream = upstream
        self._reached += 1
        upstream.start(self, head_only=self._head.method == b"HEAD")
        if self._client.congested:
            self.client_congested()  # since there was no connection yet, or by the answer before
        body = self._body
        if not body.done:
            self._say_continue()
            self._client.watch_body()
        else:
            self._wait_for_answer()  # from here on, not from when it came into the line
        if body is NO_BODY:
            upstream.send(self._head_lines)
            return
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

    def whole(self, body: bytes) -> None:
        """All of the body at once, before it is this request's turn."""
        if body:
            self._body.add(body)
            self._body.done = True

    def complete(self) -> None:
        """The request has been read to its end."""
        self._body.done = True
        self._end_upload()
        if self._waits_for_body:
            self._waits_for_body = False
            if (snapshot := self._taken_back()) is not None:
                self.turn_back(snapshot)
                return
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
        self._client.wait_for_upstream(self._silence if begun else limits.first_byte_timeout)

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
        if upstream is not None and failure.phase is Phase.CONNECT:
            self._reached -= 1  # it closed before a byte of this was written
            if reused and self._unrepeated() and self._count_retry():
                self._ask(fresh=True)
                return
        rested = reused and upstream is not None and upstream.rested
        # A connection that died of old age says nothing of the application.
        if rested and self._ask_once_more():
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
        return self._reached <= 1 and self._body_is_kept() and not self._interim_sent

    def _body_is_kept(self) -> bool:
        """Whatever is kept for the shadow beside: a copy must not decide what is asked again."""
        return self._body.kept and self._body.size <= self._proxy.repeat_bound

    def _fall_back(self, failure: Failure) -> bool:
        if self._attempt + 1 >= len(self._decision.attempts) or not self._unrepeated():
            return False
        policy = self._proxy.policies[self.feature].fallback
        limits = self._proxy.pools[_LEGACY].limits
        repeat = Repeat(
            policy, self._head.method, failure.phase, self._body_is_kept(), self._facts.idempotency_key
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
        if self.side is _NEW:
            self._note_new_side(failed=True)

    def _note_new_side(self, *, failed: bool, who: str = "") -> None:
        breaker, now = self._proxy.policies[self.feature].breaker, self._proxy.sweeper.now
        before = breaker.phase
        if failed:
            breaker.failed(now, self._era, who)
        else:
            breaker.succeeded(now, self._era)
        self._tell_breaker(breaker, before)

    def _tell_breaker(self, breaker: Breaker, before: BreakerPhase) -> None:
        if breaker.phase is not before:
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
        if self.side is _NEW:
            who = self._key.value if self._key is not None else ""
            self._note_new_side(failed=head.status in SERVER_ERRORS, who=who)
            if self._asks_again(head.status):
                return
        self._status = head.status
        if not self._body.done:
            self._keep = False  # an early answer: the rest of the request is not waited for
        reply = self._reply = reply_to(
            self._head, head, facts, copy_bound=self._proxy.copy_bound if self._plan is not None else 0
        )
        limits, events = self._limits, reply.is_open_ended_event_stream()
        self._silence = limits.event_idle_timeout if events else limits.idle_timeout
        if reply.unframed:
            self._client.ends_by_close()
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
        proxy = self._proxy
        lines = facts.lines or passed_lines(head, facts, proxy.pseudonym, proxy.origins, self._public_origin)
        ours = b"" if facts.dated else date_line(time())
        if self._key is not None and self._evaluation is not None:
            sets = self._key.minted or self._marks or bool(facts.cookies)
            ours += key_lines(
                proxy.sticky,
                self._key,
                self._evaluation,
                facts,
                secure=sets and self._public_origin().startswith(b"https:"),
                began=self._behind_key if self._beginning is not None else None,
                changed=self._marks,
            )
        if self._decision.cause is _FORCED and facts.shareable:
            ours += b"Cache-Control: private\r\n"  # others did not ask for this side
        if proxy.expose_decision:
            ours += decision_lines(self.side, self._decision)
        self._keep = self._keep and not proxy.draining
        return answer_head(lines, ours, chunked=chunked, close=not self._keep)

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
                self._client.wait_for_upstream(self._silence)

    def end(self) -> None:
        """The answer has ended."""
        upstream, self._upstream = self._upstream, None
        if self._over or upstream is None or self._reply is None:
            return
        self._reply.end()
        self._client.write(self._reply.take())
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

    @property
    def is_forced(self) -> bool:
        """Whether a trusted tester asked for this side."""
        return self._decision.cause is _FORCED

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
        if self.side is _NEW:
            self._note_new_side(failed=False)
        upgrade = b"Connection: Upgrade\r\nUpgrade: %b\r\n\r\n" % self._facts.upgrade
        proxy = self._proxy
        patience = Patience(self._client.limits.idle_timeout, self._limits.idle_timeout)
        ends = self._client.transport, upstream.transport
        tunnel = Tunnel(*ends, proxy.tunnel_closed, proxy.sweeper, patience)
        self._client.write(status_line(101, head.reason) + field_lines(facts.kept) + upgrade)
        upstream.piped = tunnel.upstream
        early = self._client.switch(tunnel.client)
        if rest:
            tunnel.to_client(rest)
        if early:
            upstream.send(early)
        self._finish()
        self._proxy.tunnel_opened(tunnel, self)

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
        self._broke_off = True
        self._finish()
        self._client.cut()

    def _lose_capture(self) -> None:
        plan, self._plan = self._plan, None
        if plan is not None:
            self._proxy.capture.lost(plan)

    def _answer_self(self, status: int, detail: str, error: str, *, reason: str = "") -> None:
        """The gateway's own answer, told apart from the applications' by Proxy-Status."""
        self._proxy.sink.gateway_answered(GatewayAnswered(reason or f"refused_{status}"))
        self._keep = self._keep and self._body.done and not self._proxy.draining
        answer = gateway_answer(status, detail, error=error, close=not self._keep, head_only=self.head_only)
        self._write_whole(answer, status)

    def _answer_options(self) -> None:
        """Asked of this gateway itself (RFC 9110 sections 7.6.2 and 9.3.7)."""
        self._keep = self._keep and self._body.done and not self._proxy.draining
        lines = answer_lines(ResponseHead(204, b"", 1, ()), [], b"Allow: %b\r\n" % ALLOWED)
        ours = date_line(time())
        self._write_whole(answer_head(lines, ours, chunked=False, close=not self._keep), 204)

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
        if self._uploads_to is not None:
            self._end_upload()
        proxy = self._proxy
        proxy.active -= 1
        if self._retry_counted:
            proxy.retrying -= 1
        seconds = perf_counter() - self._started
        if self._decided:
            proxy.sink.finished(self._finished(seconds))
            if proxy.samples.wants(proxy.sweeper.now):
                self._tell_decision(proxy.samples)
        if self._plan is None:
            return
        if self._ended and self._reply is not None:
            self._hand_over(self._plan, self._reply, seconds)
        else:
            self._lose_capture()

    def _finished(self, seconds: float) -> RequestFinished:
        key, found = self._key, self._evaluation
        return RequestFinished(
            self.feature,
            self.side,
            self._decision.cause,
            self._status,
            seconds,
            self._attempt > 0,
            key.value if key is not None else "",
            found.share if found is not None else 0,
            self._broke_off,
        )

    def _tell_decision(self, samples: DecisionSamples) -> None:
        """For who asks later why this request went where it went."""
        key, found, route = self._key, self._evaluation, self._route
        samples.take(
            Decided(
                time(),
                (self._facts.request_id or self._own_id).decode("latin-1"),
                self._head.method.decode("latin-1"),
                self.feature,
                route.template if route is not None else "",
                self.side.value,
                self._decision.cause.value,
                key.value if key is not None else "",
                key.source if key is not None else "",
                found.position if found is not None else -1,
                found.percent if found is not None else -1,
                self._revision,
                self._status,
                self._attempt > 0,
            )
        )

    def _hand_over(self, plan: CapturePlan, reply: Reply, seconds: float) -> None:
        """An immutable copy of what was asked and answered; the worker forgets it with this request."""
        facts, body, head = self._facts, self._body, reply.head
        fields = facts.copied
        if fields is None:
            fields = facts.copied = ((b"Host", facts.host), *facts.kept)
        is_whole = body.kept and body.done and body.size <= self._proxy.copy_bound
        request = RequestSnapshot(
            self._head.method.decode(),
            self._head.target.forward.decode("latin-1"),
            fields,
            body.whole() if is_whole else b"",
            not is_whole,
        )
        answer = Observation(
            self.side.value, head.status, head.fields, reply.copy(), reply.cut, False, seconds
        )
        self._proxy.capture.offer(plan, request, answer, self._own_id.decode(), self._sender + self._ids)
