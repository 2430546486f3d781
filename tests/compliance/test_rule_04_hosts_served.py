"""Rule 4, with a list of hosts: whoever asks for another is told that he came to the wrong place (RFC 9110
section 15.5.20)."""

import json

import pytest

from tests.support.stage import Stage, get

SETTINGS = """
[listen]
hosts = ["Shop.example", "*.shop.example", "[::1]"]
"""


def request(target: bytes, host: bytes) -> bytes:
    """A GET with this Host."""
    return get(target).replace(b"example.com", host)


@pytest.mark.parametrize(
    ("target", "host"),
    [
        (b"/", b"shop.example"),
        (b"/", b"SHOP.example:8443"),
        (b"/", b"a.shop.example"),
        (b"/", b"[::1]:80"),
        (b"/", b"[::1]"),
        (b"http://shop.example/", b"elsewhere.example"),
    ],
)
def test_a_host_of_the_list_is_served(stage: Stage, target: bytes, host: bytes) -> None:
    """Whatever its port and case; the target's host counts, where it names one."""
    with stage.client() as client:
        assert client.exchange(request(target, host)).status == 200


@pytest.mark.parametrize(
    ("target", "host"),
    [
        (b"/", b"elsewhere.example"),
        (b"/", b"shop.example.evil"),
        (b"/", b"a.b.shop.example"),
        (b"/", b".shop.example"),
        (b"/", b"127.0.0.1"),
        (b"/", b"shop.example."),
        (b"http://elsewhere.example/", b"shop.example"),
        (b"https://elsewhere.example:443/x", b"shop.example"),
    ],
)
def test_any_other_host_is_misdirected(stage: Stage, target: bytes, host: bytes) -> None:
    """421, which says that the request reached no application; nothing of it does."""
    came = stage.closes(request(target, host), 421)
    head, _, body = came.partition(b"\r\n\r\n")
    assert b"\r\nProxy-Status: banyan; error=http_request_denied" in head
    assert json.loads(body)["status"] == 421
    assert not stage.legacy.requests


def test_a_request_of_http_1_0_that_names_no_host_is_served(stage: Stage) -> None:
    """It came to the right address, and says nothing else."""
    with stage.client() as client:
        assert client.exchange(b"GET / HTTP/1.0\r\n\r\n").status == 200
