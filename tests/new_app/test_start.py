"""Starting: what the environment may ask for, what is refused, and what every answer says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from new_app.settings import SettingsError, read_settings
from tests.new_app.servers import BLANK, new_app, printed, redis_server
from tests.new_app.visitor import Visitor
from tests.support.ports import free_port

REFUSED = [
    ({"SESSION_TYPE": "redis"}, "SESSION_TYPE=redis needs REDIS_URL, which is not set."),
    ({"SESSION_TYPE": "redis", "REDIS_URL": "localhost"}, "REDIS_URL must start with"),
    ({"SESSION_TYPE": "postgres"}, "SESSION_TYPE must be one of filesystem, redis, not 'postgres'."),
    ({"PARTNER": "gemini"}, "PARTNER=gemini needs GEMINI_API_KEYS, which is not set."),
    ({"PARTNER": "gemini", "GEMINI_API_KEYS": " , "}, "GEMINI_API_KEYS"),
    ({"PARTNER": "human"}, "PARTNER must be one of offline, gemini, not 'human'."),
    ({"PARTNER_FALLBACK": "x"}, "PARTNER_FALLBACK must be one of offline, none"),
    ({"GEMINI_TIMEOUT": "0"}, "GEMINI_TIMEOUT must lie between 0.1 and 600"),
    ({"NEW_APP_STREAM_DELAY_MS": "soon"}, "NEW_APP_STREAM_DELAY_MS must be a number, not 'soon'."),
    ({"NEW_APP_STREAM_DELAY_MS": "-1"}, "NEW_APP_STREAM_DELAY_MS must lie between"),
    ({"NEW_APP_STREAM_DELAY_MS": "nan"}, "NEW_APP_STREAM_DELAY_MS must lie between"),
    ({"NEW_APP_SESSION_LIFETIME": "0"}, "NEW_APP_SESSION_LIFETIME must lie between"),
    ({"APP_VERSION": "二"}, "APP_VERSION goes into a header"),
    ({"APP_VERSION": "1\r\nSet-Cookie: a=b"}, "APP_VERSION goes into a header"),
    ({"NEW_APP_FAULTS": "slow,typo"}, "unknown fault typo; valid names: history-cut, field-renamed"),
]


@pytest.mark.parametrize(("env", "sentence"), REFUSED)
def test_a_wrong_environment_is_refused_in_one_sentence(env: dict[str, str], sentence: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings(env)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_empty_environment_is_complete() -> None:
    settings = read_settings({"REDIS_URL": "", "NEW_APP_FAULTS": " "})
    assert (settings.store, settings.partner, settings.version) == ("filesystem", "offline", "2.0.0")
    assert settings.faults == frozenset()


@pytest.mark.parametrize(
    "arguments", [["-m", "new_app"], ["-m", "uvicorn", "new_app.main:app"]], ids=["module", "uvicorn"]
)
@pytest.mark.parametrize(
    "env", [{"SESSION_TYPE": "redis"}, {"NEW_APP_FAULTS": "typo"}, {"NEW_APP_SESSION_DIR": "/dev/null/x"}]
)
def test_a_process_with_a_wrong_environment_ends_with_two(
    tmp_path: Path, arguments: list[str], env: dict[str, str]
) -> None:
    ended = subprocess.run(
        [sys.executable, *arguments, "--port", str(free_port())],
        cwd=tmp_path,
        env={**os.environ, **BLANK, **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith("new_app: ")
    assert ended.stderr.count("\n") == 1


def test_every_answer_names_the_release(tmp_path: Path) -> None:
    with new_app(tmp_path, APP_VERSION="2.1.0-rc1") as url, Visitor(url) as visitor:
        for path in ("/", "/health", "/api/models", "/nowhere", "/api/nowhere", "/api/chat", "/metrics"):
            assert visitor.get(path).headers["x-app-version"] == "2.1.0-rc1"
        assert visitor.get("/health").json()["version"] == "2.0.0"
    assert printed(tmp_path) == ""


@pytest.mark.parametrize("store", ["filesystem", "redis"])
def test_a_restart_keeps_the_sessions(tmp_path: Path, store: str) -> None:
    with redis_server(tmp_path) as redis:
        env = {"SESSION_TYPE": store, "REDIS_URL": redis}
        with new_app(tmp_path, **env) as url, Visitor(url) as visitor:
            visitor.start_chat()
            visitor.say("また明日")
            assert visitor.get("/api/session/health").json()["session_type"] == store
            cookies, token = visitor.http.cookies, visitor.token
        with new_app(tmp_path, **env) as url, Visitor(url) as visitor:
            visitor.http.cookies = cookies
            assert visitor.token == token
            assert [entry["human"] for entry in visitor.history()] == ["また明日"]
            assert visitor.say("おはよう").status_code == 200


def test_workers_share_the_sessions(tmp_path: Path) -> None:
    with (
        new_app(tmp_path, workers="2") as url,
        Visitor(url, {"Connection": "close"}) as visitor,
    ):
        visitor.start_chat()
        assert [visitor.say("どうも").status_code for _ in range(8)] == [200] * 8
        assert len(visitor.history()) == 8
