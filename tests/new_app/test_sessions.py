"""Sessions from outside: the cookie, what lies in the store, and a store that is away."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from redis import Redis

from tests.new_app.servers import new_app, redis_server
from tests.new_app.visitor import Visitor
from tests.support.ports import free_port


def test_the_cookie_is_ours_and_out_of_reach_of_scripts(visitor: Visitor) -> None:
    cookie = visitor.get("/api/csrf-token").headers["set-cookie"]
    assert cookie.startswith("wr_session=")
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"httponly", "samesite=lax", "path=/"} <= parts


def test_who_only_looks_gets_no_cookie(visitor: Visitor) -> None:
    for path in ("/", "/health", "/chat", "/watch", "/api/models", "/api/session/info"):
        assert "set-cookie" not in visitor.get(path).headers


def test_a_read_sets_no_cookie_again(visitor: Visitor) -> None:
    visitor.start_chat()
    assert "set-cookie" not in visitor.get("/api/session/info").headers
    assert "set-cookie" in visitor.say("はい").headers


def test_an_id_we_did_not_make_is_not_taken_over(visitor: Visitor) -> None:
    for chosen in ("A" * 43, "../../etc/passwd", "x", ""):
        visitor.http.cookies.clear()
        visitor.http.cookies.set("wr_session", chosen)
        answer = visitor.get("/api/csrf-token")
        given = answer.headers["set-cookie"].partition(";")[0].removeprefix("wr_session=")
        assert given != chosen
        assert len(given) == 43


def test_other_cookies_do_no_harm(visitor: Visitor) -> None:
    token = visitor.token
    mine = visitor.http.cookies["wr_session"]
    odd = f'a b="; {{"x": 1}}; session=legacy; wr_session={mine}; =; ;;'
    answer = visitor.http.get("/api/csrf-token", headers={"Cookie": odd})
    assert answer.json()["csrf_token"] == token


def test_in_files_lies_one_json_object_per_session(tmp_path: Path) -> None:
    with new_app(tmp_path) as url, Visitor(url) as visitor:
        visitor.start_chat()
        visitor.say("こんにちは")
        (file,) = (tmp_path / "sessions").iterdir()
        assert file.name == visitor.http.cookies["wr_session"] + ".json"
        kept = json.loads(file.read_text("utf-8"))
        assert set(kept) == {"csrf_token", "chat_settings", "chat_history", "chat_model"}
        assert kept["chat_history"][0]["human"] == "こんにちは"
        file.write_text("{broken", "utf-8")
        assert visitor.session_keys() == []
        assert file.read_text("utf-8") == "{broken"


def test_in_redis_lies_json_under_our_prefix(tmp_path: Path) -> None:
    with (
        redis_server(tmp_path) as redis,
        new_app(tmp_path, SESSION_TYPE="redis", REDIS_URL=redis) as url,
        Visitor(url) as visitor,
    ):
        visitor.start_chat()
        plain = Redis.from_url(redis, decode_responses=True)
        (key,) = plain.scan_iter("*")
        assert key == "wr2:" + visitor.http.cookies["wr_session"]
        assert json.loads(str(plain.get(key)))["csrf_token"] == visitor.token
        assert not (tmp_path / "sessions").exists()


def test_a_redis_that_is_away_is_told_and_not_fatal(tmp_path: Path) -> None:
    dead = f"redis://127.0.0.1:{free_port()}/0"
    with new_app(tmp_path, SESSION_TYPE="redis", REDIS_URL=dead) as url, Visitor(url) as visitor:
        health = visitor.get("/health")
        assert (health.status_code, health.json()["checks"]["database"]) == (503, "unhealthy")
        assert visitor.get("/api/session/health").status_code == 503
        broken = visitor.get("/api/csrf-token")
        assert (broken.status_code, broken.json()["error"]["code"]) == (500, "INTERNAL_ERROR")
        assert broken.headers["x-app-version"] == "2.0.0"
        assert visitor.get("/api/models").status_code == 200
        assert "app_active_sessions NaN" in visitor.get("/metrics").text


def test_sessions_do_not_mix_under_load(app: str) -> None:
    def talk(name: str) -> list[str]:
        with Visitor(app) as someone:
            someone.start_chat()
            for n in range(10):
                someone.say(f"{name}の{n}")
            return [entry["human"] for entry in someone.history()]

    names = [f"客{n}" for n in range(6)]
    with ThreadPoolExecutor(6) as pool:
        heard = list(pool.map(talk, names))
    assert heard == [[f"{name}の{n}" for n in range(10)] for name in names]
