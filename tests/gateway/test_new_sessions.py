"""A feature that moves with new sessions, through a real worker: whom a raise takes, and whom it does not."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.support.raw import RawClient
from tests.support.stage import Stage, get, open_stage, says

FEATURES = """
[[feature]]
name = "orders"
match = ["/orders/*"]
move = "new-sessions"
[[feature]]
name = "carts"
match = ["/carts/*"]
percent = 100
"""
SETTINGS = '[sticky]\nkeys = ["cookie:session", "header:X-User"]\nsession = "1h"\n'


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BANYAN_STICKY_KEY", "0123456789abcdef0123456789abcdef")
        folder = tmp_path_factory.mktemp("house")
        with open_stage(folder, settings=SETTINGS, features=FEATURES) as stage:
            yield stage


@pytest.fixture
def stage(house: Stage) -> Stage:
    house.reset()
    return house


class Browser:
    """Keeps the gateway's cookie, and what it brings of its own."""

    def __init__(self, stage: Stage, own: bytes = b"") -> None:
        self._stage = stage
        self._own = own
        self.key = b""

    def ask(self, path: bytes = b"/orders/1") -> bytes:
        """Which side answered."""
        cookies = b"; ".join(filter(None, (self._own, self.key)))
        with self._stage.client() as client:
            answer = client.exchange(get(path, *([b"Cookie: " + cookies] if cookies else [])))
        for cookie in answer.all(b"Set-Cookie"):
            if cookie.startswith(b"banyan_key="):
                self.key = cookie.partition(b";")[0]
        return answer.body


def test_a_raise_takes_only_sessions_that_begin_after_it(stage: Stage) -> None:
    before = Browser(stage)
    assert before.ask() == b"legacy"
    assert re.fullmatch(rb"banyan_key=[0-9a-f]{32}\.[0-9a-f]{8}:[0-9a-f]{8}=0000\.[0-9a-f]{32}", before.key)
    stage.dial(100)
    after = Browser(stage)
    assert after.ask() == b"new"
    assert before.ask() == b"legacy"
    assert after.ask() == b"new"


def test_a_session_begins_with_its_first_request_to_any_feature(stage: Stage) -> None:
    browser = Browser(stage)
    assert browser.ask(b"/carts/1") == b"new"
    stage.dial(100)
    assert browser.ask() == b"legacy"


def test_users_of_the_applications_cookie_count_too(stage: Stage) -> None:
    known = Browser(stage, b"session=known-user")
    assert known.ask() == b"legacy"
    assert known.key.startswith(b"banyan_key=~")
    stage.dial(100)
    assert known.ask() == b"legacy"
    assert Browser(stage, b"session=another-user").ask() == b"new"


def test_a_rollback_takes_everyone_back_and_a_restore_brings_the_same_again(stage: Stage) -> None:
    before = Browser(stage)
    before.ask()
    stage.dial(100)
    after = Browser(stage)
    assert after.ask() == b"new"
    stage.latch("orders")
    assert (before.ask(), after.ask()) == (b"legacy", b"legacy")
    stage.latch("orders", on=False)
    assert (before.ask(), after.ask()) == (b"legacy", b"new")


def test_who_was_taken_back_by_a_lower_dial_is_not_taken_again(stage: Stage) -> None:
    stage.dial(100)
    browser = Browser(stage)
    assert browser.ask() == b"new"
    stage.dial(0)
    assert browser.ask() == b"legacy"
    stage.dial(100)
    assert browser.ask() == b"legacy"


def test_a_forged_cookie_gets_nobody_to_the_new_side(stage: Stage) -> None:
    browser = Browser(stage)
    browser.ask()
    genuine = browser.key
    stage.dial(100)
    other = Browser(stage)
    assert other.ask() == b"new"
    forgeries = [
        genuine.replace(b"=0000.", b"=2710."),  # the dial of now, with the old seal
        genuine[:-1] + (b"0" if genuine[-1:] != b"0" else b"1"),
        genuine.partition(b".")[0] + b"." + other.key.partition(b".")[2],  # what another user began with
        genuine.partition(b".")[0] + b".garbage",
    ]
    for forged in forgeries:
        browser.key = forged
        assert browser.ask() == b"legacy", forged
        assert browser.key != forged  # replaced by one that says so
        assert browser.ask() == b"legacy", forged


def test_the_key_and_its_position_stay_as_they_are(stage: Stage) -> None:
    """What stands behind a key does not move it: on the same machine without such a feature it is read
    alike."""
    stage.dial(50)
    browsers = [Browser(stage) for _ in range(30)]
    sides = [browser.ask() for browser in browsers]
    assert set(sides) == {b"legacy", b"new"}
    assert [browser.ask() for browser in browsers] == sides
    bare = [browser.key.partition(b".")[0] for browser in browsers]
    for browser, key, side in zip(browsers, bare, sides, strict=True):
        browser.key = key
        assert browser.ask() == side


def test_who_is_told_apart_by_a_header_moves_at_once(stage: Stage) -> None:
    """Several may share a browser, and none has a session that a cookie could tell of."""

    def ask(client: RawClient) -> tuple[bytes, list[bytes]]:
        answer = client.exchange(get(b"/orders/1", b"X-User: ann"))
        return answer.body, answer.all(b"Set-Cookie")

    with stage.client() as client:
        assert ask(client) == (b"legacy", [])
        stage.dial(100)
        assert ask(client) == (b"new", [])


def test_a_new_session_cookie_of_the_application_changes_nothing(stage: Stage) -> None:
    """Logging in must not begin a session for us."""
    login = b"HTTP/1.1 200 OK\r\nSet-Cookie: session=fresh; Path=/\r\nContent-Length: 6\r\n\r\nlegacy"
    browser = Browser(stage, b"session=old")
    stage.legacy.plays(says(login))
    assert browser.ask() == b"legacy"
    stage.dial(100)
    stage.legacy.plays(says(login))
    assert browser.ask() == b"legacy"
    browser._own = b"session=fresh"
    assert browser.ask() == b"legacy"


def test_answers_that_may_be_shared_say_that_they_depend_on_the_cookie(stage: Stage) -> None:
    shared = b"HTTP/1.1 200 OK\r\nCache-Control: public, max-age=60\r\nContent-Length: 3\r\n\r\nnew"
    stage.dial(100)
    stage.new.plays(says(shared))
    browser = Browser(stage)
    browser.ask()
    with stage.client() as client:
        answer = client.exchange(get(b"/orders/1", b"Cookie: " + browser.key))
    assert b"Cookie" in (answer.get(b"Vary") or b"")
