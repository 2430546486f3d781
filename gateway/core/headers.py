"""The fields of a request or an answer: which end at this hop, which pass, which facts they carry.

One pass over the fields, driven by one table per direction; what the table does not name passes untouched,
in order and repeated as it came (RFC 9110 sections 5.3 and 7.6.1). Knows no socket and no configuration.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import product

from gateway.core.message import Fields
from gateway.core.target import is_authority


class BadFields(ValueError):
    """The fields break a rule; the text says which. The request is refused with ``status``, never
    repaired."""

    def __init__(self, rule: str, status: int = 400) -> None:
        super().__init__(rule)
        self.status = status


class Treatment(Enum):
    """What happens to a field."""

    DROP = auto()
    FORWARDING = auto()
    CONNECTION = auto()
    HOST = auto()
    LENGTH = auto()
    CODING = auto()
    UPGRADE = auto()
    EXPECT = auto()
    COOKIE = auto()
    VIA = auto()
    MAX_FORWARDS = auto()
    TRACE = auto()
    REQUEST_ID = auto()
    IDEMPOTENCY = auto()
    FORCE = auto()
    ONCE = auto()


def _spellings(name: bytes) -> Iterator[bytes]:
    """``name`` with each hyphen also as an underscore: some servers read both as the same variable."""
    return (b"".join(parts) for parts in product(*((b"-", b"_") if c == 45 else (bytes([c]),) for c in name)))


_FORWARDING = (
    b"x-forwarded-for",
    b"x-forwarded-proto",
    b"x-forwarded-host",
    b"x-forwarded-port",
    b"x-real-ip",
)

_FORWARDED_FAMILY = (b"x-forwarded-", b"x_forwarded_", b"x-forwarded_", b"x_forwarded-")
"""Any other member of the family is somebody's word about the client too, whatever a framework makes of
it."""

REQUEST_FIELDS: dict[bytes, Treatment] = {
    b"connection": Treatment.CONNECTION,
    b"keep-alive": Treatment.DROP,
    b"proxy-connection": Treatment.DROP,
    b"proxy-authorization": Treatment.DROP,
    b"te": Treatment.DROP,
    b"trailer": Treatment.DROP,
    b"http2-settings": Treatment.DROP,
    b"banyan-shadow": Treatment.DROP,
    b"banyan_shadow": Treatment.DROP,
    b"banyan-force": Treatment.FORCE,
    b"banyan_force": Treatment.DROP,
    b"forwarded": Treatment.FORWARDING,
    **{spelling: Treatment.FORWARDING for name in _FORWARDING for spelling in _spellings(name)},
    # Behind a server that reads underscores as hyphens these would be a second framing.
    b"content_length": Treatment.DROP,
    b"transfer_encoding": Treatment.DROP,
    b"content-type": Treatment.ONCE,
    b"host": Treatment.HOST,
    b"content-length": Treatment.LENGTH,
    b"transfer-encoding": Treatment.CODING,
    b"upgrade": Treatment.UPGRADE,
    b"expect": Treatment.EXPECT,
    b"cookie": Treatment.COOKIE,
    b"via": Treatment.VIA,
    b"max-forwards": Treatment.MAX_FORWARDS,
    b"traceparent": Treatment.TRACE,
    b"x-request-id": Treatment.REQUEST_ID,
    b"idempotency-key": Treatment.IDEMPOTENCY,
}
_HOST, _COOKIE, _CONNECTION, _DROP = (
    Treatment.HOST,
    Treatment.COOKIE,
    Treatment.CONNECTION,
    Treatment.DROP,
)
_KEPT_TOKENS = frozenset({b"keep-alive", b"close", b"upgrade", b"content-length"})
"""What ``Connection`` may name and is no field that ends here. The length of a body is none of its affair: an
answer without it would have no end that its client could see."""
_TRACEPARENT = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}\Z")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}\Z")


@dataclass(slots=True)
class RequestFacts:
    """What the gateway must know of a request's fields. ``kept`` are those that pass, in order; ``upgrade``
    is meant for this hop where Connection names it (``switches``)."""

    kept: Fields
    host: bytes = b""
    length: int | None = None
    chunked: bool = False
    coded: bool = False
    close: bool = False
    keep_alive: bool = False
    upgrade: bytes = b""
    switches: bool = False
    expects_continue: bool = False
    cookie: bytes = b""
    via: bytes = b""
    max_forwards: int | None = None
    traceparent: bytes = b""
    request_id: bytes = b""
    idempotency_key: bool = False
    force: bytes = b""
    forwarding: Fields = field(default_factory=list)
    peer: bytes | None = None
    lines: bytes = b""
    """Worked out once, for whoever brings the same fields again: the fields as they go upstream on behalf of
    ``peer``."""
    sender: bytes = b""
    """Those among them that say who ``peer`` is."""
    copied: tuple[tuple[bytes, bytes], ...] | None = None
    """The same for the shadow: Host, and the fields that pass."""


def read_request_fields(fields: Iterable[tuple[bytes, bytes]], *, http10: bool = False) -> RequestFacts:
    """Sort the fields of a request by the table above.

    Raises:
        BadFields: Host missing, repeated or not a host; both framings; a framing that is not understood.
    """
    kept: Fields = []
    facts = RequestFacts(kept)
    special = REQUEST_FIELDS.get
    hosts = 0
    nominated: list[bytes] | None = None
    for pair in fields:
        name, value = pair
        lower = name.lower()
        handling = special(lower)
        if handling is None:
            if lower.startswith(_FORWARDED_FAMILY):
                facts.forwarding.append(pair)
            else:
                kept.append(pair)
        elif handling is _HOST:
            hosts += 1
            facts.host = value
        elif handling is _COOKIE:
            facts.cookie = facts.cookie + b"; " + value if facts.cookie else value
            kept.append(pair)
        elif handling is _CONNECTION:
            nominated = _connection(facts, value, nominated)
        elif handling is not _DROP:
            _uncommon(facts, handling, pair)
    if hosts != 1 and not (http10 and hosts == 0):
        raise BadFields("Host is missing" if hosts == 0 else "Host is repeated")
    if hosts and not is_authority(facts.host):
        raise BadFields("Host is not a host with an optional port")
    if facts.coded and facts.length is not None:
        raise BadFields("both Content-Length and Transfer-Encoding")
    if facts.coded and not facts.chunked:
        raise BadFields("a transfer coding that does not end in chunked has no end")
    if facts.coded and http10:
        raise BadFields("Transfer-Encoding in an HTTP/1.0 request")
    if nominated:
        facts.kept = [pair for pair in kept if pair[0].lower() not in nominated]
        facts.idempotency_key = facts.idempotency_key and b"idempotency-key" not in nominated
    return facts


def _connection(facts: RequestFacts, value: bytes, nominated: list[bytes] | None) -> list[bytes]:
    tokens = [token.strip().lower() for token in value.split(b",")]
    facts.close = facts.close or b"close" in tokens
    facts.keep_alive = facts.keep_alive or b"keep-alive" in tokens
    facts.switches = facts.switches or b"upgrade" in tokens
    return (nominated or []) + [token for token in tokens if token and token not in _KEPT_TOKENS]


def _uncommon(facts: RequestFacts, handling: Treatment, pair: tuple[bytes, bytes]) -> None:
    value = pair[1]
    match handling:
        case Treatment.FORWARDING:
            facts.forwarding.append(pair)
        case Treatment.LENGTH:
            length = _digits(value, "Content-Length")
            if facts.length is not None:
                raise BadFields("Content-Length is repeated")
            facts.length = length
        case Treatment.CODING:
            for coding in value.lower().split(b","):
                _coding(facts, coding.strip(b" \t"))
        case Treatment.UPGRADE:
            facts.upgrade = value.strip().lower()
        case Treatment.EXPECT:
            if value.strip().lower() != b"100-continue":
                raise BadFields("the only expectation understood is 100-continue", 417)
            facts.expects_continue = True
        case Treatment.VIA:
            facts.via = facts.via + b", " + value if facts.via else value
        case Treatment.MAX_FORWARDS:
            if facts.max_forwards is not None:
                raise BadFields("Max-Forwards is repeated")
            facts.max_forwards = _digits(value, "Max-Forwards")
        case Treatment.TRACE:
            facts.traceparent = value if _TRACEPARENT.match(value) else b""
        case Treatment.REQUEST_ID:
            facts.request_id = value if _REQUEST_ID.match(value) else b""
        case Treatment.IDEMPOTENCY:
            facts.idempotency_key = True
            facts.kept.append(pair)
        case Treatment.FORCE:
            facts.force = facts.force + b", " + value if facts.force else value or b"nothing"
        case Treatment.ONCE:
            if any(name.lower() == pair[0].lower() for name, _ in facts.kept):
                raise BadFields(f"{pair[0].decode('latin-1')} is repeated: two readers may take two of them")
            facts.kept.append(pair)
        case _:
            raise AssertionError(handling)


def _coding(facts: RequestFacts, coding: bytes) -> None:
    """``identity`` changes nothing, and some still name it before ``chunked`` (RFC 2616 section 3.6)."""
    if facts.chunked or coding not in (b"identity", b"chunked"):
        raise BadFields("the only transfer coding understood is chunked, once, and last")
    facts.coded = True
    facts.chunked = coding == b"chunked"


FORBIDDEN_TRAILERS = frozenset({b"host", b"content-length", b"transfer-encoding"})
"""Framing and routing have no place behind a body, not even to be dropped (RFC 9110 section 6.5.1)."""


def _digits(value: bytes, name: str) -> int:
    if not value.isdigit() or len(value) > 18:
        raise BadFields(f"{name} is not a number")
    return int(value)


RESPONSE_DROPPED = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"te", b"transfer-encoding", b"upgrade", b"trailer"}
)
"""Fields of an answer that end at this hop."""


@dataclass(slots=True)
class ResponseFacts:
    """What the gateway must know of an answer's fields. ``kept`` are those that pass, in order."""

    kept: Fields
    length: int | None = None
    chunked: bool = False
    close: bool = False
    shareable: bool = True
    dated: bool = False
    location: bool = False
    upgrade: bytes = b""
    cookies: tuple[bytes, ...] = ()
    lines: bytes = b""
    """Worked out once, for an answer that comes with the same head again: status line and fields as they go
    to the client."""


