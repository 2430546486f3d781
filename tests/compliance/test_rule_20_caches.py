"""Rule 20: an answer whose side depends on a cookie is not shared between sides (RFC 9111 section 4.1)."""

import pytest

from tests.support.raw import RawResponse
from tests.support.stage import Stage, answer, get, says

COOKIE = b"Cookie: session=abc"


def ask(stage: Stage, percent: float, *lines: bytes, target: bytes = b"/orders/1") -> RawResponse:
    """One request at this dial, the same answer from both sides."""
    stage.dial(percent)
    for player in stage.players:
        player.plays(says(answer(b"", *lines)))
    with stage.client() as client:
        return client.exchange(get(target, COOKIE))


def test_between_the_ends_of_the_dial_it_varies_with_the_cookie(stage: Stage) -> None:
    """On both sides alike."""
    for percent in (0.01, 50, 99.99):
        assert ask(stage, percent, b"Cache-Control: public, max-age=60").all(b"Vary") == [b"Cookie"]


@pytest.mark.parametrize("percent", [0, 100])
def test_at_the_ends_of_the_dial_it_does_not(stage: Stage, percent: float) -> None:
    """The side is the same for everybody."""
    assert ask(stage, percent).all(b"Vary") == []


def test_what_no_feature_claims_is_left_alone(stage: Stage) -> None:
    """Its side never depends on anything."""
    assert ask(stage, 50, target=b"/static/x").all(b"Vary") == []


@pytest.mark.parametrize("line", [b"private", b"no-store", b"max-age=1, Private", b"No-Store"])
def test_what_the_upstream_does_not_let_be_shared_stays_as_it_is(stage: Stage, line: bytes) -> None:
    """Nothing is added."""
    response = ask(stage, 50, b"Cache-Control: " + line)
    assert response.all(b"Vary") == []
    assert response.all(b"Cache-Control") == [line]


def test_a_private_field_does_not_make_the_answer_private(stage: Stage) -> None:
    """RFC 9111 section 5.2.2.7: with names, only those fields are private."""
    assert ask(stage, 50, b'Cache-Control: private="set-cookie"').all(b"Vary") == [b"Cookie"]


def test_the_upstreams_own_vary_stays(stage: Stage) -> None:
    """Ours stands beside it."""
    assert ask(stage, 50, b"Vary: Accept").all(b"Vary") == [b"Accept", b"Cookie"]


def test_an_answer_with_a_minted_cookie_is_private(stage: Stage) -> None:
    """A shared cache would give the key of one user to all."""
    stage.dial(100)
    stage.new.plays(says(answer(b"", b"Cache-Control: max-age=60")))
    with stage.client() as client:
        response = client.exchange(get(b"/orders/1"))
    assert response.all(b"Cache-Control") == [b"max-age=60", b"private"]
    assert b"banyan_key=" in (response.get(b"Set-Cookie") or b"")
