"""Two small applications that do as they are told, and users in front of a gateway."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.ports import LOOPBACK


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512  # a connection that is dropped comes back a second later, and is a timeout


class Application:
    """Answers every request with JSON; `status`, `delay` (seconds), `word` and `breaks_off` (in mid-answer)
    can be changed at any time. `asked` counts users' requests, not the shadow's copies.
    """

    def __init__(self) -> None:
        self.status = 200
        self.delay = 0.0
        self.word = "same"
        self.breaks_off = False
        self.asked = 0
        application = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65536  # head and body in one packet

            def do_GET(self) -> None:
                if self.headers.get("Banyan-Shadow") is None:
                    application.asked += 1
                time.sleep(application.delay)
                body = b'{"word": "%s"}' % application.word.encode()
                self.send_response(application.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body) + application.breaks_off))
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = self.close_connection or application.breaks_off

            def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
                """Say nothing."""

        self._server = _Server((LOOPBACK, 0), Handler)
        self.url = f"http://{LOOPBACK}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        """Answer nobody any more."""
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def applications() -> Iterator[tuple[Application, Application]]:
    """Legacy and new."""
    both = (Application(), Application())
    try:
        yield both
    finally:
        for one in both:
            one.close()


class Users:
    """Users with a header each, on one connection. `count` of them came so far."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection(LOOPBACK, port, timeout=120)
        self.count = 0

    def come(self, number: int, path: str = "/orders/1") -> list[int]:
        """So many new users, one request each → the statuses of their answers."""
        first = self.count
        self.count += number
        return [self.ask(f"user-{user}", path) for user in range(first, self.count)]

    def known(self, keys: Iterable[str], path: str = "/orders/1") -> None:
        """These very users, one request each."""
        for key in keys:
            self.ask(key, path)

    def ask(self, key: str, path: str = "/orders/1") -> int:
        """One request → the status of its answer."""
        self._connection.request("GET", path, headers={"X-User": key})
        answer = self._connection.getresponse()
        try:
            answer.read()
        except http.client.IncompleteRead:
            self._connection.close()
        return answer.status

    def close(self) -> None:
        """Hang up."""
        self._connection.close()
