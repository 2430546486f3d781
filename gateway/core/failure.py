"""What can go wrong with a request, named by phase and side, and whether the other side may then be asked.

The tree::

    Failure
    ├── refused by us        the client's request cannot be served as it is   (4xx, nobody was asked)
    └── failed upstream      connect › send › wait › relay                    (502, 504, or the other side)

``may_fall_back`` is the one table that step 7 of the request path asks.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from gateway.core.message import IDEMPOTENT_METHODS, SAFE_METHODS


class Phase(StrEnum):
    """How far the attempt had come."""

    CONNECT = "connect"
    WAIT = "wait"
    RELAY = "relay"


class Reason(StrEnum):
    """Why an attempt failed; also the ``reason`` label of ``banyan_fallbacks_total`` and
    ``banyan_gateway_errors_total``."""

    CONNECT_REFUSED = "connect_refused"
    CONNECT_TIMEOUT = "connect_timeout"
    TLS_CERTIFICATE = "tls_certificate"
    TLS_PROTOCOL = "tls_protocol"
    POOL_FULL = "pool_full"
    CLOSED_EARLY = "closed_early"
    FIRST_BYTE_TIMEOUT = "first_byte_timeout"
    IDLE_TIMEOUT = "idle_timeout"
    BAD_ANSWER = "bad_answer"
    SERVER_ERROR = "server_error"


class Failure(NamedTuple):
    """One failed attempt. ``detail`` is for the log and for Proxy-Status; it never holds user data."""

    phase: Phase
    reason: Reason
    detail: str = ""

    @property
    def status(self) -> int:
        """The status of the gateway's own answer, when nobody else may be asked (RFC 9110 section 15.6)."""
        if self.reason is Reason.POOL_FULL:
            return 503
        return 504 if self.reason in _TOO_SLOW else 502

    @property
    def proxy_error(self) -> str:
        """The error type of Proxy-Status (RFC 9209 section 2.3)."""
        return _PROXY_ERRORS[self.reason]


_TOO_SLOW = frozenset({Reason.CONNECT_TIMEOUT, Reason.FIRST_BYTE_TIMEOUT, Reason.IDLE_TIMEOUT})
_PROXY_ERRORS = {
    Reason.CONNECT_REFUSED: "connection_refused",
    Reason.CONNECT_TIMEOUT: "connection_timeout",
    Reason.TLS_CERTIFICATE: "tls_certificate_error",
    Reason.TLS_PROTOCOL: "tls_protocol_error",
    Reason.POOL_FULL: "connection_limit_reached",
    Reason.CLOSED_EARLY: "connection_terminated",
    Reason.FIRST_BYTE_TIMEOUT: "http_response_timeout",
    Reason.IDLE_TIMEOUT: "connection_read_timeout",
    Reason.BAD_ANSWER: "http_protocol_error",
    Reason.SERVER_ERROR: "http_response_incomplete",
}
BUDGETED = frozenset({Reason.FIRST_BYTE_TIMEOUT, Reason.SERVER_ERROR, Reason.BAD_ANSWER})
"""Failures of an application that is alive and may be overloaded: asking legacy for all of them at once
would pass the storm on, so these fallbacks are bounded as a share of what is in flight. A connection that
died is another thing: what was in flight when an application was killed falls back whatever its share,
and the breaker keeps the rest away."""

SERVER_ERRORS = frozenset({500, 502, 503, 504})
"""Answers of the new side for which a safe request is asked again on legacy."""


class Repeat(NamedTuple):
    """What is known of a request when its first attempt failed."""

    policy: str
    method: bytes
    phase: Phase
    body_kept: bool
    idempotency_key: bool


def may_fall_back(repeat: Repeat) -> bool:
    """Whether legacy may be asked for a request that the new side failed (RFC 9110 section 9.2.2).

    ===========================  ==================================================================
    situation                    answer
    ===========================  ==================================================================
    feature says ``off``         no
    the answer had begun         no: a byte may have reached the client
    the body is no longer held   no: it cannot be sent again
    never connected              yes: the request reached nobody
    safe method                  yes
    idempotent method            yes: the same request twice has the effect of one
    any other                    only with an Idempotency-Key, where the feature allows that
    ===========================  ==================================================================
    """
    if repeat.policy == "off" or repeat.phase is Phase.RELAY or not repeat.body_kept:
        return False
    if repeat.phase is Phase.CONNECT or repeat.method in IDEMPOTENT_METHODS:
        return True
    return repeat.policy == "idempotency-key" and repeat.idempotency_key


def may_ask_again(method: bytes, status: int) -> bool:
    """Whether a server error of the new side is hidden by asking legacy: only where asking twice is free
    of effects."""
    return status in SERVER_ERRORS and method in SAFE_METHODS
