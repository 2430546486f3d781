"""Copied traffic leaves no trace in real sessions, with files and with Redis."""

from collections.abc import Iterator

import pytest
import redis

from tests.legacy_app.servers import START, WATCH, Legacy, Person
from tests.support.redis import start_redis
from tests.support.spawn import Spawner

SHADOW = {"Banyan-Shadow": "1"}


@pytest.fixture(params=["filesystem", "redis"], scope="module")
def any_store(
    request: pytest.FixtureRequest, spawn_for_module: Spawner, tmp_path_factory: pytest.TempPathFactory
) -> Legacy:
    folder = tmp_path_factory.mktemp("sessions")
    if request.param == "filesystem":
        return Legacy(spawn_for_module, folder)
    server = start_redis(spawn_for_module)
    return Legacy(spawn_for_module, folder, SESSION_TYPE="redis", REDIS_URL=server.url)


@pytest.fixture
def user(any_store: Legacy) -> Iterator[Person]:
    with any_store.person() as someone:
        someone.said("/api/start_chat", START)
        someone.said("/api/chat", {"message": "本物です"})
        yield someone


@pytest.fixture
def shadow(any_store: Legacy) -> Iterator[Person]:
    """What a proxy sends: the header on every request, and a cookie jar of its own."""
    with any_store.person() as someone:
        someone.headers.update(SHADOW)
        yield someone


def real_store(legacy: Legacy) -> dict[str, object]:
    if legacy.redis_url:
        store = redis.Redis.from_url(legacy.redis_url)
        keys = list(store.scan_iter("workplace_roleplay:*"))
        return {key.decode(): store.get(key) for key in keys}
    return {file.name: file.read_bytes() for file in (legacy.folder / "sessions").iterdir()}


def test_a_conversation_of_copies_has_turns(any_store: Legacy, shadow: Person) -> None:
    before = real_store(any_store)
    shadow.said("/api/start_chat", START)
    shadow.said("/api/chat", {"message": "一"})
    shadow.said("/api/chat", {"message": "二"})
    shadow.said("/api/watch/start", WATCH)
    assert [entry["human"] for entry in shadow.history("chat")] == ["一", "二"]
    assert set(shadow.cookies) == {"shadow_session"}
    assert real_store(any_store) == before


def test_every_answer_says_so_and_only_with_the_header(any_store: Legacy, shadow: Person) -> None:
    for path in ("/health", "/chat", "/api/models", "/api/nothing", "/static/style.css", "/api/chat"):
        assert shadow.get(path).headers["Banyan-Shadow"] == "honoured"
    with any_store.person() as someone:
        assert "Banyan-Shadow" not in someone.get("/health").headers
        assert "Banyan-Shadow" not in someone.get("/health", headers={"Banyan-Shadow": "0"}).headers


def test_a_copy_starts_from_the_users_session_and_leaves_it(any_store: Legacy, user: Person) -> None:
    before = real_store(any_store)
    real_cookie = user.cookies["session"]
    with any_store.person(session=real_cookie) as shadow:
        shadow.headers.update(SHADOW)
        assert [entry["human"] for entry in shadow.history("chat")] == ["本物です"]
        assert shadow.token() == user.token()
        shadow.said("/api/chat", {"message": "写しです"})
        assert [entry["human"] for entry in shadow.history("chat")] == ["本物です", "写しです"]
        shadow.said("/api/session/clear", {"type": "all"})
        assert shadow.cookies["session"] == real_cookie
    assert real_store(any_store) == before
    assert [entry["human"] for entry in user.history("chat")] == ["本物です"]


def test_a_shadow_cookie_opens_nothing_without_the_header(any_store: Legacy, shadow: Person) -> None:
    shadow.said("/api/start_chat", START)
    value = shadow.cookies["shadow_session"]
    with any_store.person(session=value, shadow_session=value) as someone:
        assert someone.get("/api/session/info").json()["keys"] == []


def test_a_stranger_of_a_copy_gets_no_cookie(shadow: Person) -> None:
    assert "set-cookie" not in shadow.get("/chat").headers
