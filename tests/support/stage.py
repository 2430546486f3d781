"""A worker process on a stage: two scripted applications behind it, raw clients in front of it.

What an application does is its ``scene``, called once for every request head, and changed at any time:

    stage.legacy.plays(says(OK))              # reads the whole request, then answers
    stage.legacy.plays(steps(Send(b"…")))     # answers to the head, byte for byte
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.ports import PATIENCE, wait_until
from tests.support.raw import (
    Close,
    Pause,
    RawClient,
    Reset,
    ScriptedUpstream,
    Send,
    Step,
    UpstreamConnection,
    UpstreamRequest,
)
from tests.support.reports import ReportListener
from tests.support.worker import DEFAULT_FEATURE, WorkerUnderTest, running_worker

Scene = Callable[[UpstreamConnection, UpstreamRequest], None]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\nok"


def answer(body: bytes, *lines: bytes, status: bytes = b"200 OK") -> bytes:
    """A whole answer with a length and a date."""
    head = [b"HTTP/1.1 " + status, b"Date: Thu, 01 Jan 2026 00:00:00 GMT", *lines]
    return b"\r\n".join([*head, b"Content-Length: %d" % len(body), b"", body])


def get(target: bytes = b"/", *lines: bytes, method: bytes = b"GET") -> bytes:
    """A request without a body."""
    return b"\r\n".join([b"%b %b HTTP/1.1" % (method, target), b"Host: example.com", *lines, b"", b""])


def post(body: bytes, target: bytes = b"/", *lines: bytes, method: bytes = b"POST") -> bytes:
    """A request with a body."""
    return get(target, b"Content-Length: %d" % len(body), *lines, method=method) + body


def says(*answers: bytes) -> Scene:
    """Read the whole request, then give the next answer; the last one again and again."""
    waiting = list(answers)

    def scene(connection: UpstreamConnection, request: UpstreamRequest) -> None:
        connection.read_body(request.headers)
        connection.send(waiting.pop(0) if len(waiting) > 1 else waiting[0])

    return scene


def steps(*taken: Step) -> Scene:
    """Take these steps as soon as the head is there; the body stays unread."""

    def scene(connection: UpstreamConnection, request: UpstreamRequest) -> None:
        for step in taken:
            match step:
                case Send(data):
                    connection.send(data)
                case Pause(seconds):
                    time.sleep(seconds)
                case Close():
                    connection.close()
                case Reset():
                    connection.reset()

    return scene


def ended(connection: UpstreamConnection, within: float = PATIENCE) -> bool:
    """Whether the gateway closes this connection soon; the thread that serves it then closes it too."""
    try:
        wait_until(lambda: connection.socket.fileno() < 0, timeout=within)
    except TimeoutError:
        return False
    return True


class Player:
    """One application on the stage. ``bodies``: the decoded bodies its scenes have read with ``reads``."""

    def __init__(self, name: str, port: int = 0) -> None:
        self.name = name
        self._scene: Scene = says(answer(name.encode()))
        self._seen: dict[int, int] = {}
        self.upstream = ScriptedUpstream(self._serve, port=port)

    def _serve(self, connection: UpstreamConnection) -> None:
        while True:
            request = connection.read_head()
            self._scene(connection, request)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.upstream.port

    @property
    def requests(self) -> list[UpstreamRequest]:
        """The heads that came in since the test began."""
        return self.upstream.requests

    @property
    def received(self) -> bytes:
        """Every byte that came in since the test began, connection by connection."""
        connections = enumerate(list(self.upstream.connections))
        return b"".join(bytes(connection.log[self._seen.get(n, 0) :]) for n, connection in connections)

    def plays(self, scene: Scene) -> None:
        """From the next request on."""
        self._scene = scene

    def reset(self) -> None:
        """Back to where it was before any test, without a connection."""
        open_ones = [
            connection for connection in self.upstream.connections if connection.socket.fileno() >= 0
        ]
        for connection in open_ones:
            with suppress(OSError):
                connection.finish_sending()
        for connection in open_ones:
            ended(connection)
        self.plays(says(answer(self.name.encode())))
        self.forget()

    def forget(self) -> None:
        """Count requests and bytes from here on."""
        self.upstream.requests.clear()
        self._seen = {n: len(connection.log) for n, connection in enumerate(self.upstream.connections)}

    def last(self) -> UpstreamRequest:
        """The request that came in last."""
        return self.upstream.wait_for_requests(1)[-1]


class Stage:
    """A worker between two players. ``reports``: what the worker counts."""

    def __init__(
        self, worker: WorkerUnderTest, legacy: Player, new: Player, reports: ReportListener, page_dial: float
    ) -> None:
        self.worker = worker
        self.legacy = legacy
        self.new = new
        self.reports = reports
        self._dial = page_dial
        self._latched: set[str | None] = set()

    @property
    def players(self) -> tuple[Player, Player]:
        """Both applications."""
        return self.legacy, self.new

    def client(self, timeout: float = PATIENCE, receive_buffer: int = 0) -> RawClient:
        """A new connection to the worker."""
        return RawClient(self.worker.port, timeout=timeout, receive_buffer=receive_buffer)

    def dial(self, percent: float) -> None:
        """Dial the feature ``orders``."""
        if percent != self._dial:
            self.worker.dial("orders", percent)
            self._dial = percent

    def latch(self, feature: str | None = "orders", *, on: bool = True) -> None:
        """Roll back, or restore."""
        self.worker.latch(feature, on)
        (self._latched.add if on else self._latched.discard)(feature)

    def reset(self) -> None:
        """Back to where everything was before any test."""
        for player in self.players:
            player.reset()
        for feature in list(self._latched):
            self.latch(feature, on=False)
        self.dial(0)

    def closes(self, request: bytes, status: int) -> bytes:
        """Send a request that must be refused: the answer has this status, and the connection ends. Returns
        all that came."""
        with self.client() as client:
            client.send(request)
            came = client.read_until_closed()
        first = came.partition(b"\r\n")[0]
        assert first.startswith(b"HTTP/1.1 %d " % status), (first, request[:200])
        return came


@contextmanager
def open_stage(
    folder: Path,
    *,
    settings: str = "",
    features: str = DEFAULT_FEATURE,
    env: Mapping[str, str] | None = None,
) -> Iterator[Stage]:
    """Raise the curtain; everything ends with the block."""
    legacy, new = Player("legacy"), Player("new")
    with (
        legacy.upstream,
        new.upstream,
        ReportListener(folder / "runtime") as reports,
        running_worker(
            folder, legacy.port, new.port, settings=settings, features=features, env=env
        ) as worker,
    ):
        yield Stage(worker, legacy, new, reports, 0)
