"""The Gemini client against a local server: prompts, key rotation, quota, the fallback; then the whole
application with it."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from legacy_app.partner.asks import Ask, ChatStart, ChatTurn, Partner, Persona, Turn, WatchLine
from legacy_app.partner.choose import WithFallback
from legacy_app.partner.errors import PartnerBusy, PartnerFailed
from legacy_app.partner.gemini import GeminiPartner
from legacy_app.partner.offline_partner import OfflinePartner
from tests.legacy_app.servers import FLASH, PRO, START, WATCH, Legacy, fault
from tests.support.spawn import Spawner

WHO = Persona("boss", "party", "work")


class FakeGemini:
    """Answers generateContent; each key's status can be set, every request is kept."""

    def __init__(self) -> None:
        self.status: dict[str, int] = {}
        self.text = "お疲れさま。"
        self.requests: list[tuple[str, str, Any]] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                key = self.headers["x-goog-api-key"]
                fake.requests.append((key, self.path, body))
                self._answer(fake.status.get(key, 200))

            def _answer(self, status: int) -> None:
                parts = [{"text": fake.text}] if fake.text else []
                good = {
                    "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP"}]
                }
                bad = {"error": {"code": status, "message": "no", "status": "RESOURCE_EXHAUSTED"}}
                raw = json.dumps(good if status == 200 else bad).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def partner(self, *keys: str) -> GeminiPartner:
        return GeminiPartner(keys, base_url=self.url, timeout=60)

    def keys_used(self) -> list[str]:
        return [key for key, _, _ in self.requests]


@pytest.fixture
def gemini() -> Iterator[FakeGemini]:
    fake = FakeGemini()
    thread = threading.Thread(target=fake.server.serve_forever, args=(0.01,))
    thread.start()
    yield fake
    fake.server.shutdown()
    thread.join()
    fake.server.server_close()


def test_the_model_is_chosen_per_request_and_the_history_is_sent(gemini: FakeGemini) -> None:
    partner = gemini.partner("one")
    reply = partner.reply(ChatTurn(WHO, (Turn("はい", "そうか"),), "来週です"), PRO)
    partner.reply(ChatStart(WHO), FLASH)
    assert (reply.text, reply.model_used) == ("お疲れさま。", PRO)
    (_, first, body), (_, second, _) = gemini.requests
    assert first.endswith("/models/gemini-1.5-pro:generateContent")
    assert second.endswith("/models/gemini-1.5-flash:generateContent")
    assert [(turn["role"], turn["parts"][0]["text"]) for turn in body["contents"]] == [
        ("user", "はい"),
        ("model", "そうか"),
        ("user", "来週です"),
    ]
    assert "上司" in body["systemInstruction"]["parts"][0]["text"]


def test_keys_are_taken_in_turn(gemini: FakeGemini) -> None:
    partner = gemini.partner("a", "b", "c")
    for _ in range(4):
        partner.reply(ChatStart(WHO), FLASH)
    assert gemini.keys_used() == ["a", "b", "c", "a"]


@pytest.mark.parametrize("status", [429, 503, 401, 403])
def test_the_next_key_steps_in(gemini: FakeGemini, status: int) -> None:
    gemini.status["a"] = status
    assert gemini.partner("a", "b").reply(ChatStart(WHO), FLASH).text == "お疲れさま。"
    assert gemini.keys_used() == ["a", "b"]


@pytest.mark.parametrize(
    ("statuses", "error", "tried"),
    [
        ((429, 429), PartnerBusy, 2),
        ((503, 429), PartnerBusy, 2),
        ((403, 429), PartnerBusy, 2),
        ((429, 403), PartnerBusy, 2),
        ((403, 401), PartnerFailed, 2),
        ((500, 200), PartnerFailed, 1),
        ((400, 200), PartnerFailed, 1),
    ],
)
def test_when_no_key_answers(
    gemini: FakeGemini, statuses: tuple[int, int], error: type[Exception], tried: int
) -> None:
    gemini.status = dict(zip("ab", statuses, strict=True))
    with pytest.raises(error):
        gemini.partner("a", "b").reply(ChatStart(WHO), FLASH)
    assert len(gemini.requests) == tried


