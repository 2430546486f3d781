"""What the gateway itself adds to the heads it passes on, as field lines. Pure: ids and decisions enter
as arguments."""

from __future__ import annotations

from typing import NamedTuple

from flags import FULL, Evaluation
from gateway.core.decision import Decision, Side
from gateway.core.forwarding import forwarding_lines
from gateway.core.headers import RequestFacts, ResponseFacts
from gateway.sessions import StickyKey, StickyKeys


class Ids(NamedTuple):
    """The ids of one request, alike on both legs: ``own`` is ours, the others the client's where it
    brought good ones."""

    own: bytes
    trace: bytes
    request: bytes


def ids_of(facts: RequestFacts, number: int) -> Ids:
    """``number``: 128 random bits."""
    own = b"%032x" % number
    return Ids(own, facts.traceparent or b"00-%b-%b-01" % (own, own[16:]), facts.request_id or own)


class Sender(NamedTuple):
    """Who sent a request to this gateway, and over what."""

    peer: bytes
    trusted: bool
    scheme: bytes
    minor_version: int


def request_lines(facts: RequestFacts, sender: Sender, ids: Ids, pseudonym: bytes) -> bytes:
    """To an upstream: who asked, over which hops, and the ids of this request."""
    said = forwarding_lines(facts, sender.peer, sender.scheme, trusted=sender.trusted)
    via = facts.via + b", " if facts.via else b""
    hop = b"Via: %b1.%d %b\r\n" % (via, sender.minor_version, pseudonym)
    return said + hop + b"traceparent: %b\r\nX-Request-Id: %b\r\n" % (ids.trace, ids.request)


def key_lines(
    sticky: StickyKeys, key: StickyKey, evaluation: Evaluation, facts: ResponseFacts, *, secure: bool
) -> bytes:
    """To the client: a minted key, and that this answer depends on who asks (rules: stickiness, caches)."""
    lines = b""
    if key.minted:
        lines = sticky.set_cookie(key, secure=secure)
        if facts.shareable:
            lines += b"Cache-Control: private\r\n"  # a shared cache would give this key to everybody
    if facts.shareable and 0 < evaluation.percent < FULL:
        lines += sticky.vary
    return lines


def decision_lines(side: Side, decision: Decision) -> bytes:
    """To the client, where that is wanted: who answered, and why."""
    return b"Banyan-Side: %b\r\nBanyan-Cause: %b\r\n" % (side.encode(), decision.cause.encode())
