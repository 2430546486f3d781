"""More than there is room for: it is said at once, and what was accepted is served."""

from __future__ import annotations

import resource
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from bench.soak.rig import application
from tests.operations.gateway import Gateway, write_config
from tests.support.ports import LOOPBACK, wait_until
from tests.support.raw import RawClient, RawResponse
from tests.support.spawn import Spawner

GET = b"GET /x/ok HTTP/1.1\r\nHost: a\r\n\r\n"
SLOW = b"GET /x/slow HTTP/1.1\r\nHost: a\r\n\r\n"
BIG = b"GET /x/big HTTP/1.1\r\nHost: a\r\n\r\n"
STORM = 5_000


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[str]:
    with application(tmp_path / "application.log") as port:
        yield f"http://{LOOPBACK}:{port}"


@contextmanager
def many(count: int, port: int) -> Iterator[list[RawClient]]:
    """Connections, opened one after the other and closed together."""
    with ExitStack() as stack:
        yield [stack.enter_context(RawClient(port, timeout=20)) for _ in range(count)]


def test_what_the_pool_cannot_take_is_refused_at_once_and_the_rest_is_served(
    spawn: Spawner, tmp_path: Path, upstream: str
) -> None:
    """Four at work, four waiting; everybody else gets 503 with Retry-After, without waiting for them."""
    keys = "max_connections = 4\nmax_waiting = 4"
    gateway = Gateway(spawn, write_config(tmp_path, upstream, upstream, legacy_keys=keys))
    with many(60, gateway.port) as clients:
        began = time.monotonic()
        for client in clients:
            client.send(SLOW)
        answers = [client.read_response() for client in clients]
        took = time.monotonic() - began
    refused = [answer for answer in answers if answer.status == 503]
    assert len(refused) >= 60 - 4 * 8
    assert {answer.status for answer in answers} == {200, 503}
    assert {answer.get(b"Retry-After") for answer in refused} == {b"1"}
    assert {answer.get(b"Proxy-Status") for answer in refused} == {b"banyan; error=connection_limit_reached"}
    assert took < 5
    assert gateway.total("banyan_gateway_errors_total", 'reason="pool_full"') <= len(refused)


def test_a_refusal_comes_within_50_ms_while_accepted_work_goes_on(
    spawn: Spawner, tmp_path: Path, upstream: str
) -> None:
    """Beyond max_connections, by the median of many; those inside are answered meanwhile."""
    gateway = Gateway(spawn, write_config(tmp_path, upstream, upstream, listen="max_connections = 20"))
    times: list[float] = []
    with many(20, gateway.port) as clients:
        for client in clients:
            assert client.exchange(GET).status == 200
        for _ in range(50):
            began = time.monotonic()
            with RawClient(gateway.port) as outside:
                refused = outside.read_response()
            times.append(time.monotonic() - began)
            assert (refused.status, refused.get(b"Retry-After")) == (503, b"1")
            assert clients[len(times) % 20].exchange(GET).status == 200
    assert statistics.median(times) < 0.05


def test_five_thousand_connections_come_and_go(spawn: Spawner, tmp_path: Path, upstream: str) -> None:
    """Somebody is served in the middle of it; afterwards nothing is left, neither files nor much memory."""
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < STORM + 500:
        pytest.skip(f"this process may not open {STORM} connections")
    gateway = Gateway(spawn, write_config(tmp_path, upstream, upstream))
    (worker,) = gateway.workers()
    with RawClient(gateway.port, timeout=20) as first:
        assert first.exchange(GET).status == 200
        time.sleep(2)
        before, memory = files(worker), resident(worker)
        crowd: list[socket.socket] = []
        try:
            for number in range(STORM):
                client = socket.create_connection((LOOPBACK, gateway.port), timeout=20)
                crowd.append(client)
                if number % 3 == 0:
                    client.sendall(GET[: number % len(GET)])
            assert first.exchange(GET).status == 200
            wait_until(lambda: files(worker) >= before + STORM, 20, "the crowd inside")
            grown = resident(worker) - memory
        finally:
            for client in crowd:
                client.close()
        assert first.exchange(GET).status == 200
        wait_until(lambda: files(worker) <= before, 20, "the end of every connection")
    assert grown < 80 * 1024 * 1024


