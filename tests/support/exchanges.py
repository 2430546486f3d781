"""What a worker hands over to a shadow process, read by a test in that process's place."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from gateway.capture import CapturedExchange, FrameReader, decode_said


def captured(connection: socket.socket) -> CapturedExchange:
    """The next exchange that is handed over, where it comes alone."""
    return next(all_captured(connection))


def all_captured(connection: socket.socket) -> Iterator[CapturedExchange]:
    """The exchanges that are handed over, one after the other."""
    reader = FrameReader()
    while True:
        data = connection.recv(65536)
        assert data, "the worker has hung up"
        for frame in reader.feed(data):
            said = decode_said(frame)
            if isinstance(said, CapturedExchange):
                yield said
