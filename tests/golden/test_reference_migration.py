"""The recordings of the reference migration, against its two real applications."""

import json
import shutil
import sys
from collections import Counter
from pathlib import Path

import pytest
import redis

from golden import (
    Cause,
    GoldenIndex,
    RecordReport,
    VerifyReport,
    lint,
    load_flows,
    record,
    to_markdown,
    verify,
)
from shadow import load_rules
from tests.golden.measuring import measured, says_broken
from tests.support.ports import free_port
from tests.support.redis import RedisServer
from tests.support.spawn import ROOT, Spawned, Spawner, http_ok

GOLDENS = ROOT / "legacy_app" / "goldens"
RECORDINGS = GOLDENS / "recordings"
RULES = load_rules(GOLDENS / "shadow-rules.toml")
FLOWS, _ = load_flows([GOLDENS / "flows"])


def _legacy(spawn: Spawner, folder: Path, cwd: Path = ROOT, **more: str) -> tuple[Spawned, str]:
    port = free_port()
    command = [sys.executable, "-m", "legacy_app", "--bind", f"127.0.0.1:{port}", "--workers", "1"]
    url = f"http://127.0.0.1:{port}"
    env = {"SESSION_DIR": str(folder), "SESSION_TYPE": "filesystem", "PARTNER": "offline"}
    env |= more
    env |= {"PYTHONPATH": str(cwd)}
    return spawn(command, ready=http_ok(f"{url}/health"), name="legacy", env=env, cwd=cwd), url


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


TURNS = {f"long-chat/{number + 2:02d}-turn-{number:02d}" for number in range(1, 25)}
# Fault → the cases that fail, all of them and no other, and the field that each of them names.
FAULTS: dict[str, tuple[set[str], str]] = {
    "history-cut": ({"long-chat/27-history"}, "body.history[*]: removed"),
    "field-renamed": (
        TURNS
        | {f"chat/{step}" for step in ("11-turn-1", "12-turn-2", "13-turn-3", "14-turn-with-markup")}
        | {f"chat/{step}" for step in ("15-turn-with-model", "28-turn-after-clear", "30-turn-with-boss")}
        | {"session/07-chat"},
        "body.response: removed",
    ),
    "number-as-text": (
        {"chat/02-token", "long-chat/01-token", "scenario/04-token", "watch/01-token"}
        | {"session/04-token", "session/05-token-again"},
        "body.expires_in: type_changed",
    ),
    "unescaped-html": (
        {"chat/14-turn-with-markup", "scenario/15-turn-with-markup"},
        "body.response: value_changed",
    ),
    "wrong-status": (
        {"chat/09-start", "chat/29-start-again-with-boss", "long-chat/02-start", "session/06-start-chat"},
        "status: status (medium): expected 200, got 201",
    ),
    # Every answer about a session, and every one that now has to write the session it found changed.
    "session-key-dropped": (
        {
            "chat/24-session-info",
            "scenario/21-session-info",
            "session/10-info",
            "session/14-info-without-chat",
        }
        | {"chat/10-feedback-before-message", "chat/16-turn-with-unknown-model", "chat/31-history-with-boss"}
        | {"long-chat/27-history", "scenario/14-turn-empty", "scenario/17-history"},
        "",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_seeded_regression_fails_the_right_cases_and_names_the_field(
    fault: str, spawn: Spawner, tmp_path: Path
) -> None:
    cases, field = FAULTS[fault]
    report = verify(RECORDINGS, _new(spawn, tmp_path / "new", NEW_APP_FAULTS=fault), RULES)
    assert report.exit_code == 1
    assert {case.id for case in report.cases if not case.passed} == cases
    for case in report.cases:
        assert case.passed or field in " ".join(case.failures), case.failures
    said = _failures(report)
    if fault == "session-key-dropped":
        infos = [line for line in said if "info: body.keys" in line or "info-without-chat: body.keys" in line]
        assert len(infos) == 4
        assert all('expected "chat_model", got nothing' in line for line in infos)


def test_a_legacy_that_was_changed_makes_goldens_stale_and_nothing_wrong(
    spawn: Spawner, tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "legacy_app", tmp_path / "legacy_app")
    texts = tmp_path / "legacy_app" / "texts.py"
    texts.write_text(texts.read_text().replace("会話履歴がありません", "まだ会話がありません"))
    _, legacy = _legacy(spawn, tmp_path / "sessions", cwd=tmp_path)
    moved = {"chat/10-feedback-before-message", "scenario/08-feedback-without-history"}
    moved |= {"scenario/09-clear-without-history"}
    for fault, code, causes in (
        ("", 2, {Cause.MOVED: 3}),
        ("number-as-text", 1, {Cause.MOVED: 3, Cause.NEW: 6}),
    ):
        new = _new(spawn, tmp_path / f"new {fault}", NEW_APP_FAULTS=fault)
        report = verify(RECORDINGS, new, RULES, control=legacy)
        assert (report.exit_code, report.stale) == (code, 3)
        assert {case.id for case in report.cases if case.stale} == moved
        assert Counter(case.cause for case in report.cases if case.cause) == causes
        words = {1: "differences found", 2: "the goldens are stale"}
        assert to_markdown(report).startswith(f"## Goldens: {words[code]}")


def test_every_fiftieth_answer_that_is_an_error_is_found(spawn: Spawner, tmp_path: Path) -> None:
    report = verify(RECORDINGS, _new(spawn, tmp_path / "new", NEW_APP_FAULTS="errors"), RULES)
    assert report.exit_code == 1
    errors = [
        line for line in _failures(report) if "status: status (high): expected " in line and "got 500" in line
    ]
    assert len(errors) == 2  # of 123


def test_a_slow_side_is_right_in_what_it_says_and_broken_in_how_long_it_takes(
    spawn: Spawner, tmp_path: Path
) -> None:
    new = _new(spawn, tmp_path / "new", NEW_APP_FAULTS="slow")
    assert verify(RECORDINGS, new, RULES, only=["watch"]).exit_code == 0
    _, legacy = _legacy(spawn, tmp_path / "sessions")
    words = ["--legacy", legacy, "--new", new, "--flow", str(GOLDENS / "flows" / "session.toml")]
    words += ["--rounds", "4", "--users", "2", "--report", str(tmp_path)]
    done = measured(words, 3, says_broken)
    assert done.returncode == 1, done.stdout + done.stderr
    criteria = json.loads((tmp_path / "performance.json").read_text())["criteria"]
    assert next(one["outcome"] for one in criteria if one["name"] == "p95") == "broken"