def test_slow_readers_cost_little_and_keep_nobody_else_waiting(
    spawn: Spawner, tmp_path: Path, upstream: str
) -> None:
    """Two hundred who ask for 200 KB, three times each, and read nothing."""
    gateway = Gateway(spawn, write_config(tmp_path, upstream, upstream))
    (worker,) = gateway.workers()
    with ExitStack() as stack, RawClient(gateway.port, timeout=20) as other:
        assert other.exchange(BIG).status == 200
        memory = resident(worker)
        for _ in range(200):
            client = stack.enter_context(RawClient(gateway.port, receive_buffer=4096))
            client.send(BIG * 3)
        time.sleep(1)
        assert other.exchange(GET).status == 200
        assert resident(worker) - memory < 200 * 768 * 1024


def test_without_files_accepted_work_goes_on_and_nothing_spins(
    spawn: Spawner, tmp_path: Path, upstream: str
) -> None:
    """A worker that may open 160 files, and four hundred who want to come in."""
    gateway = Gateway(spawn, write_config(tmp_path, upstream, upstream), files=160)
    (worker,) = gateway.workers()
    with many(20, gateway.port) as inside, ExitStack() as stack:
        assert [client.exchange(GET).status for client in inside] == [200] * 20
        for _ in range(400):
            stack.enter_context(RawClient(gateway.port, timeout=20))
        assert [client.exchange(SLOW).status for client in inside] == [200] * 20
        used = processor_seconds(worker)
        time.sleep(2)
        assert processor_seconds(worker) - used < 1
        assert [client.exchange(GET).status for client in inside] == [200] * 20
        stack.close()
        wait_until(lambda: served(gateway.port), 20, "a newcomer's answer")
    assert gateway.workers() == [worker]


def test_a_worker_that_has_no_file_left_at_all_comes_back(
    spawn: Spawner, tmp_path: Path, upstream: str
) -> None:
    """The limit is lowered under its feet: not even a connection upstream can be opened, which is said."""
    gateway = Gateway(spawn, write_config(tmp_path, upstream, upstream))
    (worker,) = gateway.workers()
    limits = resource.prlimit(worker, resource.RLIMIT_NOFILE)
    with many(5, gateway.port) as inside:
        assert inside[0].exchange(GET).status == 200
        time.sleep(2)  # the connection upstream is closed by now
        resource.prlimit(worker, resource.RLIMIT_NOFILE, (3, limits[1]))
        answer = inside[1].exchange(GET)
        assert (answer.status, answer.get(b"Retry-After")) == (503, b"1")
        with suppress(OSError), RawClient(gateway.port, timeout=1) as outside:
            outside.send(GET)
            outside.read_available(0.5)
        # it may try to accept all the time: nobody can open even one file to turn newcomers away with
        time.sleep(2)
        resource.prlimit(worker, resource.RLIMIT_NOFILE, limits)
        assert inside[1].exchange(GET).status == 200
        wait_until(lambda: served(gateway.port), 10, "a newcomer's answer")


def test_a_thousand_clients_that_leave_at_once_leave_nothing(
    spawn: Spawner, tmp_path: Path, upstream: str
) -> None:
    """In the middle of slow and large answers, from several threads."""
    gateway = Gateway(spawn, write_config(tmp_path, upstream, upstream))
    (worker,) = gateway.workers()
    time.sleep(1)
    before = files(worker)

    def leave(number: int) -> None:
        for request in (SLOW, BIG, GET, SLOW[:20], BIG * 2) * 25:
            client = RawClient(gateway.port, timeout=20)
            client.send(request)
            time.sleep(0.001 * (number % 3))
            client.reset() if number % 2 else client.close()

    threads = [threading.Thread(target=leave, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    wait_until(lambda: files(worker) <= before, 20, "the end of every connection")
    assert served(gateway.port)


def served(port: int) -> bool:
    """Whether a newcomer gets an answer of the application."""
    with suppress(OSError), RawClient(port, timeout=5) as client:
        answer: RawResponse = client.exchange(GET)
        return answer.status == 200
    return False


def files(pid: int) -> int:
    """How many files a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def resident(pid: int) -> int:
    """Bytes of memory that it occupies."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def processor_seconds(pid: int) -> float:
    """The processor's time that it has used."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / 100
