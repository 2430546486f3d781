"""Many clients that have asked once and stay: `python -m bench.idle PORT COUNT SECONDS`."""

from __future__ import annotations

import resource
import socket
import sys
import time

_REQUEST = b"GET /api/orders/17 HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: session=u-%d\r\n\r\n"


def main(port: int, count: int, seconds: float) -> int:
    """Connect, ask once each, say so, stay. The number of connections that were answered."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    lines = []
    for number in range(count):
        line = socket.create_connection(("127.0.0.1", port), timeout=10)
        line.send(_REQUEST % number)
        if line.recv(65536).startswith(b"HTTP/1.1 200"):
            lines.append(line)
    print(len(lines), flush=True)
    time.sleep(seconds)
    return len(lines)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
