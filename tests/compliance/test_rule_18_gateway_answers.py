"""Rule 18: an answer of the gateway itself says so (RFC 9457, RFC 9209)."""

import json
import re

import pytest

from tests.support.raw import Close, RawResponse, Send
from tests.support.stage import Stage, get, post, steps

SETTINGS = """
[listen]
max_body = "1 KiB"
head_timeout = "300ms"
"""
ENV = {"BANYAN_UPSTREAMS__NEW__TIMEOUT": "300ms"}
"""Only of the side that is to be too slow: the other must be broken, however busy this machine is."""


def is_ours(response: RawResponse) -> None:
    """It is a problem with one Date, a Proxy-Status, and nothing of an application."""
    assert response.get(b"Content-Type") == b"application/problem+json"
    assert re.fullmatch(rb"banyan; error=[a-z_]+", response.get(b"Proxy-Status") or b"")
    assert len(response.all(b"Date")) == 1
    assert response.get(b"Cache-Control") == b"no-store"
    assert response.all(b"Server") == []
    problem = json.loads(response.body)
    assert problem["status"] == response.status
    assert problem["type"] == "about:blank"
    assert problem["title"]
    assert problem["detail"]


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        (b"GET / HTTP/1.1\r\nHost", 408),
        (post(b"x" * 2000), 413),
        (get(b"/" + b"x" * 9000), 414),
        (post(b"x", b"/", b"Expect: magic"), 417),
        (get(b"/", b"X: " + b"x" * 9000), 431),
        (b"foo / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        (b"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
    ],
)
def test_refusals(stage: Stage, request_bytes: bytes, status: int) -> None:
    """Each closes the connection, and says that it does."""
    with stage.client() as client:
        client.send(request_bytes)
        response = client.read_response()
        assert response.status == status
        is_ours(response)
        assert response.get(b"Connection") == b"close"
        assert client.read_until_closed() == b""


def test_unreachable_is_502(stage: Stage) -> None:
    """Nobody listens, or whoever does hangs up."""
    stage.legacy.plays(steps(Close()))
    with stage.client() as client:
        response = client.exchange(get())
        assert (response.status, response.get(b"Proxy-Status")) == (
            502,
            b"banyan; error=connection_terminated",
        )
        is_ours(response)


def test_broken_is_502(stage: Stage) -> None:
    """The application spoke something else."""
    stage.legacy.plays(steps(Send(b"SSH-2.0-x\r\n")))
    with stage.client() as client:
        response = client.exchange(get())
        assert (response.status, response.get(b"Proxy-Status")) == (502, b"banyan; error=http_protocol_error")
        is_ours(response)


def test_too_slow_is_504(stage: Stage) -> None:
    """No first byte in time; a POST is not asked again on the other side."""
    stage.dial(100)
    stage.new.plays(steps())
    with stage.client() as client:
        response = client.exchange(post(b"x", b"/orders/1"))
        assert (response.status, response.get(b"Proxy-Status")) == (
            504,
            b"banyan; error=http_response_timeout",
        )
        is_ours(response)


def test_a_head_request_gets_no_body(stage: Stage) -> None:
    """But the length that it would have."""
    stage.legacy.plays(steps(Close()))
    with stage.client() as client:
        response = client.exchange(get(method=b"HEAD"), "HEAD")
        assert response.status == 502
        assert int(response.get(b"Content-Length") or 0) > 0
        assert client.read_available() == b""


def test_they_are_counted_apart(stage: Stage) -> None:
    """By reason; an application's own 502 is not one of them."""
    before = stage.reports.total("banyan_gateway_errors_total")
    stage.legacy.plays(steps(Send(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")))
    with stage.client() as client:
        response = client.exchange(get())
        assert (response.status, response.all(b"Proxy-Status")) == (502, [])
    stage.closes(b"GET / HTTP/1.1\r\n\r\n", 400)
    assert stage.reports.total("banyan_gateway_errors_total") == before + 1
    assert stage.reports.total("banyan_gateway_errors_total", l0="refused_400") >= 1
