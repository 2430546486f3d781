"""The path of one request, through a real worker: sides, stickiness, fallback, breaker, capture."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.exchanges import captured
from tests.support.ports import wait_until
from tests.support.raw import Close, Pause, Send, UpstreamConnection, UpstreamRequest
from tests.support.stage import OK, Stage, answer, get, open_stage, post, says, steps

SETTINGS = "[listen]\nexpose_decision = true\n"
NEVER = "breaker = { failures = 1000 }"
FEATURES = f"""
[[feature]]
name = "orders"
match = ["/orders/*"]
{NEVER}
[[feature]]
name = "keyed"
match = ["/keyed/*"]
percent = 100
fallback = "idempotency-key"
{NEVER}
[[feature]]
name = "alone"
match = ["/alone/*"]
percent = 100
fallback = "off"
{NEVER}
"""
ISOLATED = """
[[feature]]
name = "orders"
match = ["/orders/*"]
shadow = { writes = "isolated" }
"""
COPIED_AND_REPEATED = f"""
[[feature]]
name = "keyed"
match = ["/keyed/*"]
percent = 100
fallback = "idempotency-key"
shadow = {{ writes = "isolated" }}
{NEVER}
"""
KEY = b"Idempotency-Key: k1"
HUNG_UP = steps(Close())
UNWELL = says(answer(b"unwell", status=b"503 Service Unavailable"))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One worker for all tests here that leave no mark on it."""
    folder = tmp_path_factory.mktemp("house")
    with open_stage(folder, settings=SETTINGS, features=FEATURES) as stage:
        yield stage


@pytest.fixture
def stage(house: Stage) -> Stage:
    """As if nothing had been played on it, every request of ``orders`` for the new side."""
    house.reset()
    house.dial(100)
    return house


def ask(stage: Stage, request: bytes) -> tuple[int, bytes]:
    """One request on a connection of its own: status and body of its answer."""
    with stage.client() as client:
        response = client.exchange(request, request.partition(b" ")[0].decode())
        return response.status, response.body


# Sides.


def test_what_no_feature_claims_goes_to_legacy(stage: Stage) -> None:
    """The strangler's default."""
    with stage.client() as client:
        response = client.exchange(get(b"/elsewhere"))
    assert response.body == b"legacy"
    assert response.all(b"Banyan-Side") == [b"legacy"]
    assert response.all(b"Banyan-Cause") == [b"unmatched"]


def test_a_dial_is_in_force_at_the_next_request(stage: Stage) -> None:
    """On the same connection."""
    with stage.client() as client:
        for percent, side in ((0, b"legacy"), (100, b"new"), (0, b"legacy"), (100, b"new")):
            stage.dial(percent)
            response = client.exchange(get(b"/orders/1"))
            assert response.body == side
            assert (response.get(b"Banyan-Side"), response.get(b"Banyan-Cause")) == (side, b"percentage")


def test_a_latch_is_in_force_at_the_next_request(stage: Stage) -> None:
    """One feature, everything, and back; the dial stays where it is."""
    with stage.client() as client:

        def side_and_cause() -> tuple[bytes, bytes | None]:
            response = client.exchange(get(b"/orders/1"))
            return response.body, response.get(b"Banyan-Cause")

        assert side_and_cause() == (b"new", b"percentage")
        stage.latch("orders")
        assert side_and_cause() == (b"legacy", b"rollback_feature")
        assert client.exchange(get(b"/keyed/1")).body == b"new"
        stage.latch(None)
        assert side_and_cause() == (b"legacy", b"rollback_all")
        assert client.exchange(get(b"/keyed/1")).body == b"legacy"
        stage.latch(None, on=False)
        stage.latch("orders", on=False)
        assert side_and_cause() == (b"new", b"percentage")


def test_a_key_is_minted_on_both_sides_alike(stage: Stage) -> None:
    """A cookie for who brings none, whichever side answers."""
    for percent in (0, 100):
        stage.dial(percent)
        with stage.client() as client:
            first = client.exchange(get(b"/orders/1"))
            cookie = first.get(b"Set-Cookie") or b""
            assert re.fullmatch(
                rb"banyan_key=[0-9a-f]{32}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax", cookie
            )
            again = client.exchange(get(b"/orders/1", b"Cookie: " + cookie.partition(b";")[0]))
            assert again.all(b"Set-Cookie") == []
            assert client.exchange(get(b"/orders/1", b"Cookie: session=s")).all(b"Set-Cookie") == []
            assert client.exchange(get(b"/elsewhere")).all(b"Set-Cookie") == []


