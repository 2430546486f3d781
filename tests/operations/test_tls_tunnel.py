"""WebSocket through TLS on both sides."""

from __future__ import annotations

import signal
import socket
import ssl
import threading
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as websocket
from websockets.sync.server import ServerConnection, serve

from tests.operations.gateway import Gateway, write_config
from tests.operations.secure import NAME, client_context
from tests.support.certificates import Authority
from tests.support.ports import LOOPBACK
from tests.support.spawn import Spawner


def echo(connection: ServerConnection) -> None:
    """Say everything again."""
    for message in connection:
        connection.send(message)


def test_frames_pass_and_a_gateway_that_stops_says_1012(spawn: Spawner, tmp_path: Path) -> None:
    """Half a megabyte there and back; the farewell is readable although TLS has no half-closed state."""
    authority = Authority(tmp_path / "tls")
    certificate = authority.issue(NAME)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    listen = f'tls_certificate = "{certificate[0]}"\ntls_key = "{certificate[1]}"'
    keys = f'ca_file = "{authority.file}"\nserver_name = "{NAME}"\nconnect_timeout = "30s"'
    with serve(echo, LOOPBACK, 0, ssl=context) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        there = f"https://{LOOPBACK}:{server.socket.getsockname()[1]}"
        config = write_config(tmp_path, there, there, listen=listen, legacy_keys=keys)
        gateway = Gateway(spawn, config)
        connection = socket.create_connection((LOOPBACK, gateway.port), timeout=30)
        here = client_context(authority.file)
        with websocket(f"wss://{NAME}/ws", ssl=here, sock=connection) as client:
            client.send(b"x" * 500_000)
            assert client.recv(timeout=60) == b"x" * 500_000
            gateway.process.signal(signal.SIGTERM)
            with pytest.raises(ConnectionClosed):
                client.recv(timeout=60)
            assert client.close_code == 1012
        server.shutdown()
    assert gateway.process.wait(60) == 0
