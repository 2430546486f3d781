"""A proxy in front that speaks HTTP/2: the configurations that we ship for nginx and Envoy, for real."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.client import connect as websocket
from websockets.sync.server import ServerConnection, serve

from tests.operations.gateway import Gateway, write_config
from tests.operations.secure import NAME, ask, client_context, connect, echo_server
from tests.support.certificates import Authority
from tests.support.envoy import MISSING as NO_ENVOY
from tests.support.envoy import changed, find_envoy, shipped, start_envoy
from tests.support.nginx import MISSING as NO_NGINX
from tests.support.nginx import find_nginx, start_nginx
from tests.support.ports import LOOPBACK, free_port, wait_until
from tests.support.raw import Pause, ScriptedUpstream, Send, stepping
from tests.support.spawn import Spawner

LISTEN = 'traffic = "unix:traffic.sock"\ntrusted_proxies = ["unix"]\n'
FEATURE = '[[feature]]\nname = "orders"\nmatch = ["/orders/*"]\n'
LIES = (
    "X-Forwarded-For: 6.6.6.6",
    "X-Forwarded-Proto: http",
    "Forwarded: for=6.6.6.6",
    "X_Forwarded_For: 6.6.6.6",
)


class Front:
    """nginx or Envoy before Banyan before an application. ``port`` is that of the proxy in front."""

    def __init__(self, spawn: Spawner, folder: Path, application: str, kind: str) -> None:
        authority = Authority(folder / "tls")
        self.context = client_context(authority.file)
        self.authority = authority.file
        self.gateway = Gateway(
            spawn, write_config(folder, application, application, listen=LISTEN, more=FEATURE)
        )
        traffic, certificate = folder / "traffic.sock", authority.issue(NAME)
        if kind == "nginx":
            self.port = start_nginx(spawn, folder, traffic, certificate)
        else:
            self.port = free_port()
            start_envoy(spawn, shipped(folder, self.port, traffic, certificate), self.port)

    def curl(self, path: str, *words: str) -> str:
        """What curl says over HTTP/2: head and body."""
        there = f"https://{NAME}:{self.port}{path}"
        command = [
            "curl",
            "--silent",
            "--show-error",
            "--include",
            "--http2",
            "--cacert",
            str(self.authority),
        ]
        command += ["--resolve", f"{NAME}:{self.port}:{LOOPBACK}", "--path-as-is", "--max-time", "120"]
        done = subprocess.run([*command, *words, there], capture_output=True, text=True, check=True)
        return done.stdout.replace("\r", "")


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("nginx", marks=pytest.mark.skipif(find_nginx() is None, reason=NO_NGINX)),
        pytest.param("envoy", marks=pytest.mark.skipif(find_envoy() is None, reason=NO_ENVOY)),
    ],
)
def kind(request: pytest.FixtureRequest) -> str:
    """Which proxy stands in front."""
    return str(request.param)


@pytest.fixture(scope="module")
def front(spawn_for_module: Spawner, tmp_path_factory: pytest.TempPathFactory, kind: str) -> Iterator[Front]:
    """One for all tests that need no application of their own."""
    with echo_server() as port:
        yield Front(spawn_for_module, tmp_path_factory.mktemp(kind), f"http://{LOOPBACK}:{port}", kind)


@pytest.fixture
def curl() -> None:
    features = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=False).stdout
    if not shutil.which("curl") or "HTTP2" not in features:
        pytest.skip("no curl on this machine that speaks HTTP/2: install the package 'curl'")


def test_http2_comes_in_and_the_application_knows_who_asked(front: Front, curl: None) -> None:
    """Address, scheme and host are the proxy's word; what the client says of itself is gone."""
    came = front.curl("/orders/1", *(word for lie in LIES for word in ("--header", lie)))
    assert came.startswith("HTTP/2 200")
    assert f"\nX-Forwarded-For: {LOOPBACK}\n" in came
    assert "\nX-Forwarded-Proto: https\n" in came
    assert f"\nX-Forwarded-Host: {NAME}:{front.port}\n" in came
    assert f"\nHost: {NAME}:{front.port}\n" in came
    assert f'\nForwarded: for={LOOPBACK};host="{NAME}:{front.port}";proto=https, for=unknown;' in came
    assert "6.6.6.6" not in came
    assert "SameSite=Lax; Secure\n" in came


