"""The real client of the real model, against a local server that plays the other end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from new_app.partner import ChatTurn, PartnerBusy, PartnerFailed, Scene, Turn, WatchTurn
from new_app.partner.fallback import WithFallback
from new_app.partner.gemini import GeminiPartner
from new_app.partner.offline import OfflinePartner
from tests.new_app.fake_gemini import FakeGemini, fake_gemini
from tests.new_app.servers import new_app, printed
from tests.new_app.visitor import FLASH, LUNCH, PRO, WATCH, Visitor
from tests.support.ports import free_port

SCENE = Scene("boss", "lunch", "food")
TURN = ChatTurn(FLASH, SCENE, "おすすめは？", (("こんにちは", "やあ"),))


@pytest.fixture
def fake() -> Iterator[FakeGemini]:
    with fake_gemini() as server:
        yield server


def ask(partner: GeminiPartner | WithFallback, turn: Turn = TURN) -> str:
    return asyncio.run(partner.reply(turn)).text


async def heard(partner: GeminiPartner | WithFallback, turn: Turn = TURN) -> list[str]:
    return [piece async for piece in partner.stream(turn)]


def test_it_is_asked_with_persona_dialogue_and_model(fake: FakeGemini) -> None:
    assert ask(GeminiPartner(["k1"], fake.url)) == "こんにちは、お元気ですか？"
    (question,) = fake.asked
    assert "/models/gemini-1.5-flash:" in question["path"]
    assert "上司" in question["body"]["systemInstruction"]["parts"][0]["text"]
    said = [(row["role"], row["parts"][0]["text"]) for row in question["body"]["contents"]]
    assert said == [("user", "こんにちは"), ("model", "やあ"), ("user", "おすすめは？")]


def test_pro_or_flash_is_the_requests_choice(fake: FakeGemini) -> None:
    partner = GeminiPartner(["k1"], fake.url)
    ask(partner, ChatTurn(PRO, SCENE, "はい"))
    ask(partner, ChatTurn(FLASH, SCENE, "はい"))
    assert ["1.5-pro" in question["path"] for question in fake.asked] == [True, False]


def test_the_keys_take_turns(fake: FakeGemini) -> None:
    partner = GeminiPartner(["k1", "k2", "k3"], fake.url)
    for _ in range(4):
        asyncio.run(heard(partner))
    assert fake.keys() == ["k1", "k2", "k3", "k1"]


@pytest.mark.parametrize("status", [429, 503, 401, 403])
def test_a_key_that_cannot_answer_is_passed_over(fake: FakeGemini, status: int) -> None:
    fake.status = {"k1": status}
    assert ask(GeminiPartner(["k1", "k2"], fake.url)).startswith("こんにちは")
    assert fake.keys() == ["k1", "k2"]


@pytest.mark.parametrize(
    ("status", "raised", "asked"),
    [
        ({"k1": 429, "k2": 429}, PartnerBusy, 2),
        ({"k1": 429, "k2": 403}, PartnerBusy, 2),
        ({"k1": 403, "k2": 403}, PartnerFailed, 2),
        ({"k1": 400}, PartnerFailed, 1),
        ({"k1": 500}, PartnerFailed, 1),
    ],
)
def test_when_no_key_answers(
    fake: FakeGemini, status: dict[str, int], raised: type[Exception], asked: int
) -> None:
    fake.status = status
    with pytest.raises(raised):
        ask(GeminiPartner(["k1", "k2"], fake.url))
    assert len(fake.asked) == asked


def test_no_words_and_nobody_there_are_failures(fake: FakeGemini) -> None:
    fake.pieces = []
    with pytest.raises(PartnerFailed):
        ask(GeminiPartner(["k1"], fake.url))
    with pytest.raises(PartnerFailed):
        ask(GeminiPartner(["k1"], f"http://127.0.0.1:{free_port()}"))


def test_a_watched_speaker_does_not_say_his_name_twice(fake: FakeGemini) -> None:
    fake.pieces = ["太郎: いい", "天気ですね"]
    assert ask(GeminiPartner(["k1"], fake.url), WatchTurn(FLASH, SCENE)) == "いい天気ですね"


def test_out_of_quota_the_fallback_answers_but_not_in_the_middle(fake: FakeGemini) -> None:
    partner = WithFallback(GeminiPartner(["k1"], fake.url), OfflinePartner(0))
    fake.status = {"k1": 429}
    reply = asyncio.run(partner.reply(TURN))
    assert (reply.model_used, "おすすめは？" in reply.text) == ("offline", True)
    assert "".join(asyncio.run(heard(partner))) == reply.text
    fake.status, fake.breaks_after = {}, 1
    with pytest.raises(PartnerBusy):
        asyncio.run(heard(partner))


def test_from_outside(tmp_path: Path, fake: FakeGemini) -> None:
    env = {"PARTNER": "gemini", "GEMINI_API_KEYS": "k1,k2", "GEMINI_BASE_URL": fake.url}
    with new_app(tmp_path, PARTNER_FALLBACK="none", **env) as url, Visitor(url) as visitor:
        assert visitor.get("/health").json()["checks"]["llm"] == "gemini"
        assert visitor.start_chat(model=PRO).json() == {"response": "こんにちは、お元気ですか？"}
        *pieces, last = visitor.stream("/api/v2/chat", {"message": "はい"})
        assert [piece["content"] for piece in pieces] == fake.pieces
        assert last["full_content"] == "こんにちは、お元気ですか？"
        assert visitor.post("/api/chat_feedback", LUNCH).json()["model_used"] == PRO
        assert visitor.post("/api/watch/start", WATCH).json() == {
            "message": "太郎: こんにちは、お元気ですか？"
        }

        fake.status = {"k1": 429, "k2": 429}
        for path, body in (("/api/chat", {"message": "はい"}), ("/api/v2/chat", {"message": "はい"})):
            busy = visitor.post(path, body)
            assert (busy.status_code, busy.headers["retry-after"]) == (429, "30")
            assert busy.json()["retry_after"] == 30
            assert busy.json()["error"]["code"] == "MODEL_BUSY"
        fake.status = {"k1": 400, "k2": 400}
        failed = visitor.say("はい")
        assert (failed.status_code, failed.json()["error"]["code"]) == (503, "MODEL_UNAVAILABLE")
        fake.status, fake.breaks_after = {}, 2
        *_, broken = visitor.stream("/api/v2/chat", {"message": "途中まで"})
        assert broken["error"]["code"] == "MODEL_BUSY"
        assert [entry["human"] for entry in visitor.history()] == ["はい"]
    log = printed(tmp_path)
    assert "k1" not in log
    assert "Traceback" not in log
