"""How a worker leaves: replaced by another (SIGUSR1), or because the gateway stops (SIGTERM)."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ports import PATIENCE, wait_until
from tests.support.raw import ClosedEarlyError, RawClient, Send, UpstreamConnection, UpstreamRequest
from tests.support.stage import OK, Stage, get, open_stage, says, steps

HANDSHAKE = get(b"/ws", b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Key: x")
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
RESTART = b"\x88\x02\x03\xf4"
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
BOTH = pytest.mark.parametrize("how", [signal.SIGUSR1, signal.SIGTERM])


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A worker with time enough for everything that ends by itself; what is at once is long before."""
    with open_stage(tmp_path, settings=f"[listen]\ndrain_timeout = {2 * PATIENCE:g}") as opened:
        yield opened


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[Stage]:
    """A worker that is soon out of time."""
    with open_stage(tmp_path, settings="[listen]\ndrain_timeout = 4") as opened:
        yield opened


def slowly(connection: UpstreamConnection, request: UpstreamRequest) -> None:
    """Half of the answer at once, the rest after a second."""
    connection.send(OK[:-1])
    time.sleep(1)
    connection.send(OK[-1:])


@BOTH
def test_what_is_in_flight_finishes(stage: Stage, how: signal.Signals) -> None:
    """Even an answer that is half out; the worker waits for it and then ends."""
    stage.legacy.plays(slowly)
    with stage.client() as client:
        client.send(get(b"/x"))
        stage.legacy.last()
        stage.worker.process.signal(how)
        assert client.read_response().body == b"ok"
    assert stage.worker.process.wait() == 0


def test_an_idle_connection_is_served_once_more_by_a_worker_that_is_replaced(stage: Stage) -> None:
    """A request may be on its way: it is answered, and the answer says that the connection closes."""
    stage.legacy.plays(says(OK))
    with stage.client() as client:
        assert client.exchange(get(b"/x")).get(b"Connection") is None
        stage.worker.process.signal(signal.SIGUSR1)
        _no_new_connections(stage)
        assert client.exchange(get(b"/x")).get(b"Connection") == b"close"
        assert client.closed_by_peer()
    assert stage.worker.process.wait() == 0


def test_an_answer_that_promised_another_request_keeps_its_promise(stage: Stage) -> None:
    """Its head went out before anybody thought of leaving."""
    stage.legacy.plays(slowly)
    with stage.client() as client:
        client.send(get(b"/x"))
        assert b"Connection: close" not in client.read_head()
        stage.worker.process.signal(signal.SIGUSR1)
        assert client.read_exactly(2) == b"ok"
        stage.legacy.plays(says(OK))
        assert client.exchange(get(b"/x")).get(b"Connection") == b"close"


def test_an_idle_connection_is_closed_by_a_gateway_that_stops(stage: Stage) -> None:
    """At once: nobody waits for browsers."""
    stage.legacy.plays(says(OK))
    with stage.client() as client:
        assert client.exchange(get(b"/x")).status == 200
        stage.worker.process.signal(signal.SIGTERM)
        assert client.closed_by_peer()
    assert stage.worker.process.wait() == 0


def test_a_worker_that_is_being_replaced_can_be_hurried(stage: Stage) -> None:
    """The gateway stops while an old worker waits for its idle clients."""
    stage.legacy.plays(says(OK))
    with stage.client() as client:
        assert client.exchange(get(b"/x")).status == 200
        stage.worker.process.signal(signal.SIGUSR1)
        _no_new_connections(stage)
        stage.worker.process.signal(signal.SIGTERM)
        assert client.closed_by_peer()
    assert stage.worker.process.wait() == 0


@BOTH
def test_a_websocket_gets_1012(stage: Stage, how: signal.Signals) -> None:
    """At once: its client comes back to whoever serves then."""
    stage.legacy.plays(steps(Send(SWITCHED)))
    with stage.client() as client:
        client.send(HANDSHAKE)
        assert client.read_response().status == 101
        stage.worker.process.signal(how)
        assert client.read_until_closed() == RESTART
    assert stage.worker.process.wait() == 0


@BOTH
def test_a_websocket_whose_handshake_was_under_way_gets_1012(stage: Stage, how: signal.Signals) -> None:
    """Its answer comes when the worker is leaving already."""
    release = threading.Event()

    def scene(connection: UpstreamConnection, request: UpstreamRequest) -> None:
        assert release.wait(60)
        connection.send(SWITCHED)

    stage.legacy.plays(scene)
    with stage.client() as client:
        client.send(HANDSHAKE)
        stage.legacy.last()
        stage.worker.process.signal(how)
        _no_new_connections(stage)
        release.set()
        assert client.read_response().status == 101
        assert client.read_until_closed() == RESTART
    assert stage.worker.process.wait() == 0


@BOTH
def test_a_stream_of_events_ends_in_good_order(hasty: Stage, how: signal.Signals) -> None:
    """It goes on for as long as there is time; then it ends as a stream ends, and its client comes back."""
    hasty.legacy.plays(steps(Send(EVENTS + b"7\r\nid: 1\n\n\r\n")))
    with hasty.client() as client:
        client.send(get(b"/events"))
        client.read_head()
        assert client.read_exactly(12) == b"7\r\nid: 1\n\n\r\n"
        hasty.worker.process.signal(how)
        time.sleep(0.5)
        hasty.legacy.upstream.connections[-1].send(b"7\r\nid: 2\n\n\r\n")
        assert client.read_exactly(12) == b"7\r\nid: 2\n\n\r\n"
        assert client.read_until_closed() == b"0\r\n\r\n"
    assert hasty.worker.process.wait() == 0


def test_an_answer_that_takes_longer_than_there_is_time_is_cut_off(hasty: Stage) -> None:
    """Whatever is no stream of events would only look whole."""
    hasty.legacy.plays(steps(Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")))
    with hasty.client() as client:
        client.send(get(b"/x"))
        client.read_head()
        hasty.worker.process.signal(signal.SIGTERM)
        with pytest.raises(ClosedEarlyError):
            client.read_until(b"0\r\n\r\n")
    assert hasty.worker.process.wait() == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_an_answer_that_only_the_close_ends_is_cut_off_with_a_reset(
    hasty: Stage, how: signal.Signals
) -> None:
    """To HTTP/1.0 a close in good order would make it look whole, also when this process is killed."""
    hasty.legacy.plays(steps(Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")))
    with hasty.client() as client:
        client.send(b"GET /x HTTP/1.0\r\nHost: a\r\n\r\n")
        client.read_head()
        assert client.read_exactly(2) == b"ok"
        hasty.worker.process.signal(how)
        client.socket.settimeout(30)
        with pytest.raises(ConnectionResetError):
            client.socket.recv(1)


def _no_new_connections(stage: Stage) -> None:
    def refused() -> bool:
        try:
            RawClient(stage.worker.port).close()
        except OSError:
            return True
        return False

    wait_until(refused, what="the end of listening")
