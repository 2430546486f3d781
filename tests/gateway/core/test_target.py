"""The request target: what is routed is what is forwarded."""

import pytest

from gateway.core.target import BadTarget, Target, is_authority, is_served, parse_target


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"/", Target(b"/", b"/", None)),
        (b"/a/b?c=/d", Target(b"/a/b", b"/a/b?c=/d", None)),
        (b"//a", Target(b"//a", b"//a", None)),
        (b"/%2e%2E/a;b?", Target(b"/%2e%2E/a;b", b"/%2e%2E/a;b?", None)),
        (b"http://h/a?b", Target(b"/a", b"/a?b", b"h")),
        (b"hTTps://h:1?b", Target(b"/", b"/?b", b"h:1")),
        (b"http://[::1]:80", Target(b"/", b"/", b"[::1]:80")),
    ],
)
def test_what_is_a_target(target: bytes, expected: Target) -> None:
    """Origin form and absolute form; bytes stay as they are."""
    assert parse_target(b"GET", target) == expected


def test_everything_is_a_target_of_options_only() -> None:
    """RFC 9112 section 3.2.4."""
    assert parse_target(b"OPTIONS", b"*") == Target(b"*", b"*", None)
    with pytest.raises(BadTarget):
        parse_target(b"GET", b"*")


@pytest.mark.parametrize(
    "target",
    [
        b"",
        b"a",
        b"h:80",
        b"/a#b",
        b"http://",
        b"http:///a",
        b"http://u@h/",
        b"http://h/#",
        b"/a#b?c",
        b"http://h#b",
        b"ftp://h/",
        b"http:/h",
    ],
)
def test_what_is_none(target: bytes) -> None:
    """The text says why."""
    with pytest.raises(BadTarget, match=r"\w+ \w+"):
        parse_target(b"GET", target)


@pytest.mark.parametrize(
    "host", [b"a", b"A.b-c:80", b"127.0.0.1", b"[2001:db8::1]:8", b"a_b~c", b"a%41", b"a:"]
)
def test_what_is_an_authority(host: bytes) -> None:
    """A registered name, an address, a port."""
    assert is_authority(host)


@pytest.mark.parametrize(
    "host",
    [b"", b":80", b"a/b", b"a@b", b"a b", b"a:b", b"a:1:2", b"[::1", b"a\\b", b"a:123456", b"a\n", b"\xe9"],
)
def test_what_is_none_either(host: bytes) -> None:
    """Nothing that two readers could split in two ways."""
    assert not is_authority(host)


@pytest.mark.parametrize(
    ("authority", "served"),
    [
        (b"a.example", True),
        (b"A.Example:80", True),
        (b"x.b.example", True),
        (b"x.b.example:", True),
        (b"[::1]", True),
        (b"[::1]:443", True),
        (b"b.example", False),
        (b".b.example", False),
        (b"x.y.b.example", False),
        (b"[::2]", False),
        (b"a.example.evil", False),
    ],
)
def test_which_hosts_are_served(authority: bytes, served: bool) -> None:
    """Names in any case, with any port; a star stands for one label."""
    assert is_served(authority, frozenset({b"a.example", b"*.b.example", b"[::1]"})) is served
    assert is_served(authority, frozenset())
