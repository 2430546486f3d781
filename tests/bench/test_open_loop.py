"""The steady load: measured from the intended time, and every answer is read whole."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from bench.events import EVENTS
from bench.open_loop import CONNECTIONS, run
from tests.support.ports import free_port
from tests.support.spawn import Spawner, port_open

TRIES = 10
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class Stalling:
    """Answers at once, but for one pause that holds up everybody."""

    def __init__(self, pause: float) -> None:
        self.server = socket.create_server(("127.0.0.1", 0), backlog=CONNECTIONS)
        self.port = self.server.getsockname()[1]
        self._lock = threading.Lock()
        self._pause = pause
        self._served = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def begin_anew(self) -> None:
        """The pause is still to come."""
        self._served = 0

    def _accept(self) -> None:
        while True:
            try:
                line = self.server.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        while line.recv(4096):
            with self._lock:
                self._served += 1
                if self._served == 200:
                    time.sleep(self._pause)
            line.sendall(ANSWER[:20])
            line.sendall(ANSWER[20:])


@pytest.fixture
def stalling() -> Iterator[Stalling]:
    """A server that stops for half a second once."""
    server = Stalling(0.5)
    yield server
    server.server.close()


def test_a_stall_is_charged_to_all_who_would_have_asked(stalling: Stalling) -> None:
    """200 requests a second for 2 s, half a second of which nobody was served: a quarter of the latencies.

    A machine that itself stands still is charged too: one of several runs is held up by nothing else.
    """
    undisturbed = False
    for _ in range(TRIES):
        stalling.begin_anew()
        found = run(stalling.port, 200, 2.0)
        assert found["p99"] > 300
        if undisturbed := found["answered"] == 1.0 and found["p50"] < 300:
            break
    assert undisturbed


def test_the_streaming_upstream_sends_each_event(spawn: Spawner) -> None:
    """Chunked, to its end, again and again on one connection."""
    port = free_port()
    spawn([sys.executable, "-m", "bench.events", str(port)], ready=port_open(port))
    with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
        for _ in range(2):
            line.sendall(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
            data = b""
            while not data.endswith(b"0\r\n\r\n"):
                data += line.recv(65536)
            assert data.count(b"data: ") == EVENTS
