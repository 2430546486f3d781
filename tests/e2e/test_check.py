"""`banyan check` asks every server that the configuration names, and says which one is not there and why."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from redis import Redis

from tests.e2e.machines import two_sides
from tests.support.ports import LOOPBACK, free_port
from tests.support.redis import RedisServer
from tests.support.spawn import Spawner

LATE = ("timeout", "timed out", "no answer within")


def check(spawn: Spawner, config: Path, env: dict[str, str]) -> tuple[int, dict[str, str], str]:
    """Exit status, the problem of each address by its key, and everything that was printed."""
    command = [sys.executable, "-m", "gateway", "-c", str(config), "--json", "check"]
    done = spawn(command, name="check", env=env)
    status, text = done.wait(100), done.output()
    found: Any = json.loads(text)
    return status, {one["name"]: one["problem"] for one in found["addresses"]}, text


def check_in_time(spawn: Spawner, config: Path, env: dict[str, str]) -> tuple[int, dict[str, str], str]:
    """The same, asked again where a busy machine has made a server late, which is said of it."""
    until = time.monotonic() + 60
    while True:
        found = check(spawn, config, env)
        late = any(word in problem.lower() for problem in found[1].values() for word in LATE)
        if not late or time.monotonic() > until:
            return found


def test_every_server_is_asked(spawn: Spawner, tmp_path: Path, redis_server: RedisServer) -> None:
    """Once all wrong, once those that are there right; secrets are not shown."""
    gone, secret = free_port(), tmp_path / "secret"
    secret.write_text("right")
    with two_sides() as sides:
        head = (
            f'[listen]\ntraffic = "{LOOPBACK}:0"\nadmin = "{LOOPBACK}:0"\nworkers = 1\n'
            f'[upstreams.legacy]\nurl = "{sides[0]}"\n[upstreams.new]\nurl = "{sides[1]}"\n'
        )
        wrong, right = tmp_path / "wrong.toml", tmp_path / "right.toml"
        wrong.write_text(
            f'{head}[state]\nredis_url = "redis://{LOOPBACK}:{gone}"\n[flags]\nsource = "unleash"\n'
            f'[flags.unleash]\nurl = "{sides[0]}"\ntoken_file = "none"\n'
            f'[alerts]\nwebhook_url = "https://{sides[0].removeprefix("http://")}/x"\n'
            f'slack_url_env = "NOT_SET"\nwebhook_secret_file = "none"\nsmtp_server = "{LOOPBACK}:{gone}"\n'
            'smtp_from = "a@example.org"\nsmtp_to = ["b@example.org"]\n'
        )
        status, problems, _ = check_in_time(spawn, wrong, {})
        assert status == 1
        assert not problems["upstreams.legacy.url"]
        assert "111" in problems["state.redis_url"]
        assert "cannot be asked" in problems["flags.unleash.url"]
        assert "ssl" in problems["alerts.webhook_url"].lower()
        assert "cannot be read" in problems["alerts.webhook_secret"]
        assert "NOT_SET is not set" in problems["alerts.slack_url"]
        assert "refused" in problems["alerts.smtp_server"]

        client = Redis(port=redis_server.port)
        client.config_set("requirepass", "right")
        client.close()
        right.write_text(
            f'{head}[state]\nredis_url = "{redis_server.url}"\nredis_password_file = "secret"\n'
            f'[alerts]\nwebhook_url = "{sides[0]}/x"\nslack_url_env = "TEST_SLACK"\n'
        )
        env = {"TEST_SLACK": f"{sides[1]}/T0/hidden"}
        status, problems, text = check_in_time(spawn, right, env)
        assert (status, set(problems.values())) == (0, {""})
        assert "hidden" not in text
        secret.write_text("wrong")
        status, problems, _ = check_in_time(spawn, right, env)
        assert status == 1
        assert "invalid" in problems["state.redis_url"]