def test_the_same_user_always_gets_the_same_side(stage: Stage) -> None:
    """At half the dial both sides are in use, and nobody changes between two requests."""
    stage.dial(50)
    sides: dict[int, set[bytes]] = {}
    with stage.client() as client:
        for _ in range(3):
            for user in range(60):
                response = client.exchange(get(b"/orders/%d" % user, b"Cookie: session=user-%d" % user))
                sides.setdefault(user, set()).add(response.body)
    assert all(len(seen) == 1 for seen in sides.values())
    assert {side for seen in sides.values() for side in seen} == {b"legacy", b"new"}


def test_a_higher_dial_moves_nobody_back(stage: Stage) -> None:
    """Who was on the new side stays there."""
    users = [b"Cookie: session=user-%d" % user for user in range(40)]
    before: set[bytes] = set()
    with stage.client() as client:
        for percent in (10, 30, 60, 100):
            stage.dial(percent)
            now = {user for user in users if client.exchange(get(b"/orders/1", user)).body == b"new"}
            assert before <= now
            before = now
    assert before == set(users)


# Fallback.


@pytest.mark.parametrize(
    ("request_bytes", "scene", "expected"),
    [
        (get(b"/orders/1"), HUNG_UP, (200, b"legacy")),
        (get(b"/orders/1", method=b"HEAD"), HUNG_UP, (200, b"")),
        (post(b"b", b"/orders/1", method=b"PUT"), HUNG_UP, (200, b"legacy")),
        (get(b"/orders/1", method=b"DELETE"), HUNG_UP, (200, b"legacy")),
        (get(b"/orders/1"), steps(Send(b"garbage\r\n\r\n")), (200, b"legacy")),
        (get(b"/orders/1"), UNWELL, (200, b"legacy")),
        (post(b"b", b"/orders/1", method=b"PUT"), UNWELL, (503, b"unwell")),
        (post(b"b", b"/orders/1"), UNWELL, (503, b"unwell")),
        (get(b"/orders/1"), says(answer(b"mine", status=b"404 Not Found")), (404, b"mine")),
        (get(b"/orders/1"), says(answer(b"mine", status=b"501 Not Implemented")), (501, b"mine")),
        (post(b"b", b"/keyed/1", KEY), HUNG_UP, (200, b"legacy")),
        (post(b"b", b"/keyed/1", KEY), UNWELL, (503, b"unwell")),
        (get(b"/alone/1"), UNWELL, (503, b"unwell")),
    ],
)
def test_who_answers_when_the_new_side_fails(
    stage: Stage, request_bytes: bytes, scene: object, expected: tuple[int, bytes]
) -> None:
    """Legacy, where asking again is safe; else the failure is the answer."""
    stage.new.plays(scene)  # type: ignore[arg-type] # a scene
    assert ask(stage, request_bytes) == expected


def test_who_answers_when_the_new_side_is_too_slow(tmp_path: Path) -> None:
    """Legacy too."""
    hurried = {"BANYAN_UPSTREAMS__NEW__TIMEOUT": "300ms"}
    with open_stage(tmp_path, features=FEATURES, env=hurried) as stage:
        stage.dial(100)
        stage.new.plays(steps())
        assert ask(stage, get(b"/orders/1")) == (200, b"legacy")


@pytest.mark.parametrize(
    "request_bytes",
    [
        post(b"b", b"/orders/1"),
        post(b"b", b"/orders/1", KEY),
        post(b"b", b"/orders/1", method=b"PATCH"),
        post(b"b", b"/keyed/1"),
        get(b"/alone/1"),
    ],
)
def test_a_request_that_may_have_been_received_is_not_repeated(stage: Stage, request_bytes: bytes) -> None:
    """It was sent to the new side once, and to nobody else."""
    stage.new.plays(HUNG_UP)
    assert ask(stage, request_bytes)[0] == 502
    assert len(stage.new.requests) == 1
    assert stage.legacy.requests == []


