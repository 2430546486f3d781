"""Rule 17: a stream is passed on as it comes, as long as it goes on, and as it is."""

import gzip
import threading
import time

from tests.support.raw import Pause, Send, UpstreamConnection, UpstreamRequest
from tests.support.stage import OK, Stage, answer, get, says, steps

ENV = {
    "BANYAN_UPSTREAMS__LEGACY__TIMEOUT": "400ms",
    "BANYAN_UPSTREAMS__LEGACY__IDLE_TIMEOUT": "400ms",
}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_the_first_event_is_out_before_the_second_comes_in(stage: Stage) -> None:
    """Within 50 ms (asserted with room for a busy machine)."""
    seen = threading.Event()
    sent = [0.0]

    def scene(connection: UpstreamConnection, request: UpstreamRequest) -> None:
        connection.send(HEAD)
        sent[0] = time.monotonic()
        connection.send(b"9\r\ndata: 1\n\n\r\n")
        seen.wait(0.3)
        connection.send(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")

    stage.legacy.plays(scene)
    with stage.client() as client:
        client.send(get(b"/orders/events"))
        client.read_head()
        assert client.read_exactly(14) == b"9\r\ndata: 1\n\n\r\n"
        assert time.monotonic() - sent[0] < 0.25
        seen.set()
        assert client.read_until(b"0\r\n\r\n") == b"9\r\ndata: 2\n\n\r\n0\r\n\r\n"


def test_a_stream_that_goes_on_has_no_time_limit(stage: Stage) -> None:
    """Longer than every deadline of the application, never silent for that long."""
    events = [step for n in range(10) for step in (Send(b"1\r\n%d\r\n" % n), Pause(0.15))]
    stage.legacy.plays(steps(Send(HEAD), *events, Send(b"0\r\n\r\n")))
    with stage.client() as client:
        assert client.exchange(get()).body == b"0123456789"


def test_a_stream_that_falls_silent_is_cut(stage: Stage) -> None:
    """The deadline between two bytes."""
    stage.legacy.plays(steps(Send(HEAD + b"1\r\na\r\n"), Pause(1.5)))
    with stage.client() as client:
        client.send(get())
        came = client.read_until_closed()
    assert came.endswith(b"1\r\na\r\n")


def test_encoded_bodies_pass_as_they_are(stage: Stage) -> None:
    """Nobody here unpacks them, or takes the offer away."""
    body = gzip.compress(b"hello" * 100)
    stage.legacy.plays(says(answer(body, b"Content-Encoding: gzip")))
    with stage.client() as client:
        response = client.exchange(get(b"/", b"Accept-Encoding: gzip, br"))
    assert (response.body, response.get(b"Content-Encoding")) == (body, b"gzip")
    assert stage.legacy.last().get(b"Accept-Encoding") == b"gzip, br"


def test_a_request_can_stream_too(stage: Stage) -> None:
    """The application has the first part before the client sends the second."""

    def scene(connection: UpstreamConnection, request: UpstreamRequest) -> None:
        assert connection.read_exactly(6) == b"1\r\na\r\n"
        half.set()
        assert connection.read_exactly(11) == b"1\r\nb\r\n0\r\n\r\n"
        connection.send(OK)

    half = threading.Event()
    stage.legacy.plays(scene)
    with stage.client() as client:
        client.send(get(b"/", b"Transfer-Encoding: chunked", method=b"POST") + b"1\r\na\r\n")
        assert half.wait(2)
        client.send(b"1\r\nb\r\n0\r\n\r\n")
        assert client.read_response().body == b"ok"