_RESPONSE_FACTS = frozenset(
    {
        b"content-length",
        b"cache-control",
        b"date",
        b"location",
        b"content-location",
        b"set-cookie",
        *RESPONSE_DROPPED,
    }
)
_NOT_SHARED = frozenset({b"private", b"no-store"})


def read_response_fields(fields: Iterable[tuple[bytes, bytes]]) -> ResponseFacts:
    """Sort the fields of an answer.

    Raises:
        BadFields: framing that cannot be trusted (RFC 9112 section 6.3), or a control character in a value.
    """
    kept: Fields = []
    facts = ResponseFacts(kept)
    cookies: list[bytes] = []
    nominated: list[bytes] = []
    for pair in fields:
        name, value = pair
        lower = name.lower()
        if lower not in _RESPONSE_FACTS:
            kept.append(pair)
        elif lower == b"content-length":
            length = _digits(value, "Content-Length")
            if facts.length is not None:
                if facts.length != length:
                    raise BadFields("Content-Length is repeated and differs")
                continue
            facts.length = length
            kept.append(pair)
        elif lower == b"set-cookie":
            cookies.append(value)
            kept.append(pair)
        elif lower in RESPONSE_DROPPED:
            _hop_by_hop(facts, lower, value, nominated)
        elif lower == b"date":
            if not facts.dated:  # one Date, the first
                kept.append(pair)
            facts.dated = True
        else:
            if lower == b"cache-control":
                directives = {directive.strip().lower() for directive in value.split(b",")}
                facts.shareable = facts.shareable and not directives & _NOT_SHARED
            else:
                facts.location = True
            kept.append(pair)
    facts.cookies = tuple(cookies)
    if facts.chunked and facts.length is not None:
        raise BadFields("both Content-Length and Transfer-Encoding")
    if nominated:
        facts.kept = [pair for pair in kept if pair[0].lower() not in nominated]
        facts.dated = facts.dated and b"date" not in nominated
        facts.shareable = facts.shareable or b"cache-control" in nominated
    return facts


def _hop_by_hop(facts: ResponseFacts, lower: bytes, value: bytes, nominated: list[bytes]) -> None:
    if lower == b"connection":
        tokens = [token.strip().lower() for token in value.split(b",")]
        facts.close = facts.close or b"close" in tokens
        nominated += [token for token in tokens if token and token not in _KEPT_TOKENS]
    elif lower == b"transfer-encoding":
        if facts.chunked or value.strip().lower() != b"chunked":
            raise BadFields("the only transfer coding understood is chunked, once")
        facts.chunked = True
    elif lower == b"upgrade":
        facts.upgrade = value


def cookie_value(cookie: bytes, name: bytes) -> bytes | None:
    """The value of one cookie in a Cookie field, without quotes; None when it is not there (RFC 6265
    section 5.4)."""
    prefix = name + b"="
    if prefix not in cookie:
        return None
    for part in cookie.split(b";"):
        pair = part.strip(b" \t")
        if pair.startswith(prefix):
            return pair[len(prefix) :].strip(b'"')
    return None
