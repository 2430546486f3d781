"""Rule 10: informational answers (RFC 9110 section 15.2)."""

import pytest

from tests.support.raw import Send
from tests.support.stage import OK, Stage, answer, get, says, steps

HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"


def test_103_is_forwarded_before_the_answer(stage: Stage) -> None:
    """Byte for byte, each one, at once."""
    stage.legacy.plays(steps(Send(HINTS)))
    with stage.client() as client:
        client.send(get())
        assert client.read_head() == HINTS
        stage.legacy.upstream.connections[-1].send(HINTS + OK)
        assert client.read_head() == HINTS
        assert client.read_response().body == b"ok"


def test_102_and_unknown_ones_are_forwarded_but_not_100(stage: Stage) -> None:
    """Only the gateway says 100, once, to a client that asked for it."""
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 199 Odd\r\nX: y\r\n\r\n"
    stage.legacy.plays(says(early + OK))
    with stage.client() as client:
        client.send(get())
        assert client.read_head() == b"HTTP/1.1 102 Processing\r\n\r\n"
        assert client.read_head() == b"HTTP/1.1 199 Odd\r\nX: y\r\n\r\n"
        assert client.read_head().startswith(b"HTTP/1.1 200 OK\r\n")


def test_an_informational_answer_has_no_length(stage: Stage) -> None:
    """RFC 9110 section 8.6: it has no body, and a client that believed otherwise would lose the answer."""
    stage.legacy.plays(says(HINTS.replace(b"Link", b"Content-Length: 90\r\nLink") + OK))
    with stage.client() as client:
        client.send(get())
        assert client.read_head() == HINTS
        assert client.read_response().body == b"ok"


@pytest.mark.parametrize("framing", [b"Content-Length: 5", b"Transfer-Encoding: chunked"])
@pytest.mark.parametrize("status", [b"102", b"103", b"104", b"199"])
def test_what_an_informational_answer_says_of_a_body_is_not_so(
    stage: Stage, status: bytes, framing: bytes
) -> None:
    """RFC 9112 section 6.3: what follows is the next head, whatever its number, in one read or in several."""
    early = b"HTTP/1.1 %b Early\r\n%b\r\n\r\n" % (status, framing)
    passed = b"HTTP/1.1 %b Early\r\n\r\n" % status
    stage.legacy.plays(says(early * 2 + answer(b"one"), answer(b"two")))
    with stage.client() as client:
        client.send(get())
        assert [client.read_head() for _ in range(2)] == [passed] * 2
        assert client.read_response().body == b"one"
        assert client.exchange(get()).body == b"two"
        stage.legacy.plays(steps(*(Send(bytes([byte])) for byte in early + answer(b"three"))))
        client.send(get())
        assert client.read_head() == passed
        assert client.read_response().body == b"three"


def test_http_1_0_clients_get_none(stage: Stage) -> None:
    """They do not know them."""
    stage.legacy.plays(says(HINTS + OK))
    with stage.client() as client:
        client.send(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
        assert client.read_head().startswith(b"HTTP/1.1 200 OK\r\n")


def test_101_without_a_request_for_it_is_an_error(stage: Stage) -> None:
    """The client never sees it, nor what comes behind it."""
    switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    stage.legacy.plays(says(switch + answer(b"POISON")))
    with stage.client() as client:
        assert client.exchange(get()).status == 502
        assert b"POISON" not in client.log


def test_the_fields_of_an_interim_answer_are_not_those_of_the_final_one(stage: Stage) -> None:
    """Each head stands alone."""
    stage.legacy.plays(says(HINTS + OK))
    with stage.client() as client:
        assert client.exchange(get()).all(b"Link") == []
