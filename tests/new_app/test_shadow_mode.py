"""Shadow requests: full answers and conversations of their own, and no trace in anything real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.new_app.servers import new_app, redis_server
from tests.new_app.visitor import LUNCH, WATCH, Visitor

SHADOW = {"Banyan-Shadow": "1"}


@pytest.fixture(scope="module", params=["filesystem", "redis"])
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("shadow")
    with redis_server(folder) as redis, new_app(folder, SESSION_TYPE=request.param, REDIS_URL=redis) as url:
        yield url


def test_every_answer_to_a_shadow_says_that_it_was_honoured(app: str) -> None:
    with Visitor(app, SHADOW) as shadow:
        for path in (
            "/",
            "/health",
            "/api/models",
            "/nowhere",
            "/api/nowhere",
            "/api/chat",
            "/api/csrf-token",
        ):
            assert shadow.get(path).headers["banyan-shadow"] == "honoured"
        assert shadow.http.post("/api/chat").headers["banyan-shadow"] == "honoured"
        assert shadow.post("/api/chat", []).headers["banyan-shadow"] == "honoured"


@pytest.mark.parametrize(
    "headers", [{}, {"Banyan-Shadow": "0"}, {"Banyan-Shadow": ""}, {"Banyan-Shadow": "true"}]
)
def test_an_answer_to_a_user_does_not(app: str, headers: dict[str, str]) -> None:
    with Visitor(app, headers) as visitor:
        answer = visitor.get("/api/csrf-token")
    assert "banyan-shadow" not in answer.headers
    assert answer.headers["set-cookie"].startswith("wr_session=")


def test_a_shadow_holds_a_conversation_of_many_turns(app: str) -> None:
    with Visitor(app, SHADOW) as shadow, Visitor(app) as user:
        said = [
            [who.start_chat().json(), *(who.say(f"{n}つ目").json() for n in range(3))]
            for who in (user, shadow)
        ]
        assert said[0] == said[1]
        assert [entry["human"] for entry in shadow.history()] == ["0つ目", "1つ目", "2つ目"]
        shadow.post("/api/watch/start", WATCH)
        assert shadow.stream("/api/v2/watch")[-1]["full_content"].startswith("花子: ")
        assert len(shadow.history("watch")) == 2
        assert set(shadow.http.cookies) == {"wr_shadow_session"}


def test_a_shadow_starts_from_a_copy_and_leaves_the_original_alone(app: str) -> None:
    with Visitor(app) as user, Visitor(app, SHADOW) as shadow:
        user.start_chat()
        user.say("本物の一言")
        shadow.http.cookies = httpx.Cookies(user.http.cookies)
        assert shadow.token == user.token
        assert [entry["human"] for entry in shadow.history()] == ["本物の一言"]
        shadow.say("影の一言")
        shadow.stream("/api/v2/chat", {"message": "影の二言"})
        assert [entry["human"] for entry in shadow.history()] == ["本物の一言", "影の一言", "影の二言"]
        shadow.post("/api/session/clear", {"type": "all"})
        assert [entry["human"] for entry in user.history()] == ["本物の一言"]
        assert user.http.cookies["wr_session"] == shadow.http.cookies["wr_session"]


def test_what_a_shadow_keeps_is_no_session_of_a_user(app: str) -> None:
    with Visitor(app, SHADOW) as shadow, Visitor(app) as user:
        shadow.start_chat()
        for name in ("wr_session", "wr_shadow_session"):
            user.http.cookies.set(name, shadow.http.cookies["wr_shadow_session"])
        assert user.session_keys() == []


def test_shadows_are_counted_nowhere(app: str) -> None:
    def counted() -> list[str]:
        lines = Visitor(app).get("/metrics").text.splitlines()
        return [
            x for x in lines if x.startswith(("app_requests_total", "app_active")) and "/metrics" not in x
        ]

    before = counted()
    with Visitor(app, SHADOW) as shadow:
        shadow.start_chat()
        shadow.say("数えないで")
        shadow.post("/api/chat_feedback", LUNCH)
    assert counted() == before


def test_shadow_files_lie_in_a_folder_of_their_own(tmp_path: Path) -> None:
    with new_app(tmp_path) as url, Visitor(url, SHADOW) as shadow:
        shadow.start_chat()
        assert list((tmp_path / "sessions").iterdir()) == []
        (file,) = (tmp_path / "sessions-shadow").iterdir()
        assert file.stem == shadow.http.cookies["wr_shadow_session"]
