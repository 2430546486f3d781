"""Where sessions lie: files and Redis, across restarts; starts that must be refused."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import redis

from tests.legacy_app.servers import BLANK, START, Legacy, command
from tests.support.ports import LOOPBACK, free_port
from tests.support.redis import RedisServer
from tests.support.spawn import ROOT, Spawner, http_ok


def test_files_keep_sessions_over_a_restart(spawn: Spawner, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    first = Legacy(spawn, folder)
    someone = first.person()
    someone.said("/api/start_chat", START)
    someone.said("/api/chat", {"message": "覚えていてね"})
    someone.close()
    first.process.stop()
    second = Legacy(spawn, folder)
    with second.person(**dict(someone.cookies)) as again:
        assert [entry["human"] for entry in again.history("chat")] == ["覚えていてね"]
        assert again.token() == someone.token()
    assert (folder / "secret_key").stat().st_mode & 0o777 == 0o600
    assert len(list((folder / "sessions").iterdir())) == 1
    assert first.process.output() == ""


def test_redis_keeps_sessions_under_the_prefix(
    spawn: Spawner, tmp_path: Path, redis_server: RedisServer
) -> None:
    legacy = Legacy(spawn, tmp_path / "unused", SESSION_TYPE="redis", REDIS_URL=redis_server.url)
    with legacy.person() as someone:
        someone.said("/api/start_chat", START)
        someone.said("/api/chat", {"message": "レディスです"})
        assert [entry["human"] for entry in someone.history("chat")] == ["レディスです"]
        assert someone.get("/api/session/health").json()["session_type"] == "redis"
        session_id = someone.cookies["session"].rsplit(".", 1)[0]
    store = redis.Redis.from_url(redis_server.url)
    assert store.keys("*") == [f"workplace_roleplay:{session_id}".encode()]
    assert "app_active_sessions 1.0" in httpx.get(f"{legacy.url}/metrics", trust_env=False, timeout=60).text
    assert not (tmp_path / "unused" / "sessions").exists()


def test_redis_gone_is_told_and_survived(spawn: Spawner, tmp_path: Path, redis_server: RedisServer) -> None:
    legacy = Legacy(spawn, tmp_path, SESSION_TYPE="redis", REDIS_URL=redis_server.url)
    with legacy.person() as someone:
        someone.token()
        redis_server.process.stop()
        failed = someone.get("/api/session/info")
        assert (failed.status_code, failed.json()["error"]["code"]) == (500, "INTERNAL_ERROR")
    with legacy.person() as visitor:
        health = visitor.get("/health")
        assert health.status_code == 503
        assert health.json()["checks"]["database"] == "unhealthy"
        assert visitor.get("/api/session/health").status_code == 503
        assert "app_requests_total" in visitor.get("/metrics").text


REFUSED = [
    ({"SESSION_TYPE": "redis"}, "SESSION_TYPE=redis needs REDIS_URL, which is not set."),
    ({"SESSION_TYPE": "redis", "REDIS_URL": "localhost"}, "REDIS_URL must start with"),
    ({"SESSION_TYPE": "memory"}, "SESSION_TYPE must be one of filesystem, redis, not 'memory'."),
    ({"PARTNER": "gemini"}, "PARTNER=gemini needs GEMINI_API_KEYS, which is not set."),
    ({"PARTNER": "gemini", "GEMINI_API_KEYS": " , "}, "PARTNER=gemini needs GEMINI_API_KEYS"),
    ({"GEMINI_TIMEOUT": "soon"}, "GEMINI_TIMEOUT must be a number of seconds"),
    ({"SESSION_DIR": "/dev/null/sessions"}, "SESSION_DIR '/dev/null/sessions' cannot be used"),
]


@pytest.mark.parametrize(("env", "sentence"), REFUSED)
def test_a_senseless_environment_is_refused_with_one_sentence(
    tmp_path: Path, env: dict[str, str], sentence: str
) -> None:
    everything = {**BLANK, "PATH": "/usr/bin:/bin", "SESSION_DIR": str(tmp_path / "none"), **env}
    ended = subprocess.run(
        command(free_port()), env=everything, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert sentence in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert not (tmp_path / "none").exists()


def test_plain_gunicorn_serves_it_too(spawn: Spawner, tmp_path: Path) -> None:
    port = free_port()
    url = f"http://{LOOPBACK}:{port}"
    spawn(
        [sys.executable, "-m", "gunicorn", "--bind", f"{LOOPBACK}:{port}", "legacy_app.wsgi:app"],
        ready=http_ok(f"{url}/health"),
        env={**BLANK, "SESSION_DIR": str(tmp_path)},
    )
    assert "app_requests_total" in httpx.get(f"{url}/metrics", trust_env=False, timeout=60).text


def test_plain_gunicorn_stops_when_the_environment_makes_no_sense(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--bind", f"{LOOPBACK}:{free_port()}", "legacy_app.wsgi:app"],
        env={**BLANK, "PATH": "/usr/bin:/bin", "SESSION_TYPE": "redis"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode != 0
    assert "needs REDIS_URL" in ended.stderr
    assert "Traceback" not in ended.stderr
