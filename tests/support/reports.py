"""The other end of a worker's report channel: listens where the control process would, keeps the last
report."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from gateway.control import Report
from tests.support.ports import wait_until


class ReportListener:
    """One process reports here; ``last`` is what it said last."""

    def __init__(self, runtime: Path) -> None:
        """Listen in a runtime folder, which is made when it is not there."""
        runtime.mkdir(exist_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(runtime / "control.sock"))
        self._listener.listen(8)
        self.last: Report | None = None
        self.count = 0
        self._reading = threading.Lock()
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        """It listens already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def total(self, name: str, **labels: int | str) -> int:
        """The sum of a counter over its series whose label number ``l0``, ``l1``, … has this value, in a
        report made after this call."""
        self.next()
        assert self.last is not None
        wanted = {int(key[1:]): str(value) for key, value in labels.items()}
        rows = self.last.counters.get(name, [])
        return sum(
            row.value for row in rows if all(row.labels[index] == value for index, value in wanted.items())
        )

    def gauges(self) -> Mapping[str, float]:
        """The gauges of a report made after this call."""
        self.next()
        assert self.last is not None
        return self.last.gauges

    def next(self) -> None:
        """Wait for a report that was begun after this call.

        Of those that lie unread by then, when this process stood still, none was; the one that is under way
        may not be either.
        """
        wait_until(self._has_read, what="the reports so far")
        goal = self.count + 2
        wait_until(lambda: self.count >= goal, what="a report of the worker")

    def _has_read(self) -> bool:
        with self._reading:
            waiting = select.poll()
            for connection in self._connections:
                waiting.register(connection, select.POLLIN)
            return not waiting.poll(0)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection: socket.socket) -> None:
        said = bytearray()
        arrives = select.poll()
        arrives.register(connection, select.POLLIN)
        with self._reading:
            self._connections.append(connection)
        while True:
            arrives.poll()
            with self._reading:  # nobody finds it read before it is counted
                data = connection.recv(65536)
                if not data:
                    self._connections.remove(connection)
                    connection.close()
                    return
                said += data
                self._count(said)

    def _count(self, said: bytearray) -> None:
        """Take every whole report away from the beginning of what was said."""
        while len(said) >= (end := 4 + int.from_bytes(said[:4], "big")) > 4:
            self.last = msgspec.msgpack.decode(bytes(said[4:end]), type=Report)
            self.count += 1
            del said[:end]
