"""Rule 17: a stream is passed on as it comes, as long as it goes on, and as it is."""

import gzip
import threading
import time

from tests.compliance.limits import undisturbed, within
from tests.support.raw import Pause, Send, UpstreamConnection, UpstreamRequest
from tests.support.stage import OK, Stage, answer, ended, get, says, steps

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_the_first_event_is_out_before_the_second_comes_in(stage: Stage) -> None:
    """Within 50 ms (asserted with room for a busy machine)."""
    event, times = b"9\r\ndata: 1\n\n\r\n", 20
    seen = threading.Semaphore()
    sent = [0.0]

    def scene(connection: UpstreamConnection, request: UpstreamRequest) -> None:
        connection.send(HEAD)
        for _ in range(times):
            seen.acquire(timeout=60)  # the next one waits until this one is out
            sent[0] = time.monotonic()
            connection.send(event)
        connection.send(b"0\r\n\r\n")

    stage.legacy.plays(scene)
    took = []
    with stage.client() as client:
        client.send(get(b"/orders/events"))
        client.read_head()
        for _ in range(times):
            assert client.read_exactly(len(event)) == event
            took.append(time.monotonic() - sent[0])
            seen.release()
        assert client.read_exactly(5) == b"0\r\n\r\n"
    assert min(took) < 0.05  # the one that nothing else held up


@within(LEGACY__TIMEOUT="400ms", LEGACY__IDLE_TIMEOUT="400ms", LEGACY__EVENT_IDLE_TIMEOUT="800ms")
def test_a_stream_that_goes_on_has_no_time_limit(stage: Stage) -> None:
    """Longer than every deadline of the application, never silent for that long."""
    events = [step for n in range(10) for step in (Send(b"1\r\n%d\r\n" % n), Pause(0.15))]
    stage.legacy.plays(steps(Send(HEAD), *events, Send(b"0\r\n\r\n")))

    def attempt() -> bool:
        with stage.client() as client:
            return client.exchange(get()).body == b"0123456789"

    assert undisturbed(attempt)


@within(LEGACY__IDLE_TIMEOUT="400ms")
def test_a_stream_that_falls_silent_is_cut(stage: Stage) -> None:
    """The deadline between two bytes."""
    head = HEAD.replace(b"text/event-stream", b"application/x-ndjson")
    stage.legacy.plays(steps(Send(head + b"1\r\na\r\n")))
    with stage.client() as client:
        client.send(get())
        came = client.read_until_closed()
    assert came.endswith(b"1\r\na\r\n")


@within(LEGACY__IDLE_TIMEOUT="400ms", LEGACY__EVENT_IDLE_TIMEOUT="1500ms")
def test_events_may_have_nothing_to_say_for_longer(stage: Stage) -> None:
    """A deadline of their own: no event for a while is no fault, no event for ever is one."""
    stage.legacy.plays(steps(Send(HEAD + b"1\r\na\r\n"), Pause(0.9), Send(b"1\r\nb\r\n")))

    def attempt() -> bool:
        began = time.monotonic()
        with stage.client() as client:
            client.send(get())
            came = client.read_until_closed()
        if not came.endswith(b"1\r\na\r\n1\r\nb\r\n"):
            return False
        assert time.monotonic() - began > 2
        return True

    assert undisturbed(attempt)


def test_a_reader_that_comes_back_says_where_it_was(stage: Stage) -> None:
    """Last-Event-ID arrives; a reader that leaves ends the application's stream within a second."""
    stage.legacy.plays(steps(Send(HEAD + b"7\r\nid: 8\n\n\r\n")))
    with stage.client() as client:
        client.send(get(b"/events", b"Accept: text/event-stream", b"Last-Event-ID: 7"))
        client.read_head()
        assert client.read_exactly(12) == b"7\r\nid: 8\n\n\r\n"
    assert stage.legacy.last().get(b"Last-Event-ID") == b"7"
    assert ended(stage.legacy.upstream.connections[-1])


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
        assert half.wait(30)
        client.send(b"1\r\nb\r\n0\r\n\r\n")
        assert client.read_response().body == b"ok"