def test_the_body_is_sent_again(stage: Stage) -> None:
    """Whole, with a length or in chunks, and also when it is still coming in."""
    bodies: list[bytes] = []

    def legacy(connection: UpstreamConnection, request: UpstreamRequest) -> None:
        bodies.append(connection.read_body(request.headers)[0])
        connection.send(OK)

    stage.legacy.plays(legacy)
    stage.new.plays(HUNG_UP)
    body = b"x" * 100_000
    assert ask(stage, post(body, b"/orders/1", method=b"PUT"))[0] == 200
    chunked = get(b"/orders/1", b"Transfer-Encoding: chunked", method=b"PUT")
    assert ask(stage, chunked + b"186a0\r\n" + body + b"\r\n0\r\n\r\n")[0] == 200
    with stage.client() as client:
        client.send(get(b"/orders/1", b"Content-Length: 10", method=b"PUT") + b"first")
        stage.legacy.upstream.wait_for_requests(3)
        client.send(b"later")
        assert client.read_response().status == 200
    assert bodies == [body, body, b"firstlater"]


def test_a_body_that_was_too_large_to_keep_is_not_sent_again(stage: Stage) -> None:
    """What is no longer there cannot be."""

    def scene(connection: UpstreamConnection, request: UpstreamRequest) -> None:
        connection.read_body(request.headers)
        connection.close()

    stage.new.plays(scene)
    assert ask(stage, post(b"x" * 3_000_000, b"/orders/1", method=b"PUT"))[0] == 502
    assert stage.legacy.requests == []


def test_what_legacy_sees_of_a_second_attempt_is_the_same_request(stage: Stage) -> None:
    """The same ids, the same bytes."""
    stage.new.plays(HUNG_UP)
    ask(stage, get(b"/orders/1", b"X-A: b"))
    assert stage.new.last().head == stage.legacy.last().head


def test_a_fallback_is_counted_and_shown(stage: Stage) -> None:
    """By feature and reason; the answer says who gave it."""
    before = stage.reports.total("banyan_fallbacks_total", l0="orders", l1="server_error")
    stage.new.plays(UNWELL)
    with stage.client() as client:
        assert client.exchange(get(b"/orders/1")).get(b"Banyan-Side") == b"legacy"
    assert stage.reports.total("banyan_fallbacks_total", l0="orders", l1="server_error") == before + 1


def test_legacy_has_nobody_behind_it(stage: Stage) -> None:
    """Its failure is the answer."""
    stage.dial(0)
    stage.legacy.plays(HUNG_UP)
    assert ask(stage, get(b"/orders/1"))[0] == 502
    assert stage.new.requests == []


# With a worker of their own.


def test_nobody_listens_on_the_new_side(tmp_path: Path) -> None:
    """Whatever the method: the request has reached nobody."""
    with open_stage(tmp_path, features=FEATURES) as stage:
        stage.dial(100)
        stage.new.upstream.close()
        assert ask(stage, get(b"/orders/1")) == (200, b"legacy")
        assert ask(stage, post(b"b", b"/orders/1")) == (200, b"legacy")
        assert ask(stage, get(b"/alone/1"))[0] == 502
        assert stage.reports.total("banyan_fallbacks_total", l0="orders", l1="connect_refused") == 2


BREAKING = """
[[feature]]
name = "orders"
match = ["/orders/*"]
breaker = { failures = 5, open = "600ms", ramp = "300ms" }
"""


