"""The traffic port as a Unix socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.operations.gateway import Gateway, refusal, write_config
from tests.operations.secure import ask, echo_server
from tests.support.ports import LOOPBACK, wait_until
from tests.support.spawn import Spawner

LISTEN = 'traffic = "unix:banyan.sock"\n'
GET = b"GET /x HTTP/1.1\r\nHost: public\r\n%bConnection: close\r\n\r\n"
SAID = b"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.example\r\n"


@pytest.fixture
def application() -> Iterator[str]:
    with echo_server() as port:
        yield f"http://{LOOPBACK}:{port}"


def exchange(path: Path, more: bytes = b"") -> str:
    """One exchange over a Unix socket; the application echoes the head it got."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(path))
        return ask(client, GET % more).decode().replace("\r", "")


def test_it_serves_there_and_takes_the_file_away_at_the_end(
    spawn: Spawner, tmp_path: Path, application: str
) -> None:
    """Readable and writable for owner and group only; a client without an address is unknown."""
    gateway = Gateway(spawn, write_config(tmp_path, application, application, listen=LISTEN))
    path = tmp_path / "banyan.sock"
    assert gateway.ready["traffic"] == f"unix:{path}"
    assert path.stat().st_mode & 0o777 == 0o660
    came = exchange(path, SAID)
    assert "\nX-Forwarded-For: unknown\n" in came
    assert "203.0.113.9" not in came
    assert '\nForwarded: for=unknown;host="public";proto=http\n' in came
    gateway.process.signal(15)
    assert gateway.process.wait(60) == 0
    assert not path.exists()


def test_a_proxy_in_front_is_believed_when_the_socket_is_trusted(
    spawn: Spawner, tmp_path: Path, application: str
) -> None:
    """Whoever may open the socket file may then say who asked; no hop without an address is added."""
    listen = LISTEN + 'socket_mode = "0600"\ntrusted_proxies = ["unix"]\n'
    feature = '[[feature]]\nname = "all"\nmatch = ["/*"]\n'
    Gateway(spawn, write_config(tmp_path, application, application, listen=listen, more=feature))
    path = tmp_path / "banyan.sock"
    assert path.stat().st_mode & 0o777 == 0o600
    came = exchange(path, SAID)
    assert "\nX-Forwarded-For: 203.0.113.9\n" in came
    assert "\nX-Forwarded-Proto: https\n" in came
    assert "\nX-Forwarded-Host: shop.example\n" in came
    assert "SameSite=Lax; Secure\n" in came


def test_it_survives_a_reload(spawn: Spawner, tmp_path: Path, application: str) -> None:
    """New workers serve the same file."""
    gateway = Gateway(spawn, write_config(tmp_path, application, application, listen=LISTEN))
    path, before = tmp_path / "banyan.sock", gateway.workers()
    inode = path.stat().st_ino
    gateway.reload()
    wait_until(lambda: not set(before) & set(gateway.workers()), 40, "the old worker's end")
    assert path.stat().st_ino == inode
    assert exchange(path).startswith("HTTP/1.1 200 ")


def test_a_file_that_was_left_behind_is_replaced(spawn: Spawner, tmp_path: Path, application: str) -> None:
    """Nobody answers there: its owner died."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "banyan.sock"))
    Gateway(spawn, write_config(tmp_path, application, application, listen=LISTEN))
    assert exchange(tmp_path / "banyan.sock").startswith("HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("there", "reason"),
    [
        ("server", "somebody answers there"),
        ("file", "there is a file that is no socket"),
        ("nothing", "No such file or directory"),
    ],
)
def test_a_place_that_cannot_be_had_is_one_sentence(
    spawn: Spawner, tmp_path: Path, there: str, reason: str
) -> None:
    """Exit status 2, and what was there stays."""
    path = tmp_path / "banyan.sock"
    if there == "nothing":
        path = tmp_path / "nowhere" / "banyan.sock"
    config = write_config(tmp_path, "http://old:1", "http://new:1", listen=f'traffic = "unix:{path}"')
    with socket.socket(socket.AF_UNIX) as taken:
        if there == "server":
            taken.bind(str(path))
            taken.listen(1)
        elif there == "file":
            path.write_text("precious")
        said = refusal(spawn, config)
    assert said == f"banyan: The socket {path} (listen.traffic) cannot be listened on: {reason}."
    assert os.path.lexists(path) == (there != "nothing")
