"""Two peers for tests of the wire: a client that sends exact bytes, and an upstream that answers exact bytes.

    no_content = answering(b"HTTP/1.1 204 No Content\\r\\n\\r\\n")
    with ScriptedUpstream(no_content) as upstream, RawClient(port) as client:
        client.send(b"GET / HTTP/1.1\\r\\nHost: example\\r\\n\\r\\n")
        assert client.read_response().status == 204
        assert upstream.requests[0].head.startswith(b"GET / HTTP/1.1\\r\\n")

Both block; the upstream serves from threads of its own. A test that runs an event loop calls the client
through `asyncio.to_thread`.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field

from tests.support.bytestream import ByteStream, ClosedEarlyError, Headers, fields, split_head
from tests.support.ports import LOOPBACK, PATIENCE
from tests.support.scripted import (
    Close,
    Pause,
    Reset,
    ScriptedUpstream,
    Send,
    Step,
    UpstreamConnection,
    UpstreamRequest,
    answering,
    stepping,
)

__all__ = [
    "Close",
    "ClosedEarlyError",
    "Pause",
    "RawClient",
    "RawResponse",
    "Reset",
    "ScriptedUpstream",
    "Send",
    "Step",
    "UpstreamConnection",
    "UpstreamRequest",
    "answering",
    "stepping",
]


@dataclass(frozen=True, slots=True)
class RawResponse:
    """One answer as it came, and split."""

    head: bytes
    status: int
    headers: Headers
    body: bytes
    trailers: Headers = field(default_factory=list)
    until_close: bool = False  # the end of the connection was the end of the body

    def all(self, name: bytes) -> list[bytes]:
        """All values of a header field, in order."""
        return fields(self.headers, name)

    def get(self, name: bytes) -> bytes | None:
        """The first value of a header field."""
        return next(iter(self.all(name)), None)


class RawClient(ByteStream):
    """A connection that sends what it is told, byte for byte."""

    def __init__(
        self, port: int, host: str = LOOPBACK, timeout: float = PATIENCE, receive_buffer: int = 0
    ) -> None:
        """Connect; a small `receive_buffer` makes a slow reader felt at the other end."""
        sock = socket.socket()
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(timeout)
        try:
            sock.connect((host, port))
        except OSError:
            sock.close()
            raise
        super().__init__(sock, timeout)

    def exchange(self, request: bytes, method: str = "GET") -> RawResponse:
        """Send a request and read its answer."""
        self.send(request)
        return self.read_response(method)

    def read_head(self, timeout: float | None = None) -> bytes:
        """The next head, interim ones included, with its empty line."""
        return self.read_until(b"\r\n\r\n", timeout)

    def read_response(self, method: str = "GET", *, interim: bool = False) -> RawResponse:
        """The next answer; 1xx answers are passed over unless `interim` asks for them.

        ClosedEarlyError when the answer was cut off.
        """
        while True:
            head = self.read_head()
            first, headers = split_head(head)
            status = int(first.split(b" ")[1])
            if status >= 200 or status == 101 or interim:
                break
        if method == "HEAD" or status in (204, 304) or status < 200:
            return RawResponse(head, status, headers, b"")
        if not fields(headers, b"transfer-encoding") and not fields(headers, b"content-length"):
            return RawResponse(head, status, headers, self.read_until_closed(), until_close=True)
        body, trailers = self.read_body(headers)
        return RawResponse(head, status, headers, body, trailers)
