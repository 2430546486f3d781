"""Who asked, told to the upstream."""

from ipaddress import ip_network

import pytest

from gateway.core.forwarding import forwarding_lines, has_been_here, is_trusted, public_origin
from gateway.core.headers import read_request_fields

SAID = [
    (b"X-Forwarded-For", b"1.1.1.1"),
    (b"X-Forwarded-For", b"2.2.2.2"),
    (b"X-Forwarded-Proto", b"https"),
    (b"X-Forwarded-Host", b"shop.example"),
    (b"X-Forwarded-Port", b"443"),
    (b"X_Forwarded_For", b"6.6.6.6"),
    (b"Forwarded", b"for=1.1.1.1"),
]
FACTS = read_request_fields([(b"Host", b"a"), *SAID])


@pytest.mark.parametrize(
    ("peer", "trusted"),
    [
        ("10.1.2.3", True),
        ("10.2.0.1", False),
        ("::1", True),
        ("fe80::1", False),
        ("unix", False),
        ("", False),
    ],
)
def test_whose_word_is_believed(peer: str, trusted: bool) -> None:
    """By address alone; a peer without one is nobody."""
    networks = (ip_network("10.1.0.0/16"), ip_network("::1/128"))
    assert is_trusted(peer, networks) is trusted
    assert not is_trusted(peer, ())


def test_of_an_untrusted_peer_nothing_is_carried_on() -> None:
    """Only what the gateway knows itself."""
    assert forwarding_lines(FACTS, b"9.9.9.9", b"http", trusted=False) == (
        b"X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\n"
        b'Forwarded: for=9.9.9.9;host="a";proto=http\r\n'
    )


def test_a_trusted_chain_is_continued() -> None:
    """What else it says of the family passes, but not in disguise."""
    assert forwarding_lines(FACTS, b"9.9.9.9", b"http", trusted=True) == (
        b"X-Forwarded-For: 1.1.1.1, 2.2.2.2, 9.9.9.9\r\nX-Forwarded-Proto: https\r\n"
        b"X-Forwarded-Host: shop.example\r\n"
        b'Forwarded: for=1.1.1.1, for=9.9.9.9;host="a";proto=http\r\nX-Forwarded-Port: 443\r\n'
    )


@pytest.mark.parametrize(
    ("said", "forwarded"),
    [
        (
            {"For": b"1.1.1.1, 2001:db8::1, who?", "Proto": b"https", "Host": b"shop"},
            b'for=1.1.1.1;host="shop";proto=https, for="[2001:db8::1]", for=unknown, ',
        ),
        ({"Proto": b"https"}, b"for=unknown;proto=https, "),
        ({"Host": b'a"b', "Proto": b"x;y", "For": b"1.1.1.1"}, b"for=1.1.1.1, "),
        ({"Port": b"443"}, b""),
    ],
)
def test_what_a_trusted_proxy_says_is_said_in_both_languages(
    said: dict[str, bytes], forwarded: bytes
) -> None:
    """An application that reads only Forwarded finds the client there too."""
    fields = [(f"X-Forwarded-{name}".encode(), value) for name, value in said.items()]
    facts = read_request_fields([(b"Host", b"a"), *fields])
    lines = forwarding_lines(facts, b"unknown", b"http", trusted=True)
    assert b"\r\nForwarded: " + forwarded + b'for=unknown;host="a";proto=http\r\n' in lines


def test_a_peer_without_an_address_adds_none() -> None:
    """Who reads the last address is to find one. It is believed where that is asked for."""
    facts = read_request_fields([(b"Host", b"a"), (b"X-Forwarded-For", b"1.1.1.1")])
    assert b"X-Forwarded-For: 1.1.1.1\r\n" in forwarding_lines(facts, b"unknown", b"http", trusted=True)
    assert b"X-Forwarded-For: unknown\r\n" in forwarding_lines(facts, b"unknown", b"http", trusted=False)
    assert is_trusted("unknown", (), unix=True)
    assert not is_trusted("unknown", ())


def test_an_address_with_colons_is_quoted() -> None:
    """RFC 7239 section 6."""
    lines = forwarding_lines(read_request_fields([(b"Host", b"a")]), b"::1", b"http", trusted=True)
    assert b"X-Forwarded-For: ::1\r\n" in lines
    assert b'Forwarded: for="[::1]";' in lines


def test_where_the_client_believes_to_be() -> None:
    """What it asked for, or what a trusted proxy says."""
    assert public_origin(FACTS, b"http", trusted=False) == b"http://a"
    assert public_origin(FACTS, b"http", trusted=True) == b"https://shop.example"
    several = read_request_fields([(b"Host", b"a"), (b"X-Forwarded-Proto", b"https, http")])
    assert public_origin(several, b"http", trusted=True) == b"https://a"


@pytest.mark.parametrize(
    ("via", "here"),
    [
        (b"", False),
        (b"1.1 banyan-1", True),
        (b"1.0 x, 1.1 banyan-1", True),
        (b"1.1 x,HTTP/1.1  banyan-1 (comment)", True),
        (b"1.1 banyan-12", False),
        (b"1.1 x (banyan-1)", False),
        (b"banyan-1", False),
    ],
)
def test_a_request_that_was_here(via: bytes, here: bool) -> None:
    """By the name of this gateway, no other's."""
    assert has_been_here(via, b"banyan-1") is here
