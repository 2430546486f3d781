"""What a peer has not taken of what was written to it, as far as the system knows.

Over TLS the event loop keeps a part of it out of its own count; at the end of a connection that part counts.
"""

from __future__ import annotations

import asyncio
import fcntl
import struct
import termios
from contextlib import suppress


def untaken(transport: asyncio.Transport) -> int:
    """Bytes; 0 where the connection has gone already. At a Unix socket those of the system's own records are
    among them."""
    waiting = transport.get_write_buffer_size()
    if waiting or transport.get_extra_info("ssl_object") is None:
        return waiting
    with suppress(OSError, ValueError):
        file = transport.get_extra_info("socket").fileno()
        return int(struct.unpack("i", fcntl.ioctl(file, termios.TIOCOUTQ, b"\0" * 4))[0])
    return 0
