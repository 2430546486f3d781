"""Clients that read slowly, or not at all: nothing is heaped up for them, and what is theirs they get.

At a Unix socket, because the system takes little there on its own account.
"""

from __future__ import annotations

import os
import select
import socket
import ssl
import time
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

from tests.e2e.migration import eventually
from tests.operations.gateway import Gateway, write_config
from tests.operations.secure import NAME, client_context
from tests.support.certificates import Authority
from tests.support.ports import wait_until
from tests.support.scripted import ScriptedUpstream, UpstreamConnection
from tests.support.spawn import Spawner
from tests.support.stage import answer, get

KIB = 1024
FEATURE = '[[feature]]\nname = "orders"\nmatch = ["/orders/*"]\npercent = 100\n'
TAIL = 60 * KIB
MOST = 40_000 * KIB
LAST = b"x" * 700 * KIB


def dialled(place: Path) -> socket.socket:
    """A connection to a Unix socket."""
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(60)
    client.connect(str(place))
    return client


def inside(place: Path) -> int:
    """How many connections to a Unix socket its server has; the one that listens is none."""
    return Path("/proc/net/unix").read_text().count(f"{place}\n") - 1


def resident(process: int) -> int:
    """How many bytes of memory a process occupies."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_an_answer_that_begins_when_the_one_before_has_filled_the_buffers_waits(
    spawn: Spawner, tmp_path: Path
) -> None:
    """The last bytes of an answer, which go out at the end of the turn, are more than the client takes; the
    next request has begun by then and its connection is still being opened: it is not read either.

    Where the buffers are full differs, so one of many sizes is it.
    """
    place, taken = tmp_path / "traffic.sock", [0]

    def fills(connection: UpstreamConnection) -> None:
        size = int(connection.read_head().target.rpartition(b"/")[2])
        whole = answer(b"y" * size)
        connection.send(whole[:-TAIL])
        time.sleep(0.2)
        connection.send(whole[-TAIL:])
        with suppress(OSError):
            connection.read_exactly(1)

    def endless(connection: UpstreamConnection) -> None:
        connection.read_head()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % MOST)
        with suppress(OSError):
            for sent in range(0, MOST, TAIL):
                connection.send(b"x" * TAIL)
                taken[0] = max(taken[0], sent + TAIL)

    with ScriptedUpstream(fills) as legacy, ScriptedUpstream(endless) as new, ExitStack() as stack:
        listen = f'traffic = "unix:{place}"\n'
        Gateway(spawn, write_config(tmp_path, legacy.url, new.url, listen=listen, more=FEATURE))
        for size in range(200 * KIB, 1000 * KIB, 20 * KIB):
            client = stack.enter_context(dialled(place))
            client.sendall(get(b"/x/%d" % size) + get(b"/orders/1"))
        wait_until(
            lambda: len(legacy.requests) == 40 and len(new.requests) > 0, timeout=60, what="the requests"
        )
        time.sleep(1.5)
        assert len(new.requests) < 40, "no buffer was full"
        assert taken[0] < MOST // 2


def test_the_last_answer_of_a_tls_connection_arrives_whole(spawn: Spawner, tmp_path: Path) -> None:
    """However slowly it is read, as long as it is read: the gateway says goodbye behind it."""
    authority, place = Authority(tmp_path / "tls"), tmp_path / "traffic.sock"
    authority.issue(NAME)
    listen = f'traffic = "unix:{place}"\ntls_certificate = "tls/server.pem"\ntls_key = "tls/server.key"\n'

    def serve(connection: UpstreamConnection) -> None:
        connection.read_head()
        connection.send(answer(LAST))
        with suppress(OSError):
            connection.read_exactly(1)

    with ScriptedUpstream(serve) as upstream:
        Gateway(spawn, write_config(tmp_path, upstream.url, upstream.url, listen=listen))
        context = client_context(authority.file)
        with context.wrap_socket(dialled(place), server_hostname=NAME) as client:
            client.sendall(get(b"/x", b"Connection: close"))
            came = b""
            while piece := client.recv(16 * KIB):
                came += piece
                time.sleep(0.1)
    assert came.endswith(b"\r\n\r\n" + LAST)


def test_who_says_goodbye_over_tls_and_reads_nothing_is_not_kept(spawn: Spawner, tmp_path: Path) -> None:
    """Whether the last of its answer waits here or in the event loop, which then waits without an end."""
    authority, place = Authority(tmp_path / "tls"), tmp_path / "traffic.sock"
    authority.issue(NAME)
    listen = f'traffic = "unix:{place}"\ntls_certificate = "tls/server.pem"\ntls_key = "tls/server.key"\n'

    def serve(connection: UpstreamConnection) -> None:
        while True:
            size = int(connection.read_head().target.rpartition(b"/")[2])
            connection.send(answer(b"x" * size))

    with ScriptedUpstream(serve) as upstream, ExitStack() as stack:
        config = write_config(tmp_path, upstream.url, upstream.url, listen=listen + 'idle_timeout = "1s"\n')
        Gateway(spawn, config)
        context = client_context(authority.file)
        for size in range(100 * KIB, 700 * KIB, 15 * KIB):
            client = eventually(partial(says_goodbye, context, place, get(b"/x/%d" % size)))
            assert client is not None
            stack.enter_context(client)
        wait_until(lambda: inside(place) == 0, timeout=60, what="the end of all of them")


def says_goodbye(context: ssl.SSLContext, place: Path, request: bytes) -> socket.socket | None:
    """A client that has begun to get its answer and has said goodbye. None: it was so slow that the gateway,
    as it should, did not wait for its request."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=NAME)
    sock = dialled(place)
    try:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                sock.sendall(outgoing.read())
                incoming.write(sock.recv(65536))
        tls.write(request)
        sock.sendall(outgoing.read())
        assert select.select([sock], [], [], 20)[0]
        with suppress(ssl.SSLWantReadError):
            tls.unwrap()
        sock.sendall(outgoing.read())
    except ConnectionError:
        sock.close()
        return None
    return sock


def test_a_stream_in_tiny_pieces_costs_what_its_bytes_cost(spawn: Spawner, tmp_path: Path) -> None:
    """Each piece comes by itself and would wait by itself, at a hundred times its size."""
    place, sent, pieces = tmp_path / "traffic.sock", [0], 25_000

    def drips(connection: UpstreamConnection) -> None:
        connection.read_head()
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for sent[0] in range(1, pieces + 1):
            connection.send(b"1\r\nx\r\n")
            began = time.perf_counter()
            while time.perf_counter() - began < 0.0001:
                pass
        with suppress(OSError):
            connection.read_exactly(1)

    with ScriptedUpstream(drips) as upstream:
        config = write_config(tmp_path, upstream.url, upstream.url, listen=f'traffic = "unix:{place}"\n')
        worker = Gateway(spawn, config).workers()[0]
        with dialled(place) as first:
            first.sendall(b"GARBAGE\r\n\r\n")
            assert first.recv(KIB)
        before = resident(worker)
        with dialled(place) as client:
            client.sendall(get(b"/x"))
            wait_until(lambda: sent[0] == pieces, timeout=300, what="the last piece")
            assert resident(worker) - before < 5000 * KIB
