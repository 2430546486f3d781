"""TLS at the traffic port."""

from __future__ import annotations

import select
import shutil
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.operations.gateway import Gateway, refusal, write_config
from tests.operations.secure import NAME, ask, client_context, connect, echo_server, serial
from tests.support.certificates import Authority
from tests.support.ports import LOOPBACK, wait_until
from tests.support.scripted import ScriptedUpstream, UpstreamConnection
from tests.support.spawn import Spawner

GET = b"GET /orders/1 HTTP/1.1\r\nHost: banyan.test\r\nConnection: close\r\n\r\n"
FEATURE = '[[feature]]\nname = "orders"\nmatch = ["/orders/*"]\n'
LISTEN = 'tls_certificate = "tls/server.pem"\ntls_key = "tls/server.key"\nhead_timeout = "30s"\n'
HASTY = LISTEN.replace("30s", "4s")


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


@pytest.fixture
def hasty(spawn: Spawner, tmp_path: Path, authority: Authority, application: str) -> Gateway:
    """One that does not wait long for anybody who says nothing."""
    return Gateway(spawn, write_config(tmp_path, application, application, listen=HASTY, more=FEATURE))


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


def test_a_client_that_leaves_a_stuck_upload_is_missed(
    spawn: Spawner, tmp_path: Path, authority: Authority
) -> None:
    """The application reads the head and nothing else; it hears of the end all the same."""
    over = threading.Event()

    def reads_no_more(connection: UpstreamConnection) -> None:
        connection.read_head()
        over.wait(120)

    with ScriptedUpstream(reads_no_more) as deaf:
        gateway = Gateway(spawn, write_config(tmp_path, deaf.url, deaf.url, listen=LISTEN))
        try:
            with connect(gateway.port, client_context(authority.file)) as client:
                client.sendall(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 90000000\r\n\r\n")
                deaf.wait_for_requests(1)
                client.settimeout(0.5)
                with pytest.raises(TimeoutError):
                    client.sendall(b"x" * 60_000_000)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            ends = select.poll()
            ends.register(deaf.connections[-1].socket, select.POLLRDHUP)
            assert ends.poll(30_000)
        finally:
            over.set()


def test_a_request_and_the_goodbye_in_the_same_bytes_get_the_answer(
    gateway: Gateway, authority: Authority
) -> None:
    """What the gateway answers itself is written before the connection ends."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context(authority.file).wrap_bio(incoming, outgoing, server_hostname=NAME)
    with socket.create_connection((LOOPBACK, gateway.port), 30) as sock:
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                sock.sendall(outgoing.read())
                incoming.write(sock.recv(65536))
        client.write(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
        with suppress(ssl.SSLWantReadError):
            client.unwrap()
        sock.sendall(outgoing.read())
        while data := sock.recv(65536):
            incoming.write(data)
    assert client.read().startswith(b"HTTP/1.1 204 ")


def test_the_oldest_version_is_1_2(gateway: Gateway, authority: Authority, spawn: Spawner) -> None:
    """Unless the configuration asks for more."""
    old = client_context(authority.file, ssl.TLSVersion.TLSv1_2)
    with connect(gateway.port, old) as client:
        assert client.version() == "TLSv1.2"
    gateway.config.write_text(gateway.config.read_text().replace("[listen]", '[listen]\ntls_minimum = "1.3"'))
    gateway.reload()
    wait_until(lambda: len(gateway.workers()) == 1, 120, "the old worker's end")
    with pytest.raises(ssl.SSLError):
        connect(gateway.port, old)
    with connect(gateway.port, client_context(authority.file)) as client:
        assert client.version() == "TLSv1.3"


def test_who_does_not_speak_tls_is_sent_away_and_harms_nobody(hasty: Gateway, authority: Authority) -> None:
    """Plain HTTP, nonsense, and a handshake that never goes on."""
    for words in (GET, b"\x16\x03\x01\x00\x05nonsense", b""):
        with socket.create_connection((LOOPBACK, hasty.port), timeout=30) as client:
            client.sendall(words)
            assert b"200 OK" not in _all_that_comes(client)
    with connect(hasty.port, client_context(authority.file)) as client:
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
        wait_until(lambda: serial(gateway.port, context) != first, what="another certificate")
        assert ask(before, GET).startswith(b"HTTP/1.1 200 ")
    second = serial(gateway.port, context)
    folder = authority.file.parent
    shutil.copy(folder / "server.key", folder / "kept.key")
    authority.issue(NAME, stem="other")
    (folder / "other.pem").replace(folder / "server.pem")
    wait_until(lambda: "stays in use" in gateway.process.output(), what="the complaint")
    assert "the key is not that of the certificate" in gateway.process.output()
    assert serial(gateway.port, context) == second
    (folder / "other.key").replace(folder / "server.key")
    wait_until(lambda: serial(gateway.port, context) != second, what="the whole pair")
    assert gateway.workers() == workers


def test_who_has_come_to_the_door_is_served_behind_a_reload(
    spawn: Spawner, tmp_path: Path, authority: Authority, application: str
) -> None:
    """Its handshake is a way through the network behind its connection, and the worker that let it in is
    being replaced meanwhile."""
    gateway = Gateway(spawn, write_config(tmp_path, application, application, listen=LISTEN))
    with ExitStack() as stack:
        came = [stack.enter_context(socket.create_connection((LOOPBACK, gateway.port), 30)) for _ in range(4)]
        with connect(gateway.port, client_context(authority.file)) as client:
            assert ask(client, GET).startswith(b"HTTP/1.1 200 ")  # who came before has been let in
        gateway.reload()
        time.sleep(0.5)
        for sock in came:
            with client_context(authority.file).wrap_socket(sock, server_hostname=NAME) as client:
                assert ask(client, GET).startswith(b"HTTP/1.1 200 ")


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


def descriptors_at_rest(folder: Path, gateway: Gateway, context: ssl.SSLContext) -> int:
    """How many a worker has once it has served somebody and speaks to the other processes."""
    with connect(gateway.port, context) as client:
        assert ask(client, GET).startswith(b"HTTP/1.1 200 ")
    counts = [0, 1, 2]
    deadline = time.monotonic() + 20
    while len(set(counts[-3:])) > 1 and time.monotonic() < deadline:
        time.sleep(0.3)
        counts.append(len(list(folder.iterdir())))
    return counts[-1]


def test_a_crowd_that_never_shakes_hands_takes_no_more_than_its_share(
    spawn: Spawner, tmp_path: Path, authority: Authority, application: str
) -> None:
    """They count as clients before they have said a word, and go when their time is over."""
    listen = HASTY + "max_connections = 20"
    gateway = Gateway(spawn, write_config(tmp_path, application, application, listen=listen, more=FEATURE))
    (worker,) = gateway.workers()
    folder = Path(f"/proc/{worker}/fd")
    context = client_context(authority.file)
    with connect(gateway.port, context) as inside, ExitStack() as stack:
        before = descriptors_at_rest(folder, gateway, context)
        for _ in range(400):
            stack.enter_context(socket.create_connection((LOOPBACK, gateway.port), timeout=30))
        inside.sendall(GET.replace(b"Connection: close\r\n", b""))
        assert inside.recv(12) == b"HTTP/1.1 200"
        assert len(list(folder.iterdir())) <= before + 20 + 100
        wait_until(lambda: len(list(folder.iterdir())) <= before + 1, 60, "the end of the crowd")
    with connect(gateway.port, context) as client:
        assert ask(client, GET).startswith(b"HTTP/1.1 200 ")


def test_whoever_shakes_hands_slowest_makes_room_for_the_others(hasty: Gateway, authority: Authority) -> None:
    """A handshake costs memory: some hundreds are under way at once, and honest ones are soon over."""
    (worker,) = hasty.workers()
    folder = Path(f"/proc/{worker}/fd")
    context = client_context(authority.file)
    with connect(hasty.port, context), ExitStack() as stack:
        before = descriptors_at_rest(folder, hasty, context)
        for _ in range(900):
            half = stack.enter_context(socket.create_connection((LOOPBACK, hasty.port), timeout=30))
            half.sendall(b"\x16\x03\x01")
        with connect(hasty.port, context) as client:
            assert ask(client, GET).startswith(b"HTTP/1.1 200 ")
        assert len(list(folder.iterdir())) <= before + 500 + 5
        wait_until(lambda: len(list(folder.iterdir())) <= before + 1, 60, "the end of the crowd")
