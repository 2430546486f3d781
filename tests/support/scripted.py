"""An upstream that does what a test tells it, byte for byte, and logs what it received.

What it does on each connection is a handler, `Callable[[UpstreamConnection], None]`. Two makers cover most
tests: `answering(b"…", b"…")` reads a whole request and sends the next answer (the last one again and again),
and `stepping(Send(…), Pause(…), Close(), …)` reads one head only and then takes the steps. Anything else is a
function.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.support.bytestream import ByteStream, ClosedEarlyError, Headers, fields, split_head
from tests.support.ports import LOOPBACK, PATIENCE, wait_until


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """One request as it arrived: the head's exact bytes, split, and the decoded body."""

    connection: int
    head: bytes
    headers: Headers
    body: bytes
    trailers: Headers

    @property
    def line(self) -> bytes:
        """The request line."""
        return self.head.partition(b"\r\n")[0]

    @property
    def target(self) -> bytes:
        """The request target, untouched."""
        return self.line.split(b" ")[1]

    def all(self, name: bytes) -> list[bytes]:
        """All values of a header field, in order."""
        return fields(self.headers, name)

    def get(self, name: bytes) -> bytes | None:
        """The first value of a header field."""
        return next(iter(self.all(name)), None)


class UpstreamConnection(ByteStream):
    """One accepted connection; a handler reads from it and answers on it."""

    def __init__(self, sock: socket.socket, number: int, upstream: ScriptedUpstream) -> None:
        """Belong to an upstream, as its connection number `number`, counted from 0."""
        super().__init__(sock, upstream.timeout)
        self.number = number
        self._upstream = upstream
        self._receiving = threading.Lock()
        self._rests = False

    def is_at_rest(self) -> bool:
        """Whether it waits for what has not come yet, and has dealt with all that has; or is closed."""
        with self._receiving:
            return self.socket.fileno() < 0 or (self._rests and not _readable(self.socket, 0))

    def _receive(self, deadline: float) -> bool:
        self._rests = True
        _readable(self.socket, deadline - time.monotonic())
        with self._receiving:
            self._rests = False
            return super()._receive(deadline)

    def read_head(self) -> UpstreamRequest:
        """The next request's head; its body stays unread."""
        head = self.read_until(b"\r\n\r\n")
        return self._logged(head, b"", [])

    def read_request(self) -> UpstreamRequest:
        """The next request with its whole body."""
        head = self.read_until(b"\r\n\r\n")
        body, trailers = self.read_body(split_head(head)[1])
        return self._logged(head, body, trailers)

    def _logged(self, head: bytes, body: bytes, trailers: Headers) -> UpstreamRequest:
        request = UpstreamRequest(self.number, head, split_head(head)[1], body, trailers)
        self._upstream.requests.append(request)
        return request


def _readable(sock: socket.socket, within: float) -> bool:
    """Whether a read would not wait, within so many seconds; also once it is closed."""
    looks = select.poll()
    with suppress(ValueError):  # closed: a read says so
        looks.register(sock, select.POLLIN)
        return bool(looks.poll(max(0.0, within) * 1000))
    return True


Handler = Callable[[UpstreamConnection], None]


@dataclass(frozen=True, slots=True)
class Send:
    """Send these bytes."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait this many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Close:
    """Close in good order."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Close with a reset."""


Step = Send | Pause | Close | Reset


def answering(*answers: bytes) -> Handler:
    """Answer the first request with the first answer, and so on; the last answer is repeated."""
    lock = threading.Lock()
    waiting = list(answers)

    def handle(connection: UpstreamConnection) -> None:
        while True:
            connection.read_request()
            with lock:
                answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            connection.send(answer)

    return handle


def stepping(*steps: Step) -> Handler:
    """Read one head on each connection, take these steps, then stay until the peer closes."""

    def handle(connection: UpstreamConnection) -> None:
        connection.read_head()
        for step in steps:
            match step:
                case Send(data):
                    connection.send(data)
                case Pause(seconds):
                    time.sleep(seconds)
                case Close():
                    connection.close()
                    return
                case Reset():
                    connection.reset()
                    return
        connection.read_until_closed(timeout=60)

    return handle


class ScriptedUpstream:
    """Listens on a free port and lets the handler loose on every connection, each in a thread of its own.

    A handler's own mistake fails the test when the upstream is closed; the peer closing on it does not.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        port: int = 0,
        timeout: float = 30.0,
        receive_buffer: int = 0,
        backlog: int = 512,
    ) -> None:
        """Listen at once; `timeout` bounds every wait of a connection."""
        self.timeout = timeout
        self.connections: list[UpstreamConnection] = []
        self.requests: list[UpstreamRequest] = []
        self.errors: list[Exception] = []
        self._handler = handler
        self._closing = False
        self._accepting = threading.Lock()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if receive_buffer:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._listener.bind((LOOPBACK, port))
        self._listener.listen(backlog)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{LOOPBACK}:{self.port}"

    def __enter__(self) -> Self:
        """It listens already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close; raise a handler's mistake unless the test has failed already."""
        self.close()
        if self.errors and error is None:
            raise self.errors[0]

    def wait_for_requests(self, count: int, timeout: float = PATIENCE) -> list[UpstreamRequest]:
        """The requests so far, once there are `count`."""
        wait_until(lambda: len(self.requests) >= count, timeout, f"request number {count} at the upstream")
        return list(self.requests)

    def wait_for_connections(self, count: int, timeout: float = PATIENCE) -> list[UpstreamConnection]:
        """The connections so far, once there are `count`."""
        wait_until(
            lambda: len(self.connections) >= count, timeout, f"connection number {count} at the upstream"
        )
        return list(self.connections)

    def is_at_rest(self) -> bool:
        """Whether nothing that came waits to be accepted or read, or was read and not looked at yet."""
        with self._accepting:
            if _readable(self._listener, 0):
                return False
        return all(connection.is_at_rest() for connection in list(self.connections))

    def close(self) -> None:
        """Stop listening and close every connection."""
        self._closing = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self.connections):
            with suppress(OSError):
                connection.socket.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._acceptor.join(timeout=2)

    def _accept(self) -> None:
        while not self._closing:
            _readable(self._listener, 60)
            with self._accepting:
                try:
                    sock, _ = self._listener.accept()
                except BlockingIOError:
                    continue
                except OSError:
                    return
                connection = UpstreamConnection(sock, len(self.connections), self)
                self.connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: UpstreamConnection) -> None:
        try:
            self._handler(connection)
        except (ClosedEarlyError, ConnectionError, TimeoutError):
            pass  # the peer left or fell silent: what it sent is in the log, the test decides
        except OSError:
            pass  # closed under our hands at the end of the test
        except Exception as error:  # noqa: BLE001 - a thread must not lose a handler's mistake
            self.errors.append(error)
        finally:
            connection.close()
