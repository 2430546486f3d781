"""The streamed routes: the same conversation as the plain ones, the words as they come."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.new_app.fake_gemini import FakeGemini, fake_gemini
from tests.new_app.servers import new_app
from tests.new_app.visitor import WATCH, Visitor, events


def test_a_streamed_chat_says_what_the_plain_one_says(app: str) -> None:
    message = "<b>お昼は何にしますか？</b>"
    with Visitor(app) as plain, Visitor(app) as streamed:
        plain.start_chat()
        streamed.start_chat()
        expected = plain.say(message).json()["response"]
        *pieces, last = streamed.stream("/api/v2/chat", {"message": message})
        assert len(pieces) > 5
        assert all(set(piece) == {"content"} for piece in pieces)
        assert "".join(piece["content"] for piece in pieces) == expected
        assert last == {"done": True, "full_content": expected}
        assert [e["ai"] for e in streamed.history()] == [e["ai"] for e in plain.history()]


def test_plain_and_streamed_turns_make_one_conversation(visitor: Visitor) -> None:
    visitor.start_chat()
    visitor.say("一つ目")
    visitor.stream("/api/v2/chat", {"message": "二つ目"})
    visitor.say("三つ目")
    assert [entry["human"] for entry in visitor.history()] == ["一つ目", "二つ目", "三つ目"]


def test_a_streamed_scene(visitor: Visitor) -> None:
    here = {"scenario_id": "scenario1"}
    opening = visitor.stream("/api/v2/scenario", {**here, "message": ""})[-1]
    assert opening["done"] is True
    visitor.stream("/api/v2/scenario", {**here, "message": "十五時からお願いします"})
    history = visitor.history("scenario", **here)
    assert [entry["human"] for entry in history] == ["", "十五時からお願いします"]
    assert history[0]["ai"] == opening["full_content"]


def test_streamed_watching(visitor: Visitor) -> None:
    visitor.post("/api/watch/start", WATCH)
    first = visitor.stream("/api/v2/watch")
    assert first[0]["content"].startswith("花子: ")
    assert "".join(event.get("content", "") for event in first) == first[-1]["full_content"]
    assert visitor.stream("/api/v2/watch")[-1]["full_content"].startswith("太郎: ")
    kept = visitor.history("watch")
    assert f"{kept[1]['speaker']}: {kept[1]['message']}" == first[-1]["full_content"]


def test_a_stream_that_cannot_begin_has_a_status(visitor: Visitor) -> None:
    assert visitor.post("/api/v2/chat", {"message": "はい"}).status_code == 400
    assert visitor.post("/api/v2/watch").status_code == 400
    visitor.start_chat()
    refused = visitor.post("/api/v2/chat", {"message": ""})
    assert (refused.status_code, refused.json()["error"]["field"]) == (400, "message")
    assert visitor.history() == []


@pytest.fixture
def fake() -> Iterator[FakeGemini]:
    with fake_gemini() as running:
        yield running


@contextmanager
def listening(visitor: Visitor, message: str) -> Iterator[Iterator[str]]:
    """The pieces of a streamed answer, as they come."""
    headers = {"X-CSRF-Token": visitor.token}
    body = {"message": message}
    with visitor.http.stream("POST", "/api/v2/chat", json=body, headers=headers) as answer:
        yield answer.iter_text()


def asks(fake: FakeGemini) -> dict[str, str]:
    """The settings of an application that asks this partner."""
    return {"PARTNER": "gemini", "GEMINI_API_KEYS": "a-key", "GEMINI_BASE_URL": fake.url}


def test_the_first_piece_arrives_while_the_last_is_not_yet_said(tmp_path: Path, fake: FakeGemini) -> None:
    """And the history is still empty."""
    fake.hesitates = "どうぞ"
    with new_app(tmp_path, **asks(fake)) as url, Visitor(url) as visitor:
        visitor.start_chat()
        with listening(visitor, "どうぞ") as pieces:
            first = next(pieces)
            assert visitor.history() == []
            fake.goes_on.set()
            rest = "".join(pieces)
        assert len(events(first)) == 1
        assert events(first + rest)[-1]["done"] is True
        assert len(visitor.history()) == 1


def test_what_was_said_meanwhile_is_kept(tmp_path: Path, fake: FakeGemini) -> None:
    fake.hesitates = "長い話"
    with new_app(tmp_path, **asks(fake)) as url, Visitor(url) as visitor:
        visitor.start_chat()
        with listening(visitor, "長い話") as pieces:
            next(pieces)
            visitor.say("割り込み")
            fake.goes_on.set()
            for _ in pieces:
                pass
        assert [entry["human"] for entry in visitor.history()] == ["割り込み", "長い話"]


def test_a_listener_who_leaves_keeps_nothing(tmp_path: Path, fake: FakeGemini) -> None:
    """The partner is not listened to any more either."""
    fake.hesitates = "途中で"
    with new_app(tmp_path, **asks(fake)) as url, Visitor(url) as visitor, Visitor(url) as other:
        visitor.start_chat()
        visitor.say("はい")
        other.http.cookies.update(visitor.http.cookies)
        with listening(other, "途中で") as pieces:
            next(pieces)
        other.http.close()
        assert fake.deserted.wait(30)
        assert visitor.say("まだいます").status_code == 200
        assert [entry["human"] for entry in visitor.history()] == ["はい", "まだいます"]


def test_the_offline_partner_takes_its_time_between_two_pieces(tmp_path: Path) -> None:
    with new_app(tmp_path, NEW_APP_STREAM_DELAY_MS="100") as url, Visitor(url) as visitor:
        visitor.start_chat()
        began = time.monotonic()
        *pieces, _ = visitor.stream("/api/v2/chat", {"message": "どうぞ"})
        assert time.monotonic() - began >= 0.1 * (len(pieces) - 1)
