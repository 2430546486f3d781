"""Rule 4: one Host that is a host, or none of it is served (RFC 9110 section 7.2, RFC 9112 section 3.2)."""

import pytest

from tests.support.stage import OK, Stage, says

BAD = [
    b"",
    b"Host:\r\n",
    b"Host: a\r\nHost: a\r\n",
    b"Host: a\r\nhost: b\r\n",
    b"Host: a/b\r\n",
    b"Host: user@a\r\n",
    b"Host: a b\r\n",
    b"Host: a:80:81\r\n",
    b"Host: a:x\r\n",
    b"Host: a?b\r\n",
    b"Host: a\\b\r\n",
    b"Host: [::1\r\n",
    b'Host: a"b\r\n',
]


@pytest.mark.parametrize("lines", BAD)
def test_a_bad_host_is_refused(stage: Stage, lines: bytes) -> None:
    """Missing, empty, repeated, with a path, with user info."""
    stage.closes(b"GET / HTTP/1.1\r\n%b\r\n" % lines, 400)
    assert not stage.legacy.requests


@pytest.mark.parametrize(
    "host", [b"a", b"a:80", b"[::1]", b"[::1]:8080", b"a-b.c_d~e", b"xn--bcher-kva.example"]
)
def test_a_good_host_passes_untouched(stage: Stage, host: bytes) -> None:
    """Names, numbers, ports."""
    with stage.client() as client:
        assert client.exchange(b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % host).status == 200
    assert stage.legacy.last().all(b"Host") == [host]


def test_an_absolute_target_overrides_host(stage: Stage) -> None:
    """RFC 9112 section 3.2.2; a missing Host is refused all the same."""
    with stage.client() as client:
        client.exchange(b"GET http://right.example/ HTTP/1.1\r\nHost: wrong.example\r\n\r\n")
    assert stage.legacy.last().all(b"Host") == [b"right.example"]
    assert b"wrong" not in stage.legacy.last().head
    stage.closes(b"GET http://right.example/ HTTP/1.1\r\n\r\n", 400)
    stage.closes(b"GET http://user:password@right.example/ HTTP/1.1\r\nHost: right.example\r\n\r\n", 400)


@pytest.mark.parametrize("line", [b"CONNECT example.com:443", b"TRACE /"])
def test_connect_and_trace_are_refused(stage: Stage, line: bytes) -> None:
    """With the methods that are served."""
    came = stage.closes(line + b" HTTP/1.1\r\nHost: example.com\r\n\r\n", 405)
    assert b"\r\nAllow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n" in came
    assert not stage.legacy.requests


def test_options_of_everything_is_answered_here(stage: Stage) -> None:
    """It asks for the server itself (RFC 9110 section 9.3.7); the connection goes on."""
    with stage.client() as client:
        answer = client.exchange(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (answer.status, answer.get(b"Allow")) == (204, b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
        assert client.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").status == 200
    assert [request.line for request in stage.legacy.requests] == [b"GET / HTTP/1.1"]


def test_options_of_a_host_without_a_path_asks_for_everything_too(stage: Stage) -> None:
    """RFC 9112 section 3.2.4; with a path or a query it asks for that."""
    stage.legacy.plays(says(OK))
    with stage.client() as client:
        assert client.exchange(b"OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n").status == 204
        assert client.exchange(b"OPTIONS http://a:81 HTTP/1.1\r\nHost: a\r\n\r\n").status == 204
        for rest in (b"/", b"?x"):
            assert client.exchange(b"OPTIONS http://a%b HTTP/1.1\r\nHost: a\r\n\r\n" % rest).status == 200
    assert [request.target for request in stage.legacy.requests] == [b"/", b"/?x"]


def test_http_1_0_without_host_gets_the_address_it_came_to(stage: Stage) -> None:
    """HTTP/1.0 knew no Host; upstream every request has exactly one."""
    with stage.client() as client:
        assert client.exchange(b"GET / HTTP/1.0\r\n\r\n").status == 200
    assert stage.legacy.last().all(b"Host") == [b"127.0.0.1:%d" % stage.worker.port]


@pytest.mark.parametrize("method", [b"get", b"Post", b"FO", b"A" * 21, b"#FOO"])
def test_what_is_no_method_is_refused(stage: Stage, method: bytes) -> None:
    """Above all what an application may read as its capitals (RFC 9110 section 9.1): 501."""
    stage.closes(method + b" / HTTP/1.1\r\nHost: a\r\n\r\n", 501)


@pytest.mark.parametrize(
    "method", [b"PATCH", b"PROPFIND", b"REPORT", b"QUERY", b"FOO", b"-BLARGH", b"SETUP", b"SOURCE"]
)
def test_less_usual_methods_pass(stage: Stage, method: bytes) -> None:
    """Also one that nobody has heard of: what it means is the application's affair."""
    with stage.client() as client:
        assert client.exchange(method + b" / HTTP/1.1\r\nHost: a\r\n\r\n").status == 200
    assert stage.legacy.last().line == method + b" / HTTP/1.1"
