"""Sessions of one user are told apart, and one that did something where nobody looked is not believed."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from pathlib import Path

import httpx
import pytest

from tests.e2e import between as rig
from tests.e2e.attempts import WAIT, Attempts
from tests.e2e.between import JSON, Application, Asked, Says, between

HONOURED = ("Banyan-Shadow", "honoured")
CART = """
[[feature]]
name = "cart"
match = ["/cart/*"]
percent = 0
shadow = {{ percent = 0, writes = "isolated" }}
[[feature]]
"""


def counting() -> Application:
    """Says how often a user did anything to it, by whatever means."""
    done: Counter[tuple[str, bool]] = Counter()

    def application(asked: Asked) -> Says:
        user = asked.headers["x-user"], asked.is_shadow
        done[user] += asked.method == "POST" or "upgrade" in asked.headers
        return Says(json.dumps({"done": done[user]}).encode(), headers=(*JSON, HONOURED))

    return application


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        pytest.param("POST", "/cart/1", {}, id="a feature that is not sampled"),
        pytest.param(
            "GET", "/live", {"Connection": "Upgrade", "Upgrade": "websocket"}, id="another protocol"
        ),
    ],
)
def test_what_a_session_does_unseen_makes_it_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, target: str, headers: dict[str, str]
) -> None:
    monkeypatch.setattr(rig, "CONFIG", rig.CONFIG.replace("[[feature]]", CART, 1))
    with (
        between(tmp_path, counting(), counting(), shadow="control_twice = 0") as gateway,
        httpx.Client(base_url=gateway.url, trust_env=False, timeout=WAIT) as client,
    ):
        attempts = Attempts(gateway)

        def attempt(user: str) -> None:
            name = {"X-User": user}
            assert client.get("/orders", headers=name).json() == {"done": 0}
            attempts.settled(1)
            assert client.request(method, target, headers=headers | name).status_code == 200
            assert client.get("/orders", headers=name).json() == {"done": 1}

        attempts.until(attempt, {"match": 1, "undetermined": 1})


def test_what_a_user_did_unseen_makes_the_next_session_unknown_too(tmp_path: Path) -> None:
    """The user has come to /enter, ordered where nobody looked, and comes again without the cookie: what was
    ordered is there, and on the other side it is not. Another user's sessions are what they were.
    """
    ordered: Counter[tuple[str, bool]] = Counter()

    def side(asked: Asked) -> Says:
        user = asked.headers["x-user"], asked.is_shadow
        ordered[user] += asked.method == "POST"
        cookie = (
            (("Set-Cookie", f"session={secrets.token_hex(12)}; Path=/"),) if asked.target == "/enter" else ()
        )
        return Says(json.dumps({"ordered": ordered[user]}).encode(), headers=(*JSON, HONOURED, *cookie))

    skip = '{ percent = 100, writes = "skip" }'
    with between(tmp_path, side, side, shadow="control_twice = 0", feature_shadow=skip) as gateway:
        attempts = Attempts(gateway)

        def attempt(user: str) -> None:
            ann, bob = {"X-User": user}, {"X-User": f"another than {user}"}
            with httpx.Client(base_url=gateway.url, trust_env=False, timeout=WAIT, headers=ann) as client:
                client.get("/enter")
                attempts.settled(1)
                client.post("/orders")
            for requests, name in enumerate((ann, bob), 2):
                httpx.get(f"{gateway.url}/orders", headers=name, trust_env=False, timeout=WAIT)
                attempts.settled(requests)

        attempts.until(attempt, {"match": 2, "undetermined": 1})


def test_two_browsers_of_one_user_that_share_a_language(tmp_path: Path) -> None:
    """The sticky key is the user, the language the same in both: each has its own session all the same."""
    names: dict[str, str] = {}

    def side(asked: Asked) -> Says:
        path, _, name = asked.target.partition("?")
        if path == "/enter":
            session = secrets.token_hex(12)
            names[session] = name
            cookies = (("Set-Cookie", "lang=en; Path=/"), ("Set-Cookie", f"session={session}; Path=/"))
            return Says(headers=(*JSON, HONOURED, *cookies))
        session = asked.headers.get("cookie", "").partition("session=")[2].partition(";")[0]
        said = json.dumps({"name": names.get(session, "nobody")}).encode()
        return Says(said, headers=(*JSON, HONOURED))

    with between(tmp_path, side, side, shadow="control_twice = 0") as gateway:
        attempts = Attempts(gateway)

        def attempt(user: str) -> None:
            ann = {"X-User": user}
            browsers = [
                httpx.Client(base_url=gateway.url, trust_env=False, timeout=WAIT, headers=ann)
                for _ in range(2)
            ]
            for number, browser in enumerate(browsers):
                browser.get(f"/enter?name-{number}")
                attempts.settled(number + 1)
            for _ in range(3):
                for number, browser in enumerate(browsers):
                    assert browser.get("/me").json() == {"name": f"name-{number}"}
            for browser in browsers:
                browser.close()

        attempts.until(attempt, {"match": 8})


def test_a_token_of_an_answer_that_the_other_side_owes_is_nobodys_mismatch(tmp_path: Path) -> None:
    """It hangs up on the page with the form. The form is refused over there, since it carries a token that
    it never gave; what carries nothing is compared as before."""
    tokens: dict[bool, set[str]] = {True: set(), False: set()}

    def side(asked: Asked) -> Says:
        if asked.target == "/form":
            if asked.is_shadow:
                return Says(hang_up=True)
            token = secrets.token_hex(12)
            tokens[asked.is_shadow].add(token)
            return Says(json.dumps({"token": token}).encode(), headers=(*JSON, HONOURED))
        known = asked.method == "GET" or json.loads(asked.body)["token"] in tokens[asked.is_shadow]
        said = {"done": known, "price": 7 if asked.is_shadow and asked.target == "/wrong" else 8}
        return Says(json.dumps(said).encode(), 200 if known else 403, headers=(*JSON, HONOURED))

    with between(tmp_path, side, side, shadow="control_twice = 0") as gateway:
        attempts = Attempts(gateway)

        def attempt(user: str) -> None:
            ann = {"X-User": user}
            with httpx.Client(base_url=gateway.url, trust_env=False, timeout=WAIT, headers=ann) as client:
                token = client.get("/form").json()["token"]
                client.get("/wrong")
                attempts.settled(2)
                assert client.post("/form/sent", json={"token": token}).status_code == 200

        # What carries nothing of it is compared: the mismatch is that of /wrong.
        attempts.until(attempt, {"shadow_error": 1, "mismatch": 1, "undetermined": 1})
