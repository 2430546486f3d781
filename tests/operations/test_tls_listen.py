"""TLS at the traffic port."""

from __future__ import annotations

import shutil
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.operations.gateway import Gateway, refusal, write_config
from tests.operations.secure import NAME, ask, client_context, connect, echo_server, serial
from tests.support.certificates import Authority
from tests.support.ports import LOOPBACK, wait_until
from tests.support.spawn import Spawner

GET = b"GET /orders/1 HTTP/1.1\r\nHost: banyan.test\r\nConnection: close\r\n\r\n"
FEATURE = '[[feature]]\nname = "orders"\nmatch = ["/orders/*"]\n'
LISTEN = 'tls_certificate = "tls/server.pem"\ntls_key = "tls/server.key"\nhead_timeout = "1s"\n'


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority(tmp_path / "tls")
    made.issue(NAME)
    return made


@pytest.fixture
def application() -> Iterator[str]:
    with echo_server() as port:
        yield f"http://{LOOPBACK}:{port}"


@pytest.fixture
def gateway(spawn: Spawner, tmp_path: Path, authority: Authority, application: str) -> Gateway:
    return Gateway(spawn, write_config(tmp_path, application, application, listen=LISTEN, more=FEATURE))


def test_applications_and_clients_are_told(gateway: Gateway, authority: Authority) -> None:
    """X-Forwarded-Proto, Forwarded and the minted cookie follow; so does the address that is printed."""
    assert gateway.ready["traffic"].startswith("https://")
    with connect(gateway.port, client_context(authority.file)) as client:
        assert client.selected_alpn_protocol() is None
        came = ask(client, GET)
    assert b"\r\nX-Forwarded-Proto: https\r\n" in came.replace(b"\n", b"\r\n").replace(b"\r\r", b"\r")
    assert b"proto=https" in came
    assert b"SameSite=Lax; Secure\r\n" in came


def test_large_bodies_pass_both_ways(gateway: Gateway, authority: Authority) -> None:
    """Five megabytes there and back, byte for byte."""
    body = bytes(range(256)) * 20_000
    head = b"POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    with connect(gateway.port, client_context(authority.file)) as client:
        came = ask(client, head + body)
    assert came.partition(b"\r\n\r\n")[2] == body


def test_the_oldest_version_is_1_2(gateway: Gateway, authority: Authority, spawn: Spawner) -> None:
    """Unless the configuration asks for more."""
    old = client_context(authority.file, ssl.TLSVersion.TLSv1_2)
    with connect(gateway.port, old) as client:
        assert client.version() == "TLSv1.2"
    gateway.config.write_text(gateway.config.read_text().replace("[listen]", '[listen]\ntls_minimum = "1.3"'))
    gateway.reload()
    wait_until(lambda: len(gateway.workers()) == 1, 40, "the old worker's end")
    with pytest.raises(ssl.SSLError):
        connect(gateway.port, old)
    with connect(gateway.port, client_context(authority.file)) as client:
        assert client.version() == "TLSv1.3"


def test_who_does_not_speak_tls_is_sent_away_and_harms_nobody(gateway: Gateway, authority: Authority) -> None:
    """Plain HTTP, nonsense, and a handshake that never goes on."""
    for words in (GET, b"\x16\x03\x01\x00\x05nonsense", b""):
        with socket.create_connection((LOOPBACK, gateway.port), timeout=5) as client:
            client.sendall(words)
            assert b"200 OK" not in _all_that_comes(client)
    with connect(gateway.port, client_context(authority.file)) as client:
        assert ask(client, GET).startswith(b"HTTP/1.1 200 ")


def _all_that_comes(client: socket.socket) -> bytes:
    came = b""
    try:
        while piece := client.recv(4096):
            came += piece
    except ConnectionResetError:
        pass
    return came


def test_a_new_certificate_is_taken_over_without_a_restart(gateway: Gateway, authority: Authority) -> None:
    """Within two looks; connections of before stay; half a pair or nonsense changes nothing."""
    context = client_context(authority.file)
    first, workers = serial(gateway.port, context), gateway.workers()
    with connect(gateway.port, context) as before:
        authority.issue(NAME)
        wait_until(lambda: serial(gateway.port, context) != first, 10, "another certificate")
        assert ask(before, GET).startswith(b"HTTP/1.1 200 ")
    second = serial(gateway.port, context)
    folder = authority.file.parent
    shutil.copy(folder / "server.key", folder / "kept.key")
    authority.issue(NAME, stem="other")
    (folder / "other.pem").replace(folder / "server.pem")
    wait_until(lambda: "stays in use" in gateway.process.output(), 10, "the complaint")
    assert "the key is not that of the certificate" in gateway.process.output()
    assert serial(gateway.port, context) == second
    (folder / "other.key").replace(folder / "server.key")
    wait_until(lambda: serial(gateway.port, context) != second, 10, "the whole pair")
    assert gateway.workers() == workers


def test_a_reload_with_a_bad_certificate_changes_nothing(gateway: Gateway, authority: Authority) -> None:
    """It is said why."""
    context, workers = client_context(authority.file), gateway.workers()
    first = serial(gateway.port, context)
    (authority.file.parent / "server.pem").write_text("nonsense")
    gateway.reload()
    assert "not taken over: The certificate" in gateway.process.output()
    assert (serial(gateway.port, context), gateway.workers()) == (first, workers)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (
            "missing",
            "The file {}/server.pem (listen.tls_certificate) cannot be read: No such file or directory.",
        ),
        ("nonsense", "it is not PEM, or not whole."),
        ("other key", "the key is not that of the certificate."),
        ("locked", "The key of the traffic port (listen.tls_key) has a password; it must have none."),
    ],
)
def test_a_certificate_that_cannot_be_used_is_one_sentence(
    spawn: Spawner, tmp_path: Path, authority: Authority, harm: str, words: str
) -> None:
    """Exit status 2, before anything is started."""
    folder = tmp_path / "tls"
    if harm == "missing":
        (folder / "server.pem").unlink()
    elif harm == "nonsense":
        (folder / "server.pem").write_text("nonsense")
    elif harm == "other key":
        authority.issue(NAME, stem="other")[1].replace(folder / "server.key")
    else:
        authority.lock(folder / "server.key")
    nobody = f"http://{LOOPBACK}:9"
    said = refusal(spawn, write_config(tmp_path, nobody, nobody, listen=LISTEN))
    assert words.format(folder) in said
    assert len(said.splitlines()) == 1