@pytest.fixture(params=["600ms"])
def breaking(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A worker whose breaker is quick, or stays open for as long as is said; all of ``orders`` on the new
    side."""
    features = BREAKING.replace("600ms", request.param)
    with open_stage(tmp_path, settings=SETTINGS, features=features) as stage:
        stage.dial(100)
        yield stage


def causes(stage: Stage, count: int) -> list[bytes]:
    """The causes of as many requests, all of which must be answered well."""
    found: list[bytes] = []
    with stage.client() as client:
        for _ in range(count):
            response = client.exchange(get(b"/orders/1"))
            assert response.status == 200
            found.append(response.get(b"Banyan-Cause") or b"")
    return found


def state(stage: Stage) -> float:
    """What the gauge of the breaker shows."""
    return stage.reports.gauges()["banyan_breaker_state{orders}"]


@pytest.mark.parametrize("breaking", ["1h"], indirect=True)
def test_the_breaker_opens_after_five_failures(breaking: Stage) -> None:
    """While it is open the new side is left alone."""
    breaking.new.plays(UNWELL)
    assert causes(breaking, 7) == [b"percentage"] * 5 + [b"breaker_open"] * 2
    assert len(breaking.new.requests) == 5
    assert state(breaking) == 2


def test_the_breaker_closes_after_a_ramp(breaking: Stage) -> None:
    """One success begins it."""
    breaking.new.plays(UNWELL)
    wait_until(lambda: causes(breaking, 1) == [b"breaker_open"], what="an open breaker")
    breaking.new.plays(says(OK))
    wait_until(lambda: causes(breaking, 1) == [b"percentage"], what="the breaker's probe")
    assert state(breaking) == 1
    wait_until(lambda: bool(causes(breaking, 1)) and state(breaking) == 0, what="the end of the ramp")
    assert causes(breaking, 3) == [b"percentage"] * 3


def test_users_come_back_in_a_ramp(tmp_path: Path) -> None:
    """After the probe a tenth of them, the same tenth each time."""
    features = BREAKING.replace('ramp = "300ms"', 'ramp = "1h"')
    with open_stage(tmp_path, settings=SETTINGS, features=features) as stage:
        stage.dial(100)
        stage.new.plays(UNWELL)
        causes(stage, 5)
        stage.new.plays(says(OK))
        wait_until(lambda: causes(stage, 1) == [b"percentage"], what="the breaker's probe")
        keys = [f"{number:032x}" for number in range(200)]
        seen = [{key for key in keys if ask_as(stage, key) == b"percentage"} for _ in range(2)]
    assert seen[0] == seen[1]
    assert 5 <= len(seen[0]) <= 40


def ask_as(stage: Stage, key: str) -> bytes:
    """The cause for the user with this key."""
    with stage.client() as client:
        return (
            client.exchange(get(b"/orders/1", b"Cookie: banyan_key=" + key.encode())).get(b"Banyan-Cause")
            or b""
        )


@pytest.mark.parametrize("breaking", ["4s"], indirect=True)
def test_half_open_one_request_tries_and_the_others_stay_away(breaking: Stage) -> None:
    """Until it has its answer; a failure opens the breaker again at once."""
    breaking.new.plays(UNWELL)
    causes(breaking, 5)
    asked = len(breaking.new.requests)
    release = threading.Event()

    def slow(connection: UpstreamConnection, request: UpstreamRequest) -> None:
        release.wait(60)
        connection.send(answer(b"", status=b"500 Error"))

    breaking.new.plays(slow)
    probes: list[bytes] = []

    def probe() -> None:
        while not probes and len(breaking.new.requests) == asked:
            found = causes(breaking, 1)
            if found == [b"percentage"]:
                probes.extend(found)
            time.sleep(0.02)

    prober = threading.Thread(target=probe)
    prober.start()
    breaking.new.upstream.wait_for_requests(asked + 1)
    assert causes(breaking, 3) == [b"breaker_open"] * 3
    release.set()
    prober.join()
    assert causes(breaking, 1) == [b"breaker_open"]
    assert len(breaking.new.requests) == asked + 1


@pytest.mark.parametrize("breaking", ["1h"], indirect=True)
def test_a_client_that_reads_slowly_or_leaves_does_not_open_the_breaker(breaking: Stage) -> None:
    """Nobody can take a feature back from outside."""
    breaking.new.plays(steps(Pause(0.2), Send(OK)))
    for _ in range(8):
        with breaking.client() as client:
            client.send(get(b"/orders/1"))
            breaking.new.upstream.wait_for_requests(1)
        breaking.new.forget()
    breaking.new.plays(says(OK))
    assert causes(breaking, 1) == [b"percentage"]


def test_capture_never_holds_a_request_up(tmp_path: Path) -> None:
    """The shadow is there and takes nothing: traffic goes on, what does not fit is dropped and counted."""
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    with socket.socket(socket.AF_UNIX) as shadow:
        shadow.bind(str(runtime / "shadow-0.sock"))
        shadow.listen(1)
        with open_stage(tmp_path) as stage:
            connection, _ = shadow.accept()
            stage.legacy.plays(says(answer(b"x" * 900_000)))
            with connection, stage.client() as client:
                for _ in range(40):
                    assert client.exchange(get(b"/orders/1")).status == 200
                dropped = stage.reports.total("banyan_capture_total", l1="dropped")
                eligible = stage.reports.total("banyan_capture_total", l1="eligible")
    assert eligible == 40
    assert 10 < dropped < 40


def test_a_copy_of_a_body_that_the_answer_overtook_says_that_it_is_not_whole(tmp_path: Path) -> None:
    """Half a body, sent as if it were all of it, would be another request."""
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    with socket.socket(socket.AF_UNIX) as shadow:
        shadow.bind(str(runtime / "shadow-0.sock"))
        shadow.listen(1)
        with open_stage(tmp_path, features=ISOLATED) as stage:
            connection, _ = shadow.accept()
            connection.settimeout(30)
            stage.legacy.plays(steps(Send(answer(b"no", status=b"401 Unauthorized"))))
            with connection, stage.client() as client:
                client.send(get(b"/orders/1", b"Content-Length: 8", method=b"POST") + b"half")
                assert client.read_response().status == 401
                early = captured(connection)
                stage.legacy.plays(says(OK))
                ask(stage, post(b"half", b"/orders/1"))
                whole = captured(connection)
    assert (early.answer.status, early.request.body_cut) == (401, True)
    assert (whole.answer.status, whole.request.body_cut, whole.request.body) == (200, False, b"half")


@pytest.mark.parametrize(
    ("repeated", "copied"), [("4 KiB", "64 KiB"), ("64 KiB", "4 KiB")], ids=["copied only", "repeated only"]
)
def test_what_may_be_asked_again_does_not_depend_on_what_is_copied(
    tmp_path: Path, repeated: str, copied: str
) -> None:
    """Each has a limit of its own: a body of 10 KiB is beyond one of them."""
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    bounds = f'[listen]\nmax_repeated_body = "{repeated}"\n[shadow]\nmax_body = "{copied}"\n'
    body = b"x" * 10 * 1024
    with socket.socket(socket.AF_UNIX) as shadow:
        shadow.bind(str(runtime / "shadow-0.sock"))
        shadow.listen(1)
        with open_stage(tmp_path, settings=bounds, features=COPIED_AND_REPEATED) as stage:
            connection, _ = shadow.accept()
            connection.settimeout(30)
            with connection:
                stage.new.plays(says(OK))
                assert ask(stage, post(body, b"/keyed/1", KEY)) == (200, b"ok")
                copy = captured(connection).request
                stage.new.plays(HUNG_UP)
                status, _ = ask(stage, post(body, b"/keyed/2", KEY))
    assert (status, copy.body_cut, copy.body) == (
        (502, False, body) if repeated == "4 KiB" else (200, True, b"")
    )


def test_without_a_shadow_nothing_is_different(stage: Stage) -> None:
    """What would have been handed over is counted all the same."""
    before = stage.reports.total("banyan_capture_total", l0="orders", l1="eligible")
    assert ask(stage, get(b"/orders/1")) == (200, b"new")
    assert ask(stage, post(b"b", b"/orders/1")) == (200, b"new")
    assert stage.reports.total("banyan_capture_total", l0="orders", l1="eligible") == before + 1


def test_slow_uploads_do_not_take_every_connection(tmp_path: Path) -> None:
    """Half of the connections stay free of bodies that are still coming in; a small one is read first."""
    few = {"BANYAN_UPSTREAMS__LEGACY__MAX_CONNECTIONS": "4"}
    with open_stage(tmp_path, env=few) as stage:
        stage.legacy.plays(says(OK))
        clients = [stage.client() for _ in range(6)]
        try:
            for number, client in enumerate(clients, start=1):
                client.send(get(b"/x", b"Content-Length: 100000", method=b"POST") + b"slow")
                stage.legacy.upstream.wait_for_requests(min(number, 2))
            with stage.client() as other:
                assert other.exchange(get(b"/y")).status == 200
                other.send(get(b"/z", b"Content-Length: 5", method=b"POST") + b"wh")
                other.send(b"ole")
                assert other.read_response().status == 200
            assert sum(request.target == b"/x" for request in stage.legacy.requests) == 2
            clients[5].send(b"x" * 90_000)
            assert clients[5].read_response().status == 503
        finally:
            for client in clients:
                client.close()
