"""The raw peers say and log exactly what a test asks them to."""

import pytest

from tests.support.raw import (
    Close,
    ClosedEarlyError,
    Pause,
    RawClient,
    Reset,
    ScriptedUpstream,
    Send,
    UpstreamConnection,
    answering,
    stepping,
)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\n\r\nhi"


def test_exact_bytes_arrive_and_are_logged() -> None:
    """What is sent is what the upstream has, odd spellings included."""
    request = b"POST /a%2Fb//c?q=%7e HTTP/1.1\r\nhOsT: x\r\nContent-Length: 3\r\n\r\nabc"
    with ScriptedUpstream(answering(OK)) as upstream, RawClient(upstream.port) as client:
        answer = client.exchange(request)
        assert bytes(upstream.connections[0].log) == request
        assert upstream.requests[0].target == b"/a%2Fb//c?q=%7e"
        assert upstream.requests[0].body == b"abc"
        assert (answer.status, answer.body, answer.all(b"Set-Cookie")) == (200, b"hi", [b"a=1", b"b=2"])


def test_answers_come_in_turn_on_one_connection_and_the_last_one_stays() -> None:
    """A keep-alive connection gets the script's answers one after the other."""
    second = b"HTTP/1.1 204 No Content\r\n\r\n"
    with ScriptedUpstream(answering(OK, second)) as upstream, RawClient(upstream.port) as client:
        statuses = [client.exchange(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").status for _ in range(3)]
    assert statuses == [200, 204, 204]
    assert len(upstream.connections) == 1


def test_chunked_bodies_and_trailers_are_read() -> None:
    """Both ends decode chunks and give the trailers apart."""
    chunked = b"2\r\nhi\r\n1;x=y\r\n!\r\n0\r\nX-Sum: 1\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked
    with ScriptedUpstream(answering(answer)) as upstream, RawClient(upstream.port) as client:
        got = client.exchange(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked)
        assert (got.body, got.trailers) == (b"hi!", [(b"X-Sum", b"1")])
        assert upstream.requests[0].trailers == [(b"X-Sum", b"1")]


def test_an_answer_cut_short_is_an_error_with_what_arrived() -> None:
    """Early ends are never taken for whole answers."""
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
    with ScriptedUpstream(stepping(Send(cut), Close())) as upstream, RawClient(upstream.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(ClosedEarlyError) as caught:
            client.read_response()
    assert caught.value.received == b"half"


def test_silence_ends_in_a_timeout_not_in_a_hang() -> None:
    """Every wait has a bound."""
    with ScriptedUpstream(stepping(Pause(0.3))) as upstream, RawClient(upstream.port, timeout=0.05) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(TimeoutError):
            client.read_response()
        assert not client.closed_by_peer(within=0.05)


def test_a_reset_is_seen_as_a_close() -> None:
    """A crashed peer ends the connection too."""
    with ScriptedUpstream(stepping(Reset())) as upstream, RawClient(upstream.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.closed_by_peer()


def test_a_handlers_own_mistake_fails_the_test() -> None:
    """An assertion in a handler's thread is not lost."""

    def handler(connection: UpstreamConnection) -> None:
        assert connection.read_head().line == b"never this"

    def story() -> None:
        with ScriptedUpstream(handler) as upstream, RawClient(upstream.port) as client:
            client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.closed_by_peer()

    with pytest.raises(AssertionError, match="never this"):
        story()
