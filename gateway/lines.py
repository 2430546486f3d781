"""The heads that are passed on, as field lines: what the gateway itself adds, and what it lets through. Pure,
but for what is kept with a head: ids and decisions enter as arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from flags import FULL, Evaluation
from gateway.core.decision import Decision, Side
from gateway.core.forwarding import forwarding_lines
from gateway.core.headers import RequestFacts, ResponseFacts
from gateway.core.message import ResponseHead
from gateway.sessions import Began, StickyKey, StickyKeys
from gateway.wire import answer_lines, public_field


class Ids(NamedTuple):
    """The ids of one request, alike on both legs: ``own`` is ours, the others the client's where it
    brought good ones."""

    own: bytes
    trace: bytes
    request: bytes


def ids_of(facts: RequestFacts, own: bytes) -> Ids:
    """``own``: 32 random hexadecimal digits."""
    return Ids(own, facts.traceparent or b"00-%b-%b-01" % (own, own[16:]), facts.request_id or own)


class Sender(NamedTuple):
    """Who sent a request to this gateway, and over what."""

    peer: bytes
    trusted: bool
    scheme: bytes
    minor_version: int


def sender_lines(facts: RequestFacts, sender: Sender) -> bytes:
    """To an upstream: who asked."""
    return forwarding_lines(facts, sender.peer, sender.scheme, trusted=sender.trusted)


def via_line(facts: RequestFacts, sender: Sender, pseudonym: bytes) -> bytes:
    """To an upstream: over which hops."""
    via = facts.via + b", " if facts.via else b""
    return b"Via: %b1.%d %b\r\n" % (via, sender.minor_version, pseudonym)


def id_lines(facts: RequestFacts, own: bytes) -> bytes:
    """To an upstream: the ids of this request."""
    if facts.traceparent or facts.request_id:
        ids = ids_of(facts, own)
        return b"traceparent: %b\r\nX-Request-Id: %b\r\n" % (ids.trace, ids.request)
    return b"traceparent: 00-%b-%b-01\r\nX-Request-Id: %b\r\n" % (own, own[16:], own)


def passed_lines(
    head: ResponseHead,
    facts: ResponseFacts,
    pseudonym: bytes,
    origins: tuple[bytes, ...],
    public: Callable[[], bytes],
) -> bytes:
    """To the client: what the application sent, as it passes; kept with the head, unless it depends on who
    asks. ``origins`` and ``public``: see ``public_field``.
    """
    fields = facts.kept
    if facts.location:
        origin = public()
        fields = [public_field(pair, origins, origin) for pair in fields]
    if head.status == 204:  # RFC 9110 section 8.6: no Content-Length there
        fields = [pair for pair in fields if pair[0].lower() != b"content-length"]
    lines = answer_lines(head, fields, b"Via: 1.%d %b\r\n" % (head.minor_version, pseudonym))
    if not facts.location:
        facts.lines = lines
    return lines


def key_lines(
    sticky: StickyKeys,
    key: StickyKey,
    evaluation: Evaluation,
    facts: ResponseFacts,
    *,
    secure: bool,
    began: Began | None = None,
    changed: bool = False,
) -> bytes:
    """To the client: a minted or carried key, and that this answer depends on who asks (rules: stickiness,
    caches). ``began``: what stands behind the key, where sessions are told apart by their beginning;
    ``changed``: the client does not have that yet.
    """
    lines = b""
    behind = began or _nothing
    if key.minted:
        lines = sticky.set_cookie(key, secure=secure, began=behind)
    elif facts.cookies:
        lines = sticky.carry(key, facts.cookies, secure=secure, began=behind)
    if changed and not lines:
        lines = sticky.mark(key, secure=secure, began=behind)
    if lines and facts.shareable:
        lines += b"Cache-Control: private\r\n"  # a shared cache would give this key to everybody
    if facts.shareable and (0 < evaluation.percent < FULL or (began and evaluation.percent)):
        lines += sticky.vary
    return lines


def _nothing(text: bytes) -> bytes:
    return b""


def decision_lines(side: Side, decision: Decision) -> bytes:
    """To the client, where that is wanted: who answered, and why."""
    return b"Banyan-Side: %b\r\nBanyan-Cause: %b\r\n" % (side.encode(), decision.cause.encode())
