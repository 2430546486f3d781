"""`banyan` as a program against a running gateway: answers, exit codes, JSON, and mistakes without
tracebacks.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import time
from pathlib import Path

import pytest

from flags import PAGE_NAME, StatePage
from tests.gateway.running import Running, banyan, write_config
from tests.support.ports import wait_until

WHY = ("--reason", "a test")


def test_status_for_people_and_for_machines(gateway: Running) -> None:
    shown = gateway.cli("status")
    assert shown.returncode == 0, shown.stderr
    assert "orders" in shown.stdout
    assert "\x1b" not in shown.stdout
    found = gateway.asked("status")
    assert {"revision", "everything_latched", "features", "workers", "rollback_seconds"} <= found.keys()
    assert len(found["workers"]) == 2


def test_options_stand_before_or_after_the_command(gateway: Running) -> None:
    first = banyan("-c", str(gateway.config), "--json", "status")
    last = banyan("status", "--json", "-c", str(gateway.config))
    assert json.loads(first.stdout).keys() == json.loads(last.stdout).keys()


def test_a_dial_says_how_long_it_took(gateway: Running) -> None:
    gateway.cli("dial", "orders", "0", *WHY)
    done = gateway.cli("dial", "orders", "12.5%", *WHY)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("orders: 0 % -> 12.5 % (revision ")
    assert "2 workers have it after" in done.stdout
    answer = gateway.asked("dial", "orders", "0.01", *WHY)
    assert (answer["old"], answer["new"], answer["workers"], answer["complete"]) == (12.5, 0.01, 2, True)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("dial", "orders", "101", *WHY), 2, "0 to 100 in steps of 0.01"),
        (("dial", "orders", "-1", *WHY), 2, "0 to 100 in steps of 0.01"),
        (("dial", "orders", "1.001", *WHY), 2, "0 to 100 in steps of 0.01"),
        (("dial", "orders", "much", *WHY), 2, "0 to 100 in steps of 0.01"),
        (("dial", "orders", "nan", *WHY), 2, "0 to 100 in steps of 0.01"),
        (("dial", "order", "1", *WHY), 2, "known features: orders, reports"),
        (("dial", "orders", "1"), 2, "--reason"),
        (("dial", "orders", "1", "--reason", " "), 2, "reason"),
        (("rollback", "order", *WHY), 2, "known features: orders, reports"),
        (("rollback",), 2, "--reason"),
        (("restore", "order", *WHY), 2, "known features: orders, reports"),
        (("report", "order"), 2, "known features: orders, reports"),
        (("diffs", "order"), 2, "known features: orders, reports"),
        (("diffs", "show", "0123"), 2, "no sample"),
        (("explain", "GET", "relative"), 2, "path"),
        (("explain", "G T", "/x"), 2, "method"),
        (("ledger", "burn"), 2, "verify"),
        (("nonsense",), 2, "nonsense"),
        (("--token-file", "/nowhere", "status"), 2, "/nowhere"),
        (("--admin", "http://127.0.0.1:1", "status"), 2, "nobody answers at http://127.0.0.1:1"),
        (("--admin", "not a url", "status"), 2, "not a url"),
    ],
)
def test_mistakes_are_one_sentence_and_an_exit_code(
    gateway: Running, words: tuple[str, ...], code: int, said: str
) -> None:
    done = gateway.cli(*words)
    assert done.returncode == code, done.stdout + done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.usefixtures("_restored")
def test_rollback_and_restore(gateway: Running) -> None:
    gateway.cli("dial", "orders", "50", *WHY)
    done = gateway.cli("rollback", "orders", "--reason", "errors", "--by", "ann")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("orders: rolled back; 2 workers have it after ")
    assert gateway.asked("explain", "GET", "/api/orders/1", "--key", "k")["cause"] == "rollback_feature"
    answer = gateway.asked("restore", "orders", *WHY)
    assert (answer["latched"], answer["direct"]) == (False, False)
    assert gateway.asked("status")["features"][0]["percent"] == 50
    rollback = next(one for one in gateway.asked("ledger") if one["action"] == "rollback")
    assert (rollback["actor"], rollback["feature"], rollback["reason"]) == ("ann", "orders", "errors")


@pytest.mark.parametrize("command", ["rollback", "restore"])
@pytest.mark.parametrize("name", ["..", ".", "", "../orders", "Orders", "%2e%2e"])
def test_what_can_be_no_feature_is_refused_before_anybody_is_asked(
    gateway: Running, command: str, name: str
) -> None:
    page = StatePage.open(gateway.state / PAGE_NAME)
    before = page.stamp()
    done = gateway.cli(command, name, *WHY)
    assert (done.returncode, "There is no feature" in done.stderr) == (2, True)
    assert page.stamp() == before
    page.close()


@pytest.mark.usefixtures("_restored")
@pytest.mark.parametrize("role", ["viewer", "nobody"])
def test_a_rollback_without_leave_is_done_directly_on_the_machine(gateway: Running, role: str) -> None:
    env = {"BANYAN_TOKEN": f"token-of-{role}"}
    if role == "viewer":
        _add_viewer(gateway, env["BANYAN_TOKEN"])
    done = gateway.cli("rollback", "orders", *WHY, env=env)
    assert done.returncode == 0, done.stderr
    assert "Done directly on the machine" in done.stdout
    assert ("role operator" if role == "viewer" else "bearer token") in done.stdout
    assert gateway.asked("status")["features"][0]["latched"]
    elsewhere = gateway.cli("restore", "orders", *WHY, env=env)
    assert elsewhere.returncode in (1, 2)


def _add_viewer(gateway: Running, token: str) -> None:
    """The control process reads its tokens when it starts."""
    row = {"name": "v", "role": "viewer", "sha256": hashlib.sha256(token.encode()).hexdigest()}
    (gateway.state / "tokens.json").write_text(json.dumps({"tokens": [row]}))
    control = gateway.control_pid()
    os.kill(control, signal.SIGTERM)
    wait_until(lambda: gateway.cli("status", env={"BANYAN_TOKEN": token}).returncode == 0, 30, "the viewer")


@pytest.mark.usefixtures("_restored")
def test_what_somebody_wrote_is_shown_and_not_obeyed(gateway: Running) -> None:
    gateway.cli(
        "rollback", "orders", "--reason", "red \x1b[31m, bell \x07, \x9b2J", "--by", "ann\x1b]0;x\x07"
    )
    for words in (("ledger",), ("--json", "ledger"), ("rollback", "\x1b[2J", *WHY)):
        done = gateway.cli(*words)
        shown = done.stdout + done.stderr
        assert not {"\x1b", "\x07", "\x9b"} & set(shown)
    assert gateway.asked("ledger")[0]["reason"] == "red \x1b[31m, bell \x07, \x9b2J"


@pytest.mark.usefixtures("_restored")
def test_a_rollback_with_a_frozen_control_process_is_done_directly_and_told_later(gateway: Running) -> None:
    control = gateway.control_pid()
    os.kill(control, signal.SIGSTOP)
    try:
        done = gateway.cli("rollback", "--reason", "frozen", "--by", "ann")
    finally:
        os.kill(control, signal.SIGCONT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("everything: rolled back; 2 workers have it after ")
    assert "directly on the machine" in done.stdout
    assert gateway.asked("status")["everything_latched"]
    entries = [
        one for one in gateway.asked("ledger") if one["action"] == "rollback" and one["feature"] is None
    ]
    assert [(one["actor"], one["reason"]) for one in entries] == [("ann", "frozen")]


@pytest.mark.usefixtures("_restored")
@pytest.mark.parametrize("broken", ["config", "token"])
def test_a_rollback_does_not_wait_for_a_typo_or_a_lost_token(gateway: Running, broken: str) -> None:
    path = gateway.config if broken == "config" else gateway.state / "admin-token"
    text = path.read_text()
    path.write_text(text + "\n[nonsense]\nkey = 1\n" if broken == "config" else "lost")
    try:
        done = gateway.cli("--json", "rollback", "orders", *WHY)
    finally:
        path.write_text(text)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["workers"] == 2


def test_explain_for_people(gateway: Running) -> None:
    gateway.cli("dial", "reports", "100", *WHY)
    shown = gateway.cli("explain", "get", "/api/reports/7?page=2", "--key", "ann").stdout
    assert shown.startswith("GET /api/reports/7 -> new (percentage)\n")
    assert "position" in shown


def test_a_report_that_is_not_ready_ends_with_1(gateway: Running) -> None:
    done = gateway.cli("report", "orders")
    assert done.returncode == 1
    assert "not_ready" in done.stdout
    assert "no data means hold" in done.stdout
    assert [one["feature"] for one in gateway.asked("report")] == ["orders", "reports"]


def test_the_ledger_is_verified_and_a_forgery_found(gateway: Running) -> None:
    gateway.cli("dial", "orders", "3", *WHY)
    assert gateway.cli("ledger", "verify").stdout == "The ledger is intact.\n"
    path = gateway.state / "ledger.jsonl"
    kept = path.read_text()
    path.write_text(kept.replace("a test", "my test", 1))
    try:
        done = gateway.cli("--json", "ledger", "verify")
    finally:
        path.write_text(kept)
    assert done.returncode == 1
    assert json.loads(done.stdout)["intact"] is False


def test_diffs_of_a_gateway_that_compared_nothing(gateway: Running) -> None:
    assert gateway.asked("diffs") == []
    assert gateway.cli("diffs").stdout == "Nothing differs so far.\n"


def test_check_reaches_every_address(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    assert banyan("-c", str(config), "check").returncode == 1
    with socket.create_server(("127.0.0.1", 0)) as legacy, socket.create_server(("127.0.0.1", 0)) as new:
        sides = [f"http://127.0.0.1:{one.getsockname()[1]}" for one in (legacy, new)]
        env = dict(zip(("BANYAN_UPSTREAMS__LEGACY__URL", "BANYAN_UPSTREAMS__NEW__URL"), sides, strict=True))
        done = banyan("-c", str(config), "--json", "check", env=env)
    assert done.returncode == 0, done.stdout
    assert [one["reached"] for one in json.loads(done.stdout)["addresses"]] == [True, True]


@pytest.mark.parametrize("command", ["run", "check", "status"])
def test_a_wrong_configuration_is_refused_line_by_line(tmp_path: Path, command: str) -> None:
    config = write_config(tmp_path, more="[shadow]\nmax_in_flight = 'many'\ncolour = 1\n")
    done = banyan("-c", str(config), command)
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert any("shadow.max_in_flight" in line and "many" in line for line in lines)
    assert any("shadow.colour" in line for line in lines)
    assert banyan("-c", str(tmp_path / "none.toml"), command).returncode == 2


def test_without_a_gateway(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    for words, code in (
        (("status",), 2),
        (("rollback", *WHY), 2),
        (("ledger",), 2),
        (("ledger", "verify"), 2),
    ):
        done = banyan("-c", str(config), *words)
        assert done.returncode == code, (words, done.stderr)
        assert "Traceback" not in done.stderr


def test_frozen_workers_do_not_stop_a_rollback_from_being_made(gateway: Running) -> None:
    frozen = min(gateway.pids())
    os.kill(frozen, signal.SIGSTOP)
    try:
        answer = gateway.asked("rollback", "reports", *WHY)
    finally:
        os.kill(frozen, signal.SIGCONT)
    # In force, and not complete: what a worker that hangs is in the middle of nobody can tell.
    assert (answer["latched"], answer["complete"], answer["lagging"]) == (True, False, [frozen])
    wait_until(lambda: len(gateway.pids()) == 2, 20, "the worker's return")
    gateway.call("DELETE", "/api/v1/features/reports/rollback", json={"reason": "after a test"})
    time.sleep(0)
