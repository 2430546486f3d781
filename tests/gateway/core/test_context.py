"""What a rule may know of a request: the client's address, claims, and properties from configured places."""

import json
from base64 import urlsafe_b64encode
from ipaddress import ip_network

import pytest

from gateway.core.claims import claim
from gateway.core.context import ContextReader, Place, client_address
from gateway.core.forwarding import is_trusted
from gateway.core.headers import RequestFacts, read_request_fields

OURS = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


def trusted(peer: str) -> bool:
    return is_trusted(peer, OURS)


def facts(*fields: tuple[bytes, bytes]) -> RequestFacts:
    return read_request_fields([(b"Host", b"a"), *fields])


def token(**claims: object) -> bytes:
    """A bearer token as the header has it; nobody looks at its seal."""
    return b"Bearer x." + urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=") + b".y"


@pytest.mark.parametrize(
    ("peer", "fields", "address"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", [(b"X-Forwarded-For", b"198.51.100.7")], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [(b"X-Forwarded-For", b"198.51.100.7")], "198.51.100.7"),
        ("10.0.0.1", [(b"X-Forwarded-For", b"6.6.6.6, 198.51.100.7, 10.0.0.2")], "198.51.100.7"),
        (
            "10.0.0.1",
            [(b"X-Forwarded-For", b"6.6.6.6"), (b"X-Forwarded-For", b"198.51.100.7")],
            "198.51.100.7",
        ),
        ("10.0.0.1", [(b"X-Forwarded-For", b"10.0.0.3, 10.0.0.2")], "10.0.0.3"),
        ("10.0.0.1", [(b"X-Forwarded-For", b"198.51.100.7, garbage")], "10.0.0.1"),
        ("10.0.0.1", [(b"X-Forwarded-For", b"198.51.100.7:4711")], "198.51.100.7"),
        ("10.0.0.1", [(b"Forwarded", b'for="[2001:db8::7]:4711";proto=https, for=10.0.0.9')], "2001:db8::7"),
        ("fd00::1", [(b"Forwarded", b"for=_hidden")], "fd00::1"),
        ("unknown", [], ""),
    ],
)
def test_the_address_is_the_nearest_hop_that_is_none_of_ours(
    peer: str, fields: list[tuple[bytes, bytes]], address: str
) -> None:
    """Whatever a client says of itself."""
    assert client_address(facts(*fields), peer, trusted) == address


def test_claims_are_read_and_nothing_else_is() -> None:
    """Text, numbers, truth values; of a bearer token in three parts."""
    fields = [(b"Authorization", token(sub="ann", plan=3, beta=True, roles=["a"], cafe="café"))]
    assert [claim(fields, name) for name in ("sub", "plan", "beta", "roles", "none", "cafe")] == [
        "ann",
        "3",
        "True",
        "",
        "",
        "café",
    ]
    for value in (
        b"",
        b"Bearer",
        b"Bearer a.b",
        b"Bearer a.!!!.c",
        b"Basic YTpi",
        b"Bearer a.bnVsbA.c",
        b"\xff.\xff.\xff",
    ):
        assert claim([(b"Authorization", value)], "sub") == ""


def test_only_what_is_wanted_is_read() -> None:
    """And only from where it is configured to be."""
    places = [
        Place("tenant", "header", "X-Tenant"),
        Place("plan", "claim", "plan"),
        Place("beta", "cookie", "b"),
    ]
    reader = ContextReader(places, trusted)
    brought = facts((b"X-Tenant", b"acme"), (b"Authorization", token(plan="gold")), (b"Cookie", b"a=1; b=on"))
    found = reader.read(("tenant", "remoteAddress"), brought, "192.0.2.1")
    assert (found.properties, found.remote_address) == ((("tenant", "acme"),), "192.0.2.1")
    found = reader.read(("beta", "elsewhere", "plan"), brought, "192.0.2.1")
    assert (found.properties, found.remote_address) == ((("beta", "on"), ("plan", "gold")), "")
    assert reader.read(("tenant",), facts(), "192.0.2.1").properties == ()
