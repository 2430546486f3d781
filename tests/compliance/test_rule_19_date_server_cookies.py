"""Rule 19: one Date, the upstream's own Server, and no cookie but the user's own (RFC 9110 section 6.6.1)."""

import threading

from tests.support.raw import UpstreamConnection, UpstreamRequest
from tests.support.stage import Stage, answer, get, says


def test_date_and_server_are_the_upstreams(stage: Stage) -> None:
    """Once each."""
    stage.legacy.plays(says(answer(b"", b"Server: app/1")))
    with stage.client() as client:
        response = client.exchange(get())
    assert response.all(b"Date") == [b"Thu, 01 Jan 2026 00:00:00 GMT"]
    assert response.all(b"Server") == [b"app/1"]


def test_a_missing_date_is_added_and_a_second_one_dropped(stage: Stage) -> None:
    """No Server is invented."""
    stage.legacy.plays(
        says(
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nDate: one\r\nContent-Length: 0\r\ndate: two\r\n\r\n",
        )
    )
    with stage.client() as client:
        response = client.exchange(get())
        assert len(response.all(b"Date")) == 1
        assert response.all(b"Server") == []
        assert client.exchange(get()).all(b"Date") == [b"one"]


def test_there_is_no_cookie_jar(stage: Stage) -> None:
    """What one user was given is never sent for another, on whichever connection."""
    stage.legacy.plays(says(answer(b"", b"Set-Cookie: session=of-the-first; Path=/")))
    with stage.client() as first, stage.client() as second:
        first.exchange(get())
        second.exchange(get())
        first.exchange(get())
    assert all(request.all(b"Cookie") == [] for request in stage.legacy.requests)


def test_two_users_never_meet(stage: Stage) -> None:
    """Many at once over the same few upstream connections: each gets the answer to its own request."""

    def scene(connection: UpstreamConnection, request: UpstreamRequest) -> None:
        body = connection.read_body(request.headers)[0]
        connection.send(answer(body + (request.get(b"Cookie") or b""), b"X-Target: " + request.target))

    stage.legacy.plays(scene)
    wrong: list[str] = []

    def user(number: int) -> None:
        with stage.client() as client:
            for turn in range(30):
                name = b"%d-%d" % (number, turn)
                request = get(
                    b"/" + name, b"Cookie: " + name, b"Content-Length: %d" % len(name), method=b"PUT"
                )
                response = client.exchange(request + name)
                if (response.body, response.get(b"X-Target")) != (name * 2, b"/" + name):
                    wrong.append(f"{name!r}: {response}")

    users = [threading.Thread(target=user, args=(number,)) for number in range(12)]
    for thread in users:
        thread.start()
    for thread in users:
        thread.join()
    assert wrong == []