def test_the_target_goes_on_byte_for_byte(front: Front, curl: None) -> None:
    """Nothing is decoded, merged or resolved on the way."""
    target = "/a%2Fb//c;x/./../d?q=a+b&&q=%7e&flag&%FF"
    assert f"\nGET {target} HTTP/1.1\n" in front.curl(target)


def test_a_large_upload_passes(front: Front, curl: None, tmp_path: Path) -> None:
    """Ten megabytes over HTTP/2, echoed."""
    (tmp_path / "upload").write_bytes(b"0123456789" * 1_000_000)
    came = front.curl("/x", "--data-binary", f"@{tmp_path / 'upload'}", "--header", "Expect:")
    assert came.partition("\n\n")[2] == "0123456789" * 1_000_000


def test_a_reload_behind_it_loses_nothing(front: Front) -> None:
    """The proxy keeps its connections to Banyan; a worker that leaves sees to that none of them is lost."""
    request = b"GET /x HTTP/1.1\r\nHost: banyan.test\r\nConnection: close\r\n\r\n"
    statuses: list[bytes] = []
    over = threading.Event()

    def load() -> None:
        while not over.is_set():
            with connect(front.port, front.context) as client:
                statuses.append(ask(client, request)[:12])

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(2):
        front.gateway.reload()
        seen = len(statuses)
        wait_until(lambda: len(statuses) > seen + 10, what="some who came behind it")  # noqa: B023 - called here
    over.set()
    for thread in threads:
        thread.join(60)
    assert len(statuses) > 20
    assert set(statuses) == {b"HTTP/1.1 200"}


def test_events_are_not_held_back(spawn: Spawner, tmp_path: Path, kind: str) -> None:
    """The first one is there long before the second is sent."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    first, second = b"7\r\nid: 1\n\n\r\n", b"7\r\nid: 2\n\n\r\n0\r\n\r\n"
    with ScriptedUpstream(stepping(Send(head + first), Pause(20), Send(second))) as upstream:
        front = Front(spawn, tmp_path, upstream.url, kind)
        with connect(front.port, front.context) as client:
            client.sendall(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
            came = b""
            while b"id: 1" not in came:
                came += client.recv(4096)
            assert b"id: 2" not in came


def test_a_websocket_passes(spawn: Spawner, tmp_path: Path, kind: str) -> None:
    """Frames both ways, and the close code."""

    def echo(connection: ServerConnection) -> None:
        for message in connection:
            connection.send(message)

    with serve(echo, LOOPBACK, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.socket.getsockname()[1]
        front = Front(spawn, tmp_path, f"http://{LOOPBACK}:{port}", kind)
        assert isinstance(front.context, ssl.SSLContext)
        with websocket(f"wss://{NAME}:{front.port}/ws", ssl=front.context, sock=_to(front.port)) as client:
            client.send("hello")
            assert client.recv(timeout=60) == "hello"
            client.send(b"x" * 100_000)
            assert client.recv(timeout=60) == b"x" * 100_000
            client.close(1000)
            assert client.close_code == 1000
        server.shutdown()


def _to(port: int) -> socket.socket:
    return socket.create_connection((LOOPBACK, port), timeout=30)


@pytest.mark.skipif(find_envoy() is None, reason=NO_ENVOY)
def test_envoy_takes_the_configuration_that_we_ship(tmp_path: Path) -> None:
    """Word for word but for the certificate, which has to be there."""
    certificate, key = Authority(tmp_path / "tls").issue(NAME)
    file = changed(
        tmp_path / "banyan.yaml",
        {"/etc/banyan/tls/fullchain.pem": str(certificate), "/etc/banyan/tls/key.pem": str(key)},
    )
    command = [str(find_envoy()), "--mode", "validate", "-c", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
