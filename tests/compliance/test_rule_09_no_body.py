"""Rule 9: no body where none may be, and the next request is answered right (RFC 9110 section 6.4)."""

import pytest

from tests.support.raw import Close, Pause, Send
from tests.support.stage import Stage, answer, get, says, steps

LATER = answer(b"later")


def test_head_keeps_the_length_and_has_no_body(stage: Stage) -> None:
    """On a connection that goes on, with a chunked answer too."""
    stage.legacy.plays(
        says(
            b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            LATER,
        )
    )
    with stage.client() as client:
        first = client.exchange(get(method=b"HEAD"), "HEAD")
        assert first.get(b"Content-Length") == b"5000"
        assert client.exchange(get(method=b"HEAD"), "HEAD").status == 200
        assert client.exchange(get()).body == b"later"
        assert client.read_available() == b""


REFUSED = {
    "no Host": (b"HEAD / HTTP/1.1\r\n\r\n", 400),
    "a bad target": (get(b"x", method=b"HEAD"), 400),
    "a bad field": (get(b"/", b"X : y", method=b"HEAD"), 400),
    "two framings": (get(b"/", b"Content-Length: 1", b"Transfer-Encoding: chunked", method=b"HEAD"), 400),
    "a length too large": (get(b"/", b"Content-Length: 999999999999", method=b"HEAD"), 413),
    "a long target": (get(b"/" + b"a" * 9000, method=b"HEAD"), 414),
    "an expectation": (get(b"/", b"Expect: 200-ok", method=b"HEAD"), 417),
    "a large field": (get(b"/", b"X: " + b"a" * 9000, method=b"HEAD"), 431),
    "another version": (b"HEAD / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
    "a bad chunk": (get(b"/", b"Transfer-Encoding: chunked", method=b"HEAD") + b"zz\r\n", 400),
}


@pytest.mark.parametrize("behind", [b"", get()], ids=["alone", "behind another"])
@pytest.mark.parametrize(("request_bytes", "status"), REFUSED.values(), ids=REFUSED)
def test_the_refusal_of_a_head_request_has_none(
    stage: Stage, request_bytes: bytes, status: int, behind: bytes
) -> None:
    """Whoever refuses it, and wherever in it; a refused GET gets one."""
    stage.legacy.plays(steps(Pause(0.05), Send(LATER)) if behind else steps())
    with stage.client() as client:
        client.send(behind + request_bytes)
        if behind:
            assert client.read_response().body == b"later"
        refusal = client.read_response("HEAD")
        assert refusal.status == status
        assert refusal.get(b"Content-Length") not in (None, b"0")
        assert client.read_until_closed() == b""


def test_the_refusal_of_what_comes_behind_a_head_request_has_a_body(stage: Stage) -> None:
    """What is refused there is no HEAD any more."""
    with stage.client() as client:
        assert client.exchange(get(method=b"HEAD"), "HEAD").status == 200
        assert client.exchange(b"NONSENSE / HTTP/1.1\r\n\r\n").body.startswith(b"{")


@pytest.mark.parametrize(
    "head",
    [
        b"204 No Content",
        b"304 Not Modified",
        b"304 Not Modified\r\nContent-Length: 5000",
        b"204 No Content\r\nContent-Length: 0",
    ],
)
def test_204_and_304_have_none(stage: Stage, head: bytes) -> None:
    """304 keeps its length, 204 has none (RFC 9110 section 8.6)."""
    stage.legacy.plays(says(b"HTTP/1.1 %b\r\n\r\n" % head, LATER))
    with stage.client() as client:
        first = client.exchange(get())
        assert first.all(b"Content-Length") == ([b"5000"] if b"5000" in head else [])
        assert first.all(b"Transfer-Encoding") == []
        assert client.exchange(get()).body == b"later"
        assert client.read_available() == b""


@pytest.mark.parametrize("method", [b"HEAD", b"GET"])
def test_a_body_that_is_sent_all_the_same_reaches_nobody(stage: Stage, method: bytes) -> None:
    """Not with this answer, and not as the next."""
    status = b"200 OK" if method == b"HEAD" else b"204 No Content"
    poison = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON"
    stage.legacy.plays(
        says(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n" % (status, len(poison)) + poison, LATER)
    )
    with stage.client() as client:
        client.exchange(get(method=method), method.decode())
        assert client.exchange(get()).body == b"later"
        assert len({request.connection for request in stage.legacy.requests}) == 2
        assert b"POISON" not in client.log


def test_an_answer_without_any_length_is_framed_for_the_client(stage: Stage) -> None:
    """Its end is the upstream's close; the client's connection goes on."""
    with stage.client() as client:
        stage.legacy.plays(steps(Send(b"HTTP/1.1 200 OK\r\n\r\nall of it"), Close()))
        first = client.exchange(get())
        assert (first.body, first.get(b"Transfer-Encoding")) == (b"all of it", b"chunked")
        stage.legacy.plays(says(LATER))
        assert client.exchange(get()).body == b"later"


def test_a_request_without_a_body_says_nothing_of_one(stage: Stage) -> None:
    """Neither length nor coding is invented for a GET."""
    with stage.client() as client:
        client.exchange(get())
    assert not stage.legacy.last().all(b"Content-Length") + stage.legacy.last().all(b"Transfer-Encoding")
