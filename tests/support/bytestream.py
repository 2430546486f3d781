"""A socket read with a bound: nothing here waits for ever, and nothing is swallowed.

Both raw peers use it. It knows just enough of HTTP/1.1 to find where a message ends; it judges nothing, and
shares no code with the product, so the product's own mistakes cannot hide in it.
"""

import socket
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

from tests.support.ports import PATIENCE

Headers = list[tuple[bytes, bytes]]


class ClosedEarlyError(ConnectionError):
    """The other end closed before what was waited for had arrived; `received` is what did arrive."""

    def __init__(self, wanted: str, received: bytes) -> None:
        """Remember both, and show the end of what came."""
        super().__init__(
            f"closed while waiting for {wanted}; received {len(received)} bytes: {received[-400:]!r}"
        )
        self.received = received


class ByteStream:
    """A connected socket with a read buffer and a deadline on every wait."""

    def __init__(self, sock: socket.socket, timeout: float = PATIENCE) -> None:
        """Take over a connected socket; `timeout` bounds every single wait below."""
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = sock
        self.timeout = timeout
        self.log = bytearray()  # every byte that ever came, in order
        self._taken = 0

    def __enter__(self) -> Self:
        """Nothing to do: it is connected already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self.socket.settimeout(self.timeout)
        self.socket.sendall(data)

    def send_slowly(self, data: bytes, pause: float, size: int = 1) -> None:
        """Send in pieces of `size` bytes with a pause after each."""
        for start in range(0, len(data), size):
            self.send(data[start : start + size])
            time.sleep(pause)

    def read_exactly(self, count: int, timeout: float | None = None) -> bytes:
        """The next `count` bytes."""
        deadline = self._deadline(timeout)
        while self._available < count:
            if not self._receive(deadline):
                raise ClosedEarlyError(f"{count} bytes", self._rest())
        return self._take(count)

    def read_until(self, mark: bytes, timeout: float | None = None) -> bytes:
        """Everything up to and with `mark`."""
        deadline = self._deadline(timeout)
        while (at := self.log.find(mark, self._taken)) < 0:
            if not self._receive(deadline):
                raise ClosedEarlyError(repr(mark), self._rest())
        return self._take(at + len(mark) - self._taken)

    def read_until_closed(self, limit: int = 64 * 1024 * 1024, timeout: float | None = None) -> bytes:
        """Everything until the other end closes, however it closes; OverflowError beyond `limit` bytes."""
        deadline = self._deadline(timeout)
        while self._receive(deadline):
            if self._available > limit:
                raise OverflowError(f"more than {limit} bytes came and no end")
        return self._take(self._available)

    def read_available(self, within: float = 0.1) -> bytes:
        """Whatever has come and comes in the next moment; never an error."""
        deadline = time.monotonic() + within
        with suppress(TimeoutError):
            while self._receive(deadline):
                pass
        return self._take(self._available)

    def read_body(self, headers: Headers) -> tuple[bytes, Headers]:
        """The body that these header fields announce, decoded, and its trailers."""
        coding = b",".join(fields(headers, b"transfer-encoding")).lower()
        if b"chunked" in coding:
            return self._read_chunked()
        lengths = fields(headers, b"content-length")
        return self.read_exactly(int(lengths[0]) if lengths else 0), []

    def closed_by_peer(self, within: float = PATIENCE) -> bool:
        """Whether the other end closes within this time (bytes that come before are kept for reading)."""
        deadline = time.monotonic() + within
        try:
            while self._receive(deadline):
                pass
        except TimeoutError:
            return False
        return True

    def forget(self) -> None:
        """Drop from the log what has been read, so that a long stream does not fill the memory."""
        del self.log[: self._taken]
        self._taken = 0

    def finish_sending(self) -> None:
        """Close our sending half only."""
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close in good order."""
        self.socket.close()

    def reset(self) -> None:
        """Close with a reset, as a crashed peer does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.socket.close()

    @property
    def _available(self) -> int:
        return len(self.log) - self._taken

    def _take(self, count: int) -> bytes:
        data = bytes(self.log[self._taken : self._taken + count])
        self._taken += count
        return data

    def _rest(self) -> bytes:
        return bytes(self.log[self._taken :])

    def _deadline(self, timeout: float | None) -> float:
        return time.monotonic() + (self.timeout if timeout is None else timeout)

    def _receive(self, deadline: float) -> bool:
        """Read once more; False when the other end has closed."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(
                f"nothing more in time; {self._available} bytes unread: {self._rest()[-400:]!r}"
            )
        self.socket.settimeout(left)
        try:
            data = self.socket.recv(256 * 1024)
        except TimeoutError:
            message = f"nothing more in time; {self._available} bytes unread: {self._rest()[-400:]!r}"
            raise TimeoutError(message) from None
        except ConnectionResetError:
            return False
        self.log += data
        return bool(data)

    def _read_chunked(self) -> tuple[bytes, Headers]:
        body = bytearray()
        while size := int(self.read_until(b"\r\n").split(b";")[0], 16):
            body += self.read_exactly(size)
            self.read_exactly(2)
        trailers: Headers = []
        while (line := self.read_until(b"\r\n")) != b"\r\n":
            trailers.append(field(line))
        return bytes(body), trailers


def split_head(head: bytes) -> tuple[bytes, Headers]:
    """The first line and the header fields of a head, as they came."""
    first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    return first, [field(line) for line in lines]


def field(line: bytes) -> tuple[bytes, bytes]:
    """One header line as name and value; the name keeps its case."""
    name, _, value = line.rstrip(b"\r\n").partition(b":")
    return name, value.strip(b" \t")


def fields(headers: Headers, name: bytes) -> list[bytes]:
    """All values of a name, in order, whatever its case."""
    return [value for key, value in headers if key.lower() == name.lower()]
