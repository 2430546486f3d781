"""A rollback takes along who waits to be asked for: in the line for a connection to the new side, or for the
rest of a body. What has been sent stays where it is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.raw import UpstreamConnection, UpstreamRequest
from tests.support.stage import Stage, answer, get, open_stage, post

FEATURES = """
[[feature]]
name = "orders"
match = ["/orders/*"]
[[feature]]
name = "reports"
match = ["/reports/*"]
"""
ONE_CONNECTION = {"BANYAN_UPSTREAMS__NEW__MAX_CONNECTIONS": "1", "BANYAN_UPSTREAMS__NEW__TIMEOUT": "60s"}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    settings = "[listen]\nexpose_decision = true\n"
    with open_stage(tmp_path, settings=settings, features=FEATURES, env=ONE_CONNECTION) as found:
        found.dial(100)
        found.worker.dial("reports", 100)
        yield found


@pytest.fixture
def go_on(stage: Stage) -> Iterator[threading.Event]:
    """The new side answers nobody until this is set."""
    event = threading.Event()

    def scene(connection: UpstreamConnection, request: UpstreamRequest) -> None:
        connection.read_body(request.headers)
        event.wait(60)
        connection.send(answer(b"new"))

    stage.new.plays(scene)
    yield event
    event.set()


def all_is_read(stage: Stage) -> None:
    """What was sent to the worker before this has been looked at, too."""
    for _ in range(3):
        with stage.client() as other:
            assert other.exchange(get(b"/elsewhere")).body == b"legacy"


def rolled_back(stage: Stage) -> None:
    stage.latch("orders")


def everything_rolled_back(stage: Stage) -> None:
    stage.latch(None)


def dialled_to_nothing(stage: Stage) -> None:
    stage.dial(0)


@pytest.mark.parametrize(
    ("take_back", "cause"),
    [
        (rolled_back, b"rollback_feature"),
        (everything_rolled_back, b"rollback_all"),
        (dialled_to_nothing, b"percentage"),
    ],
)
def test_who_waits_for_a_connection_to_the_new_side_is_taken_back(
    stage: Stage, go_on: threading.Event, take_back: Callable[[Stage], None], cause: bytes
) -> None:
    """Also while the new side hangs, and nobody's place in the line comes."""
    with stage.client(60) as first, stage.client(20) as second, stage.client(20) as third:
        first.send(get(b"/orders/1"))
        stage.new.upstream.wait_for_requests(1)
        second.send(get(b"/orders/2"))
        third.send(post(b"a body", b"/orders/3"))
        all_is_read(stage)
        take_back(stage)
        for client in (second, third):
            response = client.read_response()
            assert (response.body, response.get(b"Banyan-Cause")) == (b"legacy", cause)
        go_on.set()
        assert first.read_response().body == b"new"  # it was there already
    assert [request.target for request in stage.new.requests] == [b"/orders/1"]
    assert b"a body" in stage.legacy.received


def test_who_waits_for_another_feature_goes_on_waiting(stage: Stage, go_on: threading.Event) -> None:
    with stage.client(60) as first, stage.client(60) as second:
        first.send(get(b"/orders/1"))
        stage.new.upstream.wait_for_requests(1)
        second.send(get(b"/reports/2"))
        all_is_read(stage)
        stage.latch("orders")
        all_is_read(stage)
        go_on.set()
        assert second.read_response().body == b"new"


def test_a_long_line_is_taken_back_at_once(stage: Stage, go_on: threading.Event) -> None:
    with stage.client(60) as first:
        first.send(get(b"/orders/1"))
        stage.new.upstream.wait_for_requests(1)
        others = [stage.client(20) for _ in range(60)]
        try:
            for client in others:
                client.send(get(b"/orders/2"))
            all_is_read(stage)
            stage.latch("orders")
            assert {client.read_response().body for client in others} == {b"legacy"}
        finally:
            for client in others:
                client.close()
    assert len(stage.new.requests) == 1


def test_whose_body_was_awaited_is_taken_back_when_it_is_there(stage: Stage, go_on: threading.Event) -> None:
    """One upload holds the connection that uploads may have; the second is read first."""
    with stage.client(60) as first, stage.client(20) as second:
        first.send(get(b"/orders/1", b"Content-Length: 8", method=b"POST") + b"half")
        stage.new.upstream.wait_for_requests(1)
        second.send(get(b"/orders/2", b"Content-Length: 8", method=b"POST") + b"half")
        all_is_read(stage)
        stage.latch("orders")
        second.send(b"rest")
        assert second.read_response().body == b"legacy"
        go_on.set()
        first.send(b"rest")
        assert first.read_response().body == b"new"
    assert [request.target for request in stage.new.requests] == [b"/orders/1"]
    assert b"halfrest" in stage.legacy.received
