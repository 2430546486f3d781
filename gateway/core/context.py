"""What a source's rule may know of a request beside the sticky key: its client's address, and properties from
places that are configured. Pure; reads only what the rule looks at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Final, NamedTuple

from flags import Context
from gateway.core.claims import claim
from gateway.core.forwarding import NOBODY_KNOWS
from gateway.core.headers import RequestFacts, cookie_value

__all__ = ["ContextReader", "Place", "client_address"]

_ADDRESS: Final = "remoteAddress"
_LONGEST: Final = 512


class Place(NamedTuple):
    """Where the property `property` is found: `source` is header, cookie or claim."""

    property: str
    source: str
    name: str


class ContextReader:
    """`is_trusted`: whose word about earlier hops is believed."""

    __slots__ = ("_is_trusted", "_places")

    def __init__(self, places: Iterable[Place], is_trusted: Callable[[str], bool]) -> None:
        self._places = {place.property: place for place in places}
        self._is_trusted = is_trusted

    def read(self, wanted: Iterable[str], facts: RequestFacts, peer: str) -> Context:
        """Of what is wanted, what this request says. User and session stay open: the key fills them."""
        address, properties = "", []
        for name in wanted:
            if name == _ADDRESS:
                address = client_address(facts, peer, self._is_trusted)
            elif (place := self._places.get(name)) is not None and (value := _value(place, facts)):
                properties.append((name, value))
        return Context(remote_address=address, properties=tuple(properties))


def client_address(facts: RequestFacts, peer: str, is_trusted: Callable[[str], bool]) -> str:
    """The nearest hop that is not one of ours: the peer itself, or what trusted proxies say of who came
    before them, from the last to the first (X-Forwarded-For, else Forwarded, RFC 7239). "" where nobody
    knows.
    """
    found = peer
    if facts.forwarding and is_trusted(peer):
        for hop in reversed(_hops(facts)):
            address = _address(hop)
            if not address:
                break
            found = address
            if not is_trusted(address):
                break
    return "" if found == NOBODY_KNOWS else found


def _hops(facts: RequestFacts) -> list[str]:
    for wanted in (b"x-forwarded-for", b"forwarded"):
        said = ",".join(value.decode("latin-1") for name, value in facts.forwarding if name.lower() == wanted)
        if said:
            return said.split(",") if wanted == b"x-forwarded-for" else [_for(hop) for hop in said.split(",")]
    return []


def _for(hop: str) -> str:
    for pair in hop.split(";"):
        name, _, value = pair.strip().partition("=")
        if name.lower() == "for":
            return value
    return ""


def _address(hop: str) -> str:
    """An address as it may stand there, without brackets, quotes and port; "" for anything else."""
    text = hop.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ip_address(text))
    except ValueError:
        return ""


def _header(facts: RequestFacts, lower: bytes) -> bytes:
    length = len(lower)  # cheaper to compare than what is nearly always another name
    for name, value in facts.kept:
        if len(name) == length and name.lower() == lower:
            return value
    return b""


def _value(place: Place, facts: RequestFacts) -> str:
    if place.source == "claim":
        return claim(facts.kept, place.name)[:_LONGEST]
    if place.source == "cookie":
        found = cookie_value(facts.cookie, place.name.encode()) or b""
    else:
        found = _header(facts, place.name.lower().encode())
    return found[:_LONGEST].decode("utf-8", "replace")
