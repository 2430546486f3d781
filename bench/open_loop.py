"""Requests at a steady rate, whatever becomes of those before: `python -m bench.open_loop PORT RATE SECONDS`.

Each has an intended time, and its latency counts from there, so that a proxy that stalls is charged for all
who would have asked meanwhile (what is left out otherwise is known as coordinated omission).
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from collections import deque

_REQUEST = b"GET /api/orders/17 HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: session=u-4711\r\n\r\n"
CONNECTIONS = 64
QUANTILES = {"p50": 0.5, "p99": 0.99, "p999": 0.999}
_WARM_UP = 0.5


def run(port: int, rate: float, seconds: float) -> dict[str, float]:
    """Milliseconds at three quantiles, and how many requests were answered."""
    lines = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS)]
    poll = select.epoll()
    by_fd = {line.fileno(): line for line in lines}
    for line in lines:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.setblocking(False)
        poll.register(line, select.EPOLLIN)
    body = _length_of_body(lines[0])
    idle = deque(lines)
    got = dict.fromkeys(by_fd, b"")
    intended: dict[int, float] = {}
    latencies: list[float] = []
    begin = time.perf_counter()
    number, total = 0, int(rate * (seconds + _WARM_UP))
    while (number < total or intended) and time.perf_counter() < begin + 3 * (seconds + _WARM_UP):
        now = time.perf_counter()
        while idle and number < total and begin + number / rate <= now:
            line = idle.popleft()
            line.send(_REQUEST)
            intended[line.fileno()] = begin + number / rate
            number += 1
        wait = begin + number / rate - time.perf_counter() if number < total and idle else 0.05
        if wait > 0:
            select.select([poll], [], [], wait)  # to the microsecond, which epoll's own timeout is not
        for fd, _ in poll.poll(0):
            data = by_fd[fd].recv(65536)
            if not data:
                raise ConnectionError("the proxy closed a connection")
            data = got[fd] + data
            end = data.find(b"\r\n\r\n")
            whole = end >= 0 and len(data) >= end + 4 + body
            got[fd] = b"" if whole else data
            if whole:
                latencies.append(time.perf_counter() - intended.pop(fd))
                idle.append(by_fd[fd])
    for line in lines:
        line.close()
    kept = sorted(latencies[int(rate * _WARM_UP) :])
    found = {name: kept[int(len(kept) * share)] * 1000 for name, share in QUANTILES.items()}
    return {**found, "rate": rate, "answered": len(latencies) / total}


def _length_of_body(line: socket.socket) -> int:
    """Each answer is as long as any other; heads may differ."""
    line.setblocking(True)
    line.send(_REQUEST)
    data = b""
    while b"\r\n\r\n" not in data:
        data += line.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    fields = (field.partition(b":") for field in head.split(b"\r\n"))
    length = next(int(value) for name, _, value in fields if name.lower() == b"content-length")
    while len(body) < length:
        body += line.recv(65536)
    line.setblocking(False)
    return length


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]))))