def test_an_answer_without_text_and_a_dead_server_are_failures(gemini: FakeGemini) -> None:
    gemini.text = ""
    with pytest.raises(PartnerFailed):
        gemini.partner("a").reply(ChatStart(WHO), FLASH)
    with pytest.raises(PartnerFailed):
        GeminiPartner(("a",), base_url="http://127.0.0.1:1", timeout=5).reply(ChatStart(WHO), FLASH)


def test_a_watched_line_carries_its_speaker_once(gemini: FakeGemini) -> None:
    gemini.text = "花子: そうですね。"
    line = gemini.partner("a").reply(WatchLine(WHO, (("太郎", "どうも"),)), FLASH).text
    assert line == "花子: そうですね。"
    gemini.text = "どうも。"
    assert gemini.partner("a").reply(WatchLine(WHO, ()), FLASH).text == "太郎: どうも。"


@pytest.mark.parametrize("ask", [ChatStart(WHO), ChatTurn(WHO, (), "はい")])
def test_out_of_quota_the_offline_partner_steps_in(gemini: FakeGemini, ask: Ask) -> None:
    gemini.status["a"] = 429
    partner: Partner = WithFallback(gemini.partner("a"), OfflinePartner())
    reply = partner.reply(ask, FLASH)
    assert reply == OfflinePartner().reply(ask, FLASH)
    assert reply.model_used == "offline"


def application(spawn: Spawner, folder: Path, gemini: FakeGemini, **env: str) -> Legacy:
    configured = {"PARTNER": "gemini", "GEMINI_API_KEYS": "a, b", "GEMINI_BASE_URL": gemini.url}
    return Legacy(spawn, folder, **configured, **env)


def test_the_application_talks_to_gemini(spawn: Spawner, tmp_path: Path, gemini: FakeGemini) -> None:
    gemini.text = "<b>どうも</b>"
    with application(spawn, tmp_path, gemini).person() as someone:
        assert someone.get("/health").json()["checks"]["llm"] == "gemini"
        someone.said("/api/start_chat", {**START, "model": PRO})
        assert someone.said("/api/chat", {"message": "はい"})["response"] == "&lt;b&gt;どうも&lt;/b&gt;"
        wanted = {"partner_type": "boss", "situation": "party"}
        assert someone.said("/api/chat_feedback", wanted)["model_used"] == PRO
        assert someone.said("/api/watch/start", WATCH)["message"] == "太郎: <b>どうも</b>"
        gemini.status = {"a": 429, "b": 429}
        assert someone.said("/api/chat_feedback", wanted)["model_used"] == "offline"


def test_busy_and_broken_without_a_fallback(spawn: Spawner, tmp_path: Path, gemini: FakeGemini) -> None:
    with application(spawn, tmp_path, gemini, PARTNER_FALLBACK="none").person() as someone:
        someone.said("/api/start_chat", START)
        someone.said("/api/chat", {"message": "はい"})
        gemini.status = {"a": 429, "b": 429}
        wanted = {"partner_type": "boss", "situation": "party"}
        busy = someone.ask("/api/chat_feedback", wanted)
        assert fault(busy) == (429, "MODEL_BUSY", None)
        assert busy.json()["retry_after"] == int(busy.headers["retry-after"]) > 0
        assert someone.ask("/api/chat", {"message": "はい"}).status_code == 429
        gemini.status = {"a": 500, "b": 500}
        assert fault(someone.ask("/api/chat", {"message": "はい"})) == (503, "MODEL_UNAVAILABLE", None)
        assert len(someone.history("chat")) == 1
