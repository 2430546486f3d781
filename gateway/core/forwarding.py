"""The fields that tell an upstream who asked: forwarding chain, Via, trace and request id. Pure: ids
enter as arguments."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address

from gateway.core.headers import RequestFacts
from gateway.core.message import Fields

Network = IPv4Network | IPv6Network


NOBODY_KNOWS = "unknown"
"""The name of a peer without an address, one that came over a Unix socket (RFC 7239 section 6.2)."""


def is_trusted(peer: str, networks: tuple[Network, ...], *, unix: bool = False) -> bool:
    """Whether what ``peer`` says of earlier hops may be believed; with ``unix`` also who came over a socket
    of ours."""
    if peer == NOBODY_KNOWS:
        return unix
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    return any(address in network for network in networks)


def forwarding_lines(facts: RequestFacts, peer: bytes, scheme: bytes, *, trusted: bool) -> bytes:
    """``X-Forwarded-For/-Proto/-Host`` and ``Forwarded`` (RFC 7239) as lines to put into a request head.

    Of an untrusted peer nothing is carried on; a trusted one's chain is continued, and its scheme and
    host kept. A peer without an address adds none to X-Forwarded-For when there is one: who reads the last
    one is to find an address.
    """
    host = facts.host
    node = b'"[%b]"' % peer if b":" in peer else peer
    if not (trusted and facts.forwarding):
        return (
            b"X-Forwarded-For: %b\r\nX-Forwarded-Proto: %b\r\nX-Forwarded-Host: %b\r\n"
            b'Forwarded: for=%b;host="%b";proto=%b\r\n'
        ) % (peer, scheme, host, node, host, scheme)
    said = _joined(facts.forwarding)
    known = said.get(b"x-forwarded-for")
    chain = b", ".join([*filter(None, [known]), *([] if known and peer == _NOBODY else [peer])])
    proto = said.get(b"x-forwarded-proto", scheme)
    public_host = said.get(b"x-forwarded-host", host)
    hop = b'for=%b;host="%b";proto=%b' % (node, host, scheme)
    forwarded = b", ".join([*filter(None, [said.get(b"forwarded") or _translated(said)]), hop])
    ours = (b"X-Forwarded-For: %b\r\nX-Forwarded-Proto: %b\r\nX-Forwarded-Host: %b\r\nForwarded: %b\r\n") % (
        chain,
        proto,
        public_host,
        forwarded,
    )
    others = [pair for pair in facts.forwarding if b"_" not in pair[0] and pair[0].lower() not in _CONTINUED]
    return ours + b"".join(b"%b: %b\r\n" % pair for pair in others)


def _translated(said: dict[bytes, bytes]) -> bytes:
    """What X-Forwarded-* says in the words of Forwarded, for who reads only that (RFC 7239 section 7.4)."""
    nodes = [_node(part.strip()) for part in said.get(b"x-forwarded-for", b"").split(b",") if part.strip()]
    host, proto = _first(said.get(b"x-forwarded-host", b"")), _first(said.get(b"x-forwarded-proto", b""))
    if not (nodes or host or proto):
        return b""
    first = b"for=" + (nodes[0] if nodes else _NOBODY)
    if host and not any(mark in host for mark in b'"\\'):
        first += b';host="%b"' % host
    if proto.isalnum():
        first += b";proto=" + proto
    return b", ".join([first, *(b"for=" + node for node in nodes[1:])])


def _node(address: bytes) -> bytes:
    try:
        version = ip_address(address.decode("latin-1")).version
    except ValueError:
        return _NOBODY
    return b'"[%b]"' % address if version == 6 else address


_NOBODY = NOBODY_KNOWS.encode()
_CONTINUED = frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"forwarded"})


def public_origin(facts: RequestFacts, scheme: bytes, *, trusted: bool) -> bytes:
    """``http://host`` as the client knows this place: what a trusted proxy says, else what was asked for."""
    said = _joined(facts.forwarding) if trusted and facts.forwarding else {}
    return b"%b://%b" % (
        _first(said.get(b"x-forwarded-proto", b"")) or scheme,
        _first(said.get(b"x-forwarded-host", b"")) or facts.host,
    )


def _first(values: bytes) -> bytes:
    return values.partition(b",")[0].strip()


def _joined(fields: Fields) -> dict[bytes, bytes]:
    said: dict[bytes, bytes] = {}
    for name, value in fields:
        lower = name.lower()
        said[lower] = said[lower] + b", " + value if lower in said else value
    return said


def has_been_here(via: bytes, pseudonym: bytes) -> bool:
    """Whether a Via field names this gateway: the request runs in a circle (RFC 9110 section 7.6.3)."""
    return any(hop.split()[1:2] == [pseudonym] for hop in via.split(b",")) if via else False
