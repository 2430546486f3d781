"""Connections that end with a reset, so that nobody takes their end for a good one.

A Unix socket knows no reset: there, all of these are a plain close.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress

_AT_ONCE = struct.pack("ii", 1, 0)
_IN_ORDER = struct.pack("ii", 0, 0)


def drop(transport: asyncio.Transport) -> None:
    """Close at once. Where the peer has not even taken what was written, it is reset: it would hear of a
    plain close only behind all of that, and the system would keep that for it."""
    if transport.get_write_buffer_size():
        _set(transport, _AT_ONCE)
    transport.abort()


def reset(transport: asyncio.Transport) -> None:
    """Close at once, with a reset."""
    _set(transport, _AT_ONCE)
    transport.abort()


def arm(transport: asyncio.Transport) -> None:
    """Should the connection end from now on, for whatever reason (this process may be killed), it is reset.

    Over TLS an end that nobody announced is told from one in good order without that (RFC 9112 section 9.8).
    """
    if transport.get_extra_info("ssl_object") is None:
        _set(transport, _AT_ONCE)


def disarm(transport: asyncio.Transport) -> None:
    """It may end in good order again."""
    if transport.get_extra_info("ssl_object") is None:
        _set(transport, _IN_ORDER)


def _set(transport: asyncio.Transport, linger: bytes) -> None:
    with suppress(OSError):  # it has gone already
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
