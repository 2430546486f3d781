"""TLS to upstreams: who answers there is checked, unless the configuration says otherwise."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.operations.gateway import refusal, write_config
from tests.operations.secure import NAME, echo_server
from tests.support.certificates import Authority
from tests.support.ports import LOOPBACK, free_port
from tests.support.raw import ClosedEarlyError, RawClient, RawResponse
from tests.support.spawn import Spawner
from tests.support.stage import answer as whole
from tests.support.stage import post
from tests.support.worker import running_worker

PATIENT = "30s"
"""A handshake takes its time on a busy machine."""
GET = b"GET /x HTTP/1.1\r\nHost: public\r\n\r\n"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "tls")


@pytest.fixture
def application(authority: Authority) -> Iterator[int]:
    """An application whose certificate is for a name, not for its address."""
    with echo_server(authority.issue(NAME)) as port:
        yield port


def answer(folder: Path, port: int, once: bool = False, /, **keys: str) -> RawResponse:
    """What a client gets from a worker in front of an application that speaks TLS, with these keys for it."""
    env = {f"BANYAN_UPSTREAMS__LEGACY__{key.upper()}": value for key, value in keys.items()}
    env["BANYAN_UPSTREAMS__LEGACY__URL"] = f"https://{LOOPBACK}:{port}"
    env.setdefault("BANYAN_UPSTREAMS__LEGACY__CONNECT_TIMEOUT", PATIENT)
    with running_worker(folder, port, free_port(), env=env) as worker, RawClient(worker.port) as client:
        first = client.exchange(GET)
        if first.status == 200 and not once:  # the same again, on the connection that is kept
            return client.exchange(GET)
        return first


def test_an_application_that_is_who_it_should_be_is_asked(
    tmp_path: Path, authority: Authority, application: int
) -> None:
    """Its name is given, its authority is ours; the application sees the public host."""
    got = answer(tmp_path, application, ca_file=str(authority.file), server_name=NAME)
    assert got.status == 200
    assert b"Host: public" in got.body
    assert b"X-Forwarded-Proto: http\n" in got.body.replace(b"\r", b"")


def test_the_name_is_that_of_the_address_if_none_is_given(tmp_path: Path, authority: Authority) -> None:
    """A certificate may be for an address too."""
    with echo_server(authority.issue(LOOPBACK)) as port:
        assert answer(tmp_path, port, ca_file=str(authority.file)).status == 200


@pytest.mark.parametrize("doubt", ["another name", "another authority", "no authority of ours"])
def test_an_application_that_may_be_anybody_is_not_asked(
    tmp_path: Path, authority: Authority, application: int, doubt: str
) -> None:
    """502, and Proxy-Status says that it was the certificate."""
    keys = {"ca_file": str(authority.file), "server_name": NAME}
    if doubt == "another name":
        keys["server_name"] = "else.test"
    elif doubt == "another authority":
        keys["ca_file"] = str(Authority(tmp_path / "else").file)
    else:
        del keys["ca_file"]
    got = answer(tmp_path, application, **keys)
    assert got.status == 502
    assert got.get(b"Proxy-Status") == b"banyan; error=tls_certificate_error"


def test_without_verification_anybody_is_believed(tmp_path: Path, application: int) -> None:
    """Only when it is written."""
    assert answer(tmp_path, application, verify="false").status == 200


def test_an_application_that_speaks_no_tls_is_broken(tmp_path: Path) -> None:
    """The error is named after the protocol."""
    with echo_server() as port:
        got = answer(tmp_path, port, verify="false")
    assert got.status == 502
    assert got.get(b"Proxy-Status") in (
        b"banyan; error=tls_protocol_error",
        b"banyan; error=connection_refused",
    )


def test_one_that_never_shakes_hands_is_too_slow(tmp_path: Path) -> None:
    """The limit for a connection holds for all of it."""
    with socket.create_server((LOOPBACK, 0)) as silent:
        got = answer(tmp_path, silent.getsockname()[1], connect_timeout="300ms")
    assert got.status == 504
    assert got.get(b"Proxy-Status") == b"banyan; error=connection_timeout"


def test_authorities_that_cannot_be_read_are_one_sentence(spawn: Spawner, tmp_path: Path) -> None:
    """Exit status 2."""
    there = f"https://{LOOPBACK}:9"
    said = refusal(spawn, write_config(tmp_path, there, there, legacy_keys='ca_file = "none.pem"'))
    expected = f"The authorities {tmp_path}/none.pem (upstreams.legacy.ca_file) cannot be used: "
    assert said == f"banyan: {expected}no such file or directory."


@pytest.mark.parametrize("farewell", [True, False])
def test_an_end_without_a_farewell_is_no_end(tmp_path: Path, authority: Authority, farewell: bool) -> None:
    """Where nothing but the close says that the answer is whole, anybody on the way could have closed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue(NAME))

    def serve(listener: socket.socket) -> None:
        with suppress(OSError), context.wrap_socket(listener.accept()[0], server_side=True) as connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nall there is")
            if farewell:
                connection.unwrap()

    with socket.create_server((LOOPBACK, 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        port = listener.getsockname()[1]
        if farewell:
            assert answer(tmp_path, port, True, verify="false").body == b"all there is"
        else:
            with pytest.raises(ClosedEarlyError):
                answer(tmp_path, port, True, verify="false")


@pytest.mark.parametrize("cut", [0, 1], ids=["whole", "cut off"])
def test_an_early_final_answer_is_not_lost_with_the_connection_behind_it(
    tmp_path: Path, authority: Authority, cut: int
) -> None:
    """The application answers and closes while the upload goes on: the write that fails is not the end of
    what was written to us; and what was cut off stays so."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue(LOOPBACK))
    said = whole(b"denied", status=b"403 Forbidden")

    def serve(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                plain = listener.accept()[0]
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with suppress(ssl.SSLError), context.wrap_socket(plain, server_side=True) as connection:
                    connection.recv(4096)
                    connection.sendall(said[: len(said) - cut])

    with socket.create_server((LOOPBACK, 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        port = listener.getsockname()[1]
        url = {"BANYAN_UPSTREAMS__LEGACY__URL": f"https://{LOOPBACK}:{port}"}
        env = url | {"BANYAN_UPSTREAMS__LEGACY__CA_FILE": str(authority.file)}
        env |= {"BANYAN_UPSTREAMS__LEGACY__CONNECT_TIMEOUT": PATIENT}
        with running_worker(tmp_path, port, free_port(), env=env) as worker:
            for _ in range(20):
                with RawClient(worker.port) as client:
                    with suppress(ConnectionError):  # it may be told to stop while it sends
                        client.send(post(b"x" * 3_000_000))
                    if cut:
                        with pytest.raises(ClosedEarlyError):
                            client.read_response()
                    else:
                        assert client.read_response().body == b"denied"
