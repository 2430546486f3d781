"""The recordings of the reference migration, against its two real applications."""

import json
import sys
from pathlib import Path

import pytest
import redis

from golden import GoldenIndex, RecordReport, VerifyReport, lint, load_flows, record, verify
from shadow import load_rules
from tests.support.ports import free_port
from tests.support.redis import RedisServer
from tests.support.spawn import ROOT, Spawned, Spawner, http_ok

GOLDENS = ROOT / "legacy_app" / "goldens"
RECORDINGS = GOLDENS / "recordings"
RULES = load_rules(GOLDENS / "shadow-rules.toml")
FLOWS, _ = load_flows([GOLDENS / "flows"])


def _legacy(spawn: Spawner, folder: Path, **more: str) -> tuple[Spawned, str]:
    port = free_port()
    command = [sys.executable, "-m", "legacy_app", "--bind", f"127.0.0.1:{port}", "--workers", "1"]
    url = f"http://127.0.0.1:{port}"
    env = {"SESSION_DIR": str(folder), "SESSION_TYPE": "filesystem", "PARTNER": "offline"}
    env |= more
    return spawn(command, ready=http_ok(f"{url}/health"), name="legacy", env=env), url


def _new(spawn: Spawner, folder: Path, **env: str) -> str:
    port = free_port()
    command = [sys.executable, "-m", "new_app", "--host", "127.0.0.1", "--port", str(port)]
    url = f"http://127.0.0.1:{port}"
    env = {"SESSION_DIR": str(folder), "PARTNER": "offline", "REDIS_URL": "", **env}
    spawn(command, ready=http_ok(f"{url}/health"), name="new", env=env)
    return url


def _failures(report: VerifyReport) -> list[str]:
    return [f"{case.id}: {line}" for case in report.cases for line in case.failures] + [
        str(p) for p in report.problems
    ]


def test_the_folder_is_in_order() -> None:
    assert {"chat", "scenario", "watch"} <= {flow.name for flow in FLOWS}
    report = lint(RECORDINGS, RULES, flows=FLOWS)
    assert [str(problem) for problem in report.errors] == []
    assert [str(w) for w in report.warnings if "-drawn-anew' is for a route of which" not in str(w)] == []
    assert report.recordings == sum(len(flow.steps) for flow in FLOWS)
    assert len(GoldenIndex.load(RECORDINGS, rules=RULES)) > report.recordings / 2


def test_legacy_answers_as_recorded_also_after_a_restart(spawn: Spawner, tmp_path: Path) -> None:
    process, url = _legacy(spawn, tmp_path / "sessions")
    assert _failures(verify(RECORDINGS, url, RULES, flows=FLOWS)) == []
    process.stop()
    _, url = _legacy(spawn, tmp_path / "sessions")
    report = verify(RECORDINGS, url, RULES, flows=FLOWS)
    assert (_failures(report), report.exit_code) == ([], 0)
    done: RecordReport = record(FLOWS, url, tmp_path / "again", rules=RULES)
    assert done.exit_code == 0
    for file in RECORDINGS.rglob("*.json"):
        again = json.loads((tmp_path / "again" / file.relative_to(RECORDINGS)).read_text())
        assert again.pop("recorded")["on"]
        stored = json.loads(file.read_text())
        stored.pop("recorded", None)
        assert again == stored, file


def test_legacy_answers_as_recorded_with_the_other_session_store(
    spawn: Spawner, redis_server: RedisServer, tmp_path: Path
) -> None:
    _, url = _legacy(spawn, tmp_path / "unused", SESSION_TYPE="redis", REDIS_URL=redis_server.url)
    report = verify(RECORDINGS, url, RULES, flows=FLOWS)
    assert (_failures(report), report.exit_code) == ([], 0)
    with redis.Redis.from_url(redis_server.url) as store:
        assert store.dbsize() > 0  # the sessions are really there


def test_new_answers_as_recorded(spawn: Spawner, tmp_path: Path) -> None:
    report = verify(RECORDINGS, _new(spawn, tmp_path / "new"), RULES)
    assert _failures(report) == []
    assert report.rules_used == {"session-cookie-has-a-new-name"}


@pytest.mark.parametrize(
    ("fault", "flow", "where"),
    [
        ("history-cut", "long-chat", "long-chat/27-history: body.history"),
        ("field-renamed", "long-chat", "body.response: removed"),
        ("number-as-text", "watch", "token: body.expires_in: type_changed"),
        ("unescaped-html", "chat", "turn-with-markup: body.response: value_changed"),
        ("wrong-status", "long-chat", "start: status: status"),
        ("errors", "", "expected 200, got 500"),
        ("session-key-dropped", "chat", "session-info: body"),
    ],
)
def test_a_seeded_regression_is_caught_where_it_is(
    fault: str, flow: str, where: str, spawn: Spawner, tmp_path: Path
) -> None:
    report = verify(
        RECORDINGS, _new(spawn, tmp_path / "new", NEW_APP_FAULTS=fault), RULES, only=[flow] if flow else []
    )
    assert report.exit_code == 1
    assert any(where in line for line in _failures(report)), _failures(report)
