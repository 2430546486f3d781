"""`banyan shadow` says what it needs, and does not begin without."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from tests.gateway.running import banyan, clean, write_config
from tests.support.redis import RedisServer
from tests.support.spawn import ROOT, Spawner, printed


def test_without_a_shared_redis_there_is_nothing_to_take(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    said = banyan("-c", str(config), "shadow")
    assert said.returncode == 2
    assert "set state.redis_url" in said.stderr


@pytest.mark.parametrize(
    ("key", "env", "expected"),
    [
        ('stream_key_env = "NO_SUCH_KEY"', {}, "the variable NO_SUCH_KEY is not set"),
        ('stream_key_env = "SHORT"', {"SHORT": "hunter2"}, "at least 32 characters"),
        ('stream_key_file = "nowhere"', {}, "cannot be read"),
    ],
)
def test_a_secret_that_is_no_secret_is_refused_and_not_shown(
    tmp_path: Path, key: str, env: dict[str, str], expected: str
) -> None:
    more = f'[state]\nredis_url = "redis://127.0.0.1:1/0"\n[shadow]\n{key}\n'
    config = write_config(tmp_path, more=more)
    for command in ("shadow", "run", "check"):
        said = banyan("-c", str(config), command, env=env)
        assert said.returncode == 2
        assert expected in said.stderr
        assert "hunter2" not in said.stderr


@pytest.mark.parametrize("command", ["shadow", "run", "check"])
@pytest.mark.parametrize("sealed", [True, False])
def test_without_a_secret_what_lies_open_in_redis_is_told(
    tmp_path: Path, spawn: Spawner, redis_server: RedisServer, command: str, sealed: bool
) -> None:
    key = 'stream_key_env = "KEY"\n' if sealed else ""
    more = f'[state]\nredis_url = "{redis_server.url}"\n[shadow]\nprocesses = 0\n{key}'
    config = write_config(tmp_path, workers=1, more=more)
    words = [sys.executable, "-m", "gateway", "-c", str(config), command]
    ready = printed("not all is in place" if command == "check" else "is ready")
    env = {**clean(), "KEY": "k" * 32}
    process = spawn(words, name=command, ready=ready, cwd=ROOT, env=env, timeout=60)
    assert ("lies open in Redis" in process.output()) is not sealed
    if command != "check":
        assert process.stop(timeout=60) == 0


def test_it_waits_for_a_redis_that_is_not_there_reads_its_file_again_and_ends(
    tmp_path: Path, spawn: Spawner, redis_server: RedisServer
) -> None:
    redis_server.process.stop()
    config = write_config(tmp_path, more=f'[state]\nredis_url = "{redis_server.url}"\n')
    command = [sys.executable, "-m", "gateway", "-c", str(config), "--json", "shadow", "--processes", "2"]
    process = spawn(command, name="shadow", ready=printed('"ready":true'), cwd=ROOT, env=clean())
    assert '"processes":2' in process.output()
    process.wait_until_ready(printed("cannot be used, the shadow waits for it"), timeout=60)
    text = config.read_text()
    config.write_text(text + "[shadow]\nshards = 0\n")
    process.signal(signal.SIGHUP)
    process.wait_until_ready(printed("configuration not taken over: shadow.shards"), timeout=60)
    config.write_text(text)
    process.signal(signal.SIGHUP)
    process.wait_until_ready(printed("configuration taken over"), timeout=60)
    assert process.stop(timeout=60) == 0
