"""Peers that speak TLS: a client socket, and the scripted upstream behind a wrapped listener."""

from __future__ import annotations

import http.server
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509

from tests.support.ports import LOOPBACK

NAME = "banyan.test"


def client_context(authority: Path, newest: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """What a client that believes this authority connects with."""
    context = ssl.create_default_context(cafile=str(authority))
    if newest is not None:
        context.maximum_version = newest
    return context


def connect(port: int, context: ssl.SSLContext) -> ssl.SSLSocket:
    """A connection whose certificate was checked."""
    return context.wrap_socket(socket.create_connection((LOOPBACK, port), timeout=30), server_hostname=NAME)


def serial(port: int, context: ssl.SSLContext) -> int:
    """The number of the certificate that is shown."""
    with connect(port, context) as client:
        return x509.load_der_x509_certificate(client.getpeercert(binary_form=True) or b"").serial_number


def ask(client: socket.socket, request: bytes) -> bytes:
    """One exchange on a connection that ends with it."""
    client.sendall(request)
    came = b""
    while piece := client.recv(65536):
        came += piece
    return came


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers with what it was asked: the request's head, or its body where there was one."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(f"{self.requestline}\n{self.headers}".encode())

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        """Keep quiet."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that did not believe us has hung up: that is what some tests want."""


@contextmanager
def echo_server(certificate: tuple[Path, Path] | None = None) -> Iterator[int]:
    """An application that echoes, with TLS when it has a certificate; its port."""
    server = _Server((LOOPBACK, 0), _Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
