"""Rule 21: an idle upstream connection is not used beyond the upstream's own limit (RFC 9112 section 9.3)."""

import random
import threading
import time

from tests.compliance.limits import undisturbed, within
from tests.support.ports import wait_until
from tests.support.raw import UpstreamConnection, UpstreamRequest
from tests.support.stage import OK, Stage, ended, get, post, says

KEEP_ALIVE = 0.3
UPSTREAM_LIMIT = 2.5
"""Much longer: an answer that the gateway hears of late idles that much longer there."""
USERS = 50


def test_a_young_connection_is_used_again(stage: Stage) -> None:
    """One connection for requests that follow each other."""
    stage.legacy.plays(says(OK))

    def attempt() -> bool:
        stage.legacy.forget()
        with stage.client() as client:
            for _ in range(5):
                client.exchange(get())
        return len({request.connection for request in stage.legacy.requests}) == 1

    assert undisturbed(attempt)


@within(LEGACY__KEEP_ALIVE=f"{KEEP_ALIVE}s")
def test_an_old_one_is_closed_by_us_first(stage: Stage) -> None:
    """Nobody has to ask for that."""
    stage.legacy.plays(says(OK))
    with stage.client() as client:
        client.exchange(get())
        assert ended(stage.legacy.upstream.connections[-1])
        client.exchange(get())
    assert len({request.connection for request in stage.legacy.requests}) == 2


@within(LEGACY__KEEP_ALIVE=f"{KEEP_ALIVE}s")
def test_requests_at_gaps_around_the_upstreams_limit_see_no_502(stage: Stage) -> None:
    """The upstream closes what idles for longer than its limit; the methods are those that may not be
    repeated."""
    gaps = random.Random(21)

    def scene(connection: UpstreamConnection, request: UpstreamRequest) -> None:
        connection.read_body(request.headers)
        connection.send(OK)
        connection.timeout = UPSTREAM_LIMIT

    stage.legacy.plays(scene)
    statuses: list[int] = []

    def user(seed: int) -> None:
        with stage.client() as client:
            for limit in (KEEP_ALIVE, UPSTREAM_LIMIT, 0):
                statuses.append(client.exchange(post(b"x")).status)
                time.sleep(gaps.uniform(0.9, 1.1) * limit)

    users = [threading.Thread(target=user, args=(number,)) for number in range(USERS)]
    for thread in users:
        thread.start()
    for thread in users:
        thread.join()
    assert statuses == [200] * 3 * USERS


def test_an_upstream_that_announces_the_end_is_not_asked_again(stage: Stage) -> None:
    """``Connection: close``, or HTTP/1.0."""
    for head in (
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n",
    ):
        stage.reset()
        stage.legacy.plays(says(head + b"Content-Length: 2\r\n\r\nok"))
        with stage.client() as client:
            for _ in range(2):
                assert client.exchange(get()).body == b"ok"
        assert len({request.connection for request in stage.legacy.requests}) == 2


def test_a_clients_own_close_does_not_end_the_upstreams_connection(stage: Stage) -> None:
    """The two hops are two connections."""
    stage.legacy.plays(says(OK))

    def attempt() -> bool:
        stage.legacy.forget()
        for _ in range(3):
            with stage.client() as client:
                client.exchange(get(b"/", b"Connection: close"))
                assert client.closed_by_peer()
        wait_until(lambda: len(stage.legacy.requests) == 3)
        return len({request.connection for request in stage.legacy.requests}) == 1

    assert undisturbed(attempt)
