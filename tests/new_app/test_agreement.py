"""The two applications agree: the same requests to both give the same status and the same JSON, turn by turn.

Both run as processes. Only what must differ is left out: token values and times.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.new_app.servers import legacy_app
from tests.new_app.visitor import FLASH, LUNCH, PRO, WATCH, Visitor

Call = tuple[str, str, Any]


@pytest.fixture(scope="module")
def legacy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with legacy_app(tmp_path_factory.mktemp("legacy_app")) as url:
        yield url


class Pair:
    """The same visitor in front of both; every call is compared."""

    def __init__(self, legacy: Visitor, new: Visitor) -> None:
        self.legacy, self.new = legacy, new

    def call(self, method: str, path: str, body: Any = None) -> Any:
        answers = [_called(who, method, path, body) for who in (self.legacy, self.new)]
        old, new = (_seen(answer) for answer in answers)
        assert new == old, f"{method} {path} {body}"
        return new

    def post(self, path: str, body: Any = None) -> Any:
        return self.call("POST", path, body)

    def raw(self, method: str, path: str, **request: Any) -> Any:
        old, new = (_seen(who.http.request(method, path, **request)) for who in (self.legacy, self.new))
        assert new == old, f"{method} {path} {str(request)[:200]}"
        return new


def _called(who: Visitor, method: str, path: str, body: Any) -> httpx.Response:
    return who.post(path, body) if method == "POST" else who.http.request(method, path)


def _seen(answer: httpx.Response) -> tuple[int, str, str, Any]:
    kind = answer.headers.get("content-type", "").partition(";")[0]
    allow = ", ".join(sorted(answer.headers.get("allow", "").split(", ")))
    is_json = kind == "application/json" and answer.content
    return answer.status_code, kind, allow, _without_the_unrepeatable(answer.json()) if is_json else None


def _without_the_unrepeatable(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_the_unrepeatable(item) for item in value]
    if isinstance(value, dict):
        hidden = {"timestamp", "csrf_token"}
        return {
            key: type(item).__name__ if key in hidden else _without_the_unrepeatable(item)
            for key, item in value.items()
        }
    return value


@pytest.fixture
def pair(legacy: str, app: str) -> Iterator[Pair]:
    with Visitor(legacy) as old, Visitor(app) as new:
        yield Pair(old, new)


MESSAGES = [
    "お疲れさまです！",
    "最近、仕事が忙しくて大変なんです",
    "ありがとうございます、助かりました",
    "おすすめのお店はありますか？",
    "<script>alert('x & y')</script> {quote} {name}",
    "すみません、遅れました",
    "楽しかったです   \n\n  また行きたい　です",
    "あ" * 1000,
    "🍜🍣",
]


@pytest.mark.parametrize("partner", ["colleague", "senior", "junior", "boss", "client"])
def test_chat(pair: Pair, partner: str) -> None:
    for situation, topic in [("lunch", "food"), ("party", "general"), ("morning", "work")]:
        chosen = {"partner_type": partner, "situation": situation, "topic": topic}
        pair.post("/api/start_chat", chosen)
        for message in MESSAGES:
            status, *_ = pair.post("/api/chat", {"message": message})
            assert status == 200
        pair.post("/api/conversation_history", {"type": "chat"})
        pair.post("/api/chat_feedback", chosen)
        pair.call("GET", "/api/session/info")
    pair.post("/api/clear_history", {"mode": "chat"})
    pair.post("/api/chat", {"message": "続きです", "model": PRO})
    pair.post("/api/conversation_history", {"type": "chat"})


def test_a_long_chat_is_cut_alike(pair: Pair) -> None:
    pair.post("/api/start_chat", LUNCH)
    for n in range(52):
        pair.post("/api/chat", {"message": f"{n}番目の話"})
    *_, body = pair.post("/api/conversation_history", {"type": "chat"})
    assert len(body["history"]) == 50
    pair.post("/api/chat_feedback", LUNCH)


def test_every_scenario(pair: Pair) -> None:
    *_, listed = pair.call("GET", "/api/categorized_scenarios")
    for card in [card for cards in listed.values() for card in cards]:
        here = {"scenario_id": card["id"]}
        pair.call("GET", f"/api/scenario/{card['id']}/category")
        pair.post("/api/scenario_feedback", here)
        pair.post("/api/scenario_clear", here)
        pair.post("/api/scenario_chat", {**here, "message": ""})
        pair.post("/api/scenario_chat", {**here, "message": ""})
        for message in MESSAGES[:5]:
            pair.post("/api/scenario_chat", {**here, "message": message})
        pair.post("/api/scenario_feedback", here)
        pair.post("/api/conversation_history", {"type": "scenario", **here})
    pair.call("GET", "/api/session/info")
    pair.post("/api/scenario_clear", {"scenario_id": "scenario1"})
    pair.post("/api/clear_history", {"mode": "scenario", "scenario_id": "scenario2"})
    pair.call("GET", "/api/session/info")
    pair.post("/api/clear_history", {"mode": "scenario"})
    pair.call("GET", "/api/session/info")


@pytest.mark.parametrize("topic", ["general", "hobby", "news", "food", "work"])
def test_watch(pair: Pair, topic: str) -> None:
    pair.post("/api/watch/next")
    pair.post("/api/watch/start", {**WATCH, "topic": topic})
    for _ in range(9):
        pair.post("/api/watch/next")
    pair.post("/api/conversation_history", {"type": "watch"})
    pair.post("/api/session/clear", {"type": "watch"})
    pair.post("/api/watch/next")
    pair.call("GET", "/api/session/info")


def test_the_session(pair: Pair) -> None:
    pair.call("GET", "/api/csrf-token")
    pair.call("GET", "/api/session/health")
    pair.call("GET", "/api/session/info")
    pair.post("/api/start_chat", {**LUNCH, "model": PRO})
    pair.post("/api/chat", {"message": "はい", "model": FLASH})
    pair.post("/api/scenario_chat", {"scenario_id": "scenario3", "message": "もしもし"})
    pair.post("/api/session/clear", {"type": "scenario"})
    pair.call("GET", "/api/session/info")
    pair.post("/api/session/clear", {"type": "all"})
    pair.call("GET", "/api/session/info")
    pair.post("/api/chat", {"message": "はい"})


READS = ["/health", "/api/models", "/api/categorized_scenarios", "/api/session/health", "/api/session/info"]
PAGES = ["/", "/chat", "/scenarios", "/scenario/scenario1", "/watch", "/scenario/none"]
ODD = [
    "/nowhere",
    "/api",
    "/api/",
    "/api/nowhere",
    "/api/models/",
    "/chat/",
    "/api/scenario/x/category",
    "/あ",
]
POSTS = [
    "/api/start_chat",
    "/api/chat",
    "/api/clear_history",
    "/api/chat_feedback",
    "/api/conversation_history",
    "/api/scenario_chat",
    "/api/scenario_clear",
    "/api/scenario_feedback",
    "/api/watch/start",
    "/api/watch/next",
    "/api/session/clear",
]


@pytest.mark.parametrize("path", READS + PAGES + ODD + POSTS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_every_method_on_every_path(pair: Pair, method: str, path: str) -> None:
    pair.raw(method, path)


BODIES: list[Any] = [
    {},
    [],
    None,
    {"message": None},
    {"message": ""},
    {"message": " \u3000\n"},
    {"message": 7},
    {"message": "あ" * 1001},
    {"message": "はい", "model": "gpt-4"},
    {"message": "はい", "model": None},
    {"message": "はい", "model": 1},
    {"message": "", "scenario_id": "nowhere"},
    {"message": "x" * 2000, "scenario_id": "scenario1"},
    {"message": "はい", "scenario_id": "scenario1", "model": []},
    {"scenario_id": 1},
    {"scenario_id": None, "mode": "scenario"},
    {"mode": "scenario", "scenario_id": "nowhere"},
    {"mode": "all"},
    {"mode": ["chat"]},
    {"type": "all"},
    {"type": "scenario"},
    {"type": "scenario", "scenario_id": "nowhere"},
    {"type": "chat"},
    {"type": {}},
    {"partner_type": "boss"},
    {"partner_type": "boss", "situation": "moon", "topic": "food"},
    {"partner_type": "boss", "situation": "lunch", "topic": ""},
    {"partner_type": "boss", "situation": "lunch", "topic": "food", "model": ""},
    {"model_a": FLASH, "partner_type": "boss", "situation": "lunch", "topic": "food"},
    {"model_a": "x", "model_b": "y"},
    {**WATCH, "topic": None},
]


@pytest.mark.parametrize("path", POSTS)
def test_every_odd_body_on_every_route(pair: Pair, path: str) -> None:
    for started in (False, True):
        if started:
            pair.post("/api/start_chat", LUNCH)
            pair.post("/api/chat", {"message": "こんにちは"})
        for body in BODIES:
            pair.post(path, [] if body is None else body)


RAW: list[tuple[str, bytes]] = [
    ("application/json", b""),
    ("application/json", b"{"),
    ("application/json", b"null"),
    ("application/json", b'{"message": NaN}'),
    ("application/json", b'{"message": "\\ud83d"}'),
    ("application/json", b'{"message": "a", "message": "b"}'),
    ("application/json", b"\xff\xfe{"),
    ("application/json", b"\xef\xbb\xbf{}"),
    ("application/json", '{"message": "はい"}'.encode("utf-16")),
    ("application/json", "{}".encode("utf-16-le")),
    ("application/json", b"[" * 50_000),
    ("application/json", b'{"message": ' + b"1" * 5000 + b"}"),
    ("application/json", b'{"message": "' + b"x" * 70_000 + b'"}'),
    ("application/json; charset=shift_jis", b"{}"),
    ("application/problem+json", b'{"message": ""}'),
    ("APPLICATION/JSON", b'{"message": ""}'),
    ("text/plain", b'{"message": ""}'),
    ("text/plain", b"x" * 70_000),
    ("application/x-www-form-urlencoded", b"message=a"),
]


@pytest.mark.parametrize("path", ["/api/chat", "/api/scenario_chat", "/api/watch/next"])
def test_bytes_that_are_no_good_body(pair: Pair, path: str) -> None:
    """Each on a connection of its own: gunicorn hangs up, unannounced, when it did not read a long body."""

    def sent(who: Visitor, kind: str, content: bytes) -> httpx.Response:
        headers = {"X-CSRF-Token": who.token, "Content-Type": kind, "Connection": "close"}
        return who.http.post(path, content=content, headers=headers)

    for kind, content in RAW:
        old, new = (_seen(sent(who, kind, content)) for who in (pair.legacy, pair.new))
        assert new == old, (kind, content[:60])


@pytest.mark.parametrize("path", POSTS)
def test_requests_without_the_right_token(pair: Pair, path: str) -> None:
    body = {"message": "はい", "type": "chat"}
    pair.raw("POST", path, json=body)
    pair.raw("POST", path, json=body, headers={"X-CSRF-Token": ""})
    pair.raw("POST", path, json=body, headers={"X-CSRF-Token": "0" * 32})
    pair.call("GET", "/api/csrf-token")
    pair.raw("POST", path, json=body, headers={"X-CSRF-Token": "0" * 32})
    pair.raw("POST", path, json=body, headers={"X-CSRF-Token": "é".encode("latin-1")})
    pair.raw("POST", path, content=b"x" * 70_000)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(messages=st.lists(st.text(min_size=1, max_size=60) | st.sampled_from(MESSAGES), max_size=4))
def test_any_conversation(pair: Pair, messages: list[str]) -> None:
    pair.post("/api/start_chat", LUNCH)
    for message in messages:
        pair.post("/api/chat", {"message": message})
        pair.post("/api/scenario_chat", {"scenario_id": "scenario4", "message": message})
    pair.post("/api/conversation_history", {"type": "chat"})
    pair.post("/api/chat_feedback", LUNCH)
    pair.post("/api/session/clear", {"type": "all"})


def test_the_shadow_is_honoured_by_both(pair: Pair) -> None:
    pair.post("/api/start_chat", LUNCH)
    for who in (pair.legacy, pair.new):
        who.http.headers["Banyan-Shadow"] = "1"
    pair.post("/api/chat", {"message": "影の一言"})
    *_, body = pair.post("/api/conversation_history", {"type": "chat"})
    assert len(body["history"]) == 1
    for who in (pair.legacy, pair.new):
        del who.http.headers["Banyan-Shadow"]
    *_, body = pair.post("/api/conversation_history", {"type": "chat"})
    assert body["history"] == []
