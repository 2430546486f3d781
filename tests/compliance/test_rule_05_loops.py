"""Rule 5: Via on both legs, a request that comes back is refused, Max-Forwards (RFC 9110 section 7.6)."""

from contextlib import ExitStack
from pathlib import Path

from gateway.keys import sticky_key
from tests.support.raw import (
    Pause,
    RawClient,
    ScriptedUpstream,
    Send,
    UpstreamConnection,
    UpstreamRequest,
    stepping,
)
from tests.support.stage import OK, Stage, get, post, says, steps
from tests.support.worker import running_worker


def pseudonym(stage: Stage) -> bytes:
    """How this gateway names itself."""
    with stage.client() as client:
        client.exchange(get())
    via = stage.legacy.last().get(b"Via")
    assert via is not None
    return via.split()[1]


def test_via_is_added_in_both_directions(stage: Stage) -> None:
    """Behind what earlier hops said, with the version each message came in."""
    name = pseudonym(stage)
    with stage.client() as client:
        response = client.exchange(get(b"/", b"Via: 1.1 front", b"Via: 1.0 middle"))
    assert stage.legacy.requests[-1].all(b"Via") == [b"1.1 front, 1.0 middle, 1.1 " + name]
    assert response.all(b"Via") == [b"1.1 " + name]


def test_a_request_that_was_here_is_refused(stage: Stage) -> None:
    """Without asking anybody again; the next request on the connection is served."""
    name = pseudonym(stage)
    stage.legacy.reset()
    with stage.client() as client:
        refused = client.exchange(get(b"/", b"Via: 1.1 front, 1.1 %b (again)" % name))
        assert refused.status == 508
        assert refused.get(b"Proxy-Status") == b"banyan; error=proxy_loop_detected"
        assert client.exchange(get(b"/next")).status == 200
    assert [request.target for request in stage.legacy.requests] == [b"/next"]


def test_a_loop_ends_within_one_hop(stage: Stage) -> None:
    """An application that sends the request back to the gateway gets the refusal itself."""

    def back(connection: UpstreamConnection, request: UpstreamRequest) -> None:
        with RawClient(stage.worker.port) as again:
            assert again.exchange(request.head).status == 508
        connection.send(OK)

    stage.legacy.plays(back)
    with stage.client() as client:
        assert client.exchange(get()).status == 200
    assert len(stage.legacy.requests) == 1


def test_hundreds_of_looping_requests_behind_one_that_waits_are_each_refused(stage: Stage) -> None:
    """Answers that need nobody must not pile up on each other's stack."""
    name = pseudonym(stage)
    stage.legacy.plays(steps(Pause(0.1), Send(OK)))
    with stage.client() as client:
        client.send(get(b"/first") + get(b"/", b"Via: 1.1 " + name) * 900)
        assert [client.read_response().status for _ in range(901)] == [200] + [508] * 900


def test_a_body_behind_a_refused_request_is_never_read_as_a_request(stage: Stage) -> None:
    """The answer ends the connection, because what follows was not waited for."""
    name = pseudonym(stage)
    stage.legacy.reset()
    came = stage.closes(post(get(b"/smuggled"), b"/", b"Via: 1.1 " + name), 508)
    assert came.count(b"HTTP/1.1 ") == 1
    assert b"\r\nConnection: close\r\n" in came
    assert not stage.legacy.requests


def test_max_forwards_is_counted_down_for_options_and_answered_at_zero(stage: Stage) -> None:
    """RFC 9110 section 7.6.2; other methods carry it on unchanged."""
    stage.legacy.plays(says(OK))
    with stage.client() as client:
        assert client.exchange(get(b"/", b"Max-Forwards: 0", method=b"OPTIONS")).status == 204
        assert client.exchange(get(b"/", b"Max-Forwards: 3", method=b"OPTIONS")).status == 200
        assert client.exchange(get(b"/", b"Max-Forwards: 0")).status == 200
    assert [request.get(b"Max-Forwards") for request in stage.legacy.requests] == [b"2", b"0"]
    stage.closes(get(b"/", b"Max-Forwards: -1"), 400)


def test_a_repeated_max_forwards_is_refused(stage: Stage) -> None:
    """One reader would take the first, another the last; also when the same comes again."""
    for _ in range(2):
        stage.closes(get(b"/", b"Max-Forwards: 0", b"Max-Forwards: 5", method=b"OPTIONS"), 400)
        stage.closes(get(b"/", b"Max-Forwards: 3", b"Max-Forwards: 3"), 400)
    assert not stage.legacy.requests


def test_two_gateways_whose_state_has_one_path_stand_in_a_row(tmp_path: Path) -> None:
    """As in two containers: each has a folder of its own there, and neither takes the other for itself."""
    place = tmp_path / "machine"
    with ExitStack() as row:
        application = row.enter_context(ScriptedUpstream(stepping(Send(OK))))
        port = application.port
        for name in ("behind", "front"):
            (tmp_path / name / "state").mkdir(parents=True)
            place.unlink(missing_ok=True)
            place.symlink_to(tmp_path / name)
            sticky_key(place / "state").ensure()  # as the start of a gateway does
            port = row.enter_context(running_worker(place, port, port)).port
        with RawClient(port) as client:
            response = client.exchange(get())
    assert (response.status, response.body) == (200, b"ok")
    behind, front = (via.split()[1] for line in response.all(b"Via") for via in line.split(b","))
    assert behind != front
