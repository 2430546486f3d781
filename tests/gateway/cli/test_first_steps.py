"""What somebody meets who tries the command line for the first time, mistakes included: each answer says what
to do next.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.gateway.running import Running, again, banyan, write_config

WHY = ("--reason", "a test")
SECRET = "s3cr3t 0ne\nplus 4nother"


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("run",),
        ("ledger", "verify"),
        ("rollback", *WHY),
        ("golden", "lint"),
    ],
)
def test_a_configuration_that_is_not_there_is_never_passed_over(
    gateway: Running, words: tuple[str, ...]
) -> None:
    """Not even beside the state folder of a running gateway, and not with its address at hand."""
    wrong = str(gateway.config.with_name("nosuch.toml"))
    done = banyan("-c", wrong, "--admin", gateway.admin, *words)
    assert done.returncode == 2, done.stdout
    assert done.stderr == f"banyan: There is no configuration file {wrong}; name another one with -c FILE.\n"
    assert done.stdout == ""


@pytest.mark.parametrize("content", [SECRET, "", "tw0 w0rds", "tökén", "b0\x00b1"])
def test_what_a_token_file_holds_is_never_shown(gateway: Running, tmp_path: Path, content: str) -> None:
    path = tmp_path / "token"
    path.write_text(content)
    done = gateway.cli("--token-file", str(path), "status")
    assert done.returncode == 2
    assert done.stderr.startswith(f"banyan: the file {path} holds no token; expected ")
    assert len(done.stderr.splitlines()) == 1
    for part in content.split():
        assert part not in done.stderr.replace(str(path), "")
    done = gateway.cli("status", env={"BANYAN_TOKEN": "not one"})
    assert (done.returncode, "not one" in done.stderr) == (2, False)
    assert "BANYAN_TOKEN holds no token" in done.stderr


@pytest.mark.usefixtures("_restored")
def test_restoring_one_feature_while_everything_is_rolled_back_says_so(gateway: Running) -> None:
    gateway.cli("rollback", *WHY)
    gateway.cli("rollback", "orders", *WHY)
    shown = gateway.cli("status").stdout
    assert 'EVERYTHING IS ROLLED BACK; `banyan restore --reason "…"` lifts that.' in shown
    assert "rolled back, with everything too" in shown
    assert "everything rolled back" in next(line for line in shown.splitlines() if line.startswith("reports"))
    done = gateway.cli("restore", "orders", *WHY)
    assert done.returncode == 0
    assert 'Everything is still rolled back, so legacy answers: `banyan restore --reason "…"`' in done.stdout
    gateway.cli("rollback", "orders", *WHY)
    answer = gateway.asked("restore", *WHY)
    assert (answer["everything_latched"], answer["latched_features"]) == (False, ["orders"])
    shown = gateway.cli("status").stdout
    assert 'Rolled back on their own: orders; `banyan restore orders --reason "…"` lifts it.' in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("dial", "orders", "1", "--reason", ""), "say in a few words why"),
        (("dial", "orders", "1", "--reason", "x" * 2001), "at most 2000 characters"),
        (("rollback", "--reason", " "), "say in a few words why"),
        (("--admin", "foo", "status"), "expected an address such as http://127.0.0.1:8081, not 'foo'"),
        (("--admin", "foo", "rollback", *WHY), "expected an address such as http://127.0.0.1:8081"),
        (("explain", "GET", "/api/orders/1", "--key", ""), "leave it out for a new user"),
        (("explain", "GET", "no/path"), "a path such as /api/items"),
        (("dial", "orders", "1.005", *WHY), "in steps of 0.01"),
        (("dial", "nosuch", "1", *WHY), "known features: orders, reports"),
        (("nonsense",), "nonsense"),
    ],
)
def test_bad_usage_ends_with_2_and_says_what_was_expected(
    gateway: Running, words: tuple[str, ...], said: str
) -> None:
    done = gateway.cli("--json", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert said in json.loads(done.stdout)["error"]


def test_a_refusal_by_policy_ends_with_1(gateway: Running) -> None:
    """A gateway that is not ready for more says no; it was not used wrongly."""
    assert gateway.cli("report", "orders").returncode == 1


def test_a_state_folder_that_is_a_file(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    (tmp_path / "var").write_text("mine")
    done = banyan("-c", str(config), "run")
    assert done.returncode == 2
    assert "is a file" in done.stderr
    assert "state.dir" in done.stderr


def test_a_rollback_where_no_gateway_has_run(tmp_path: Path) -> None:
    done = banyan("-c", str(write_config(tmp_path)), "rollback", *WHY)
    assert done.returncode == 2
    assert "no gateway has run here" in done.stderr
    assert "-c FILE" in done.stderr


def test_a_second_gateway_on_one_folder_is_told_what_to_do(gateway: Running) -> None:
    done = gateway.cli("run")
    assert done.returncode == 2
    assert f"Another gateway (process {gateway.ready['pid']})" in done.stderr
    assert "state.dir" in done.stderr


def test_a_reason_with_a_line_break_stays_in_its_row(gateway: Running) -> None:
    reason = "first line\nsecond\tline \x1b[31mred"
    gateway.cli("dial", "reports", "7", "--reason", reason)
    shown = gateway.cli("ledger", "--limit", "1").stdout
    assert len(shown.splitlines()) == 2
    assert "first line second line \\x1b[31mred" in shown
    assert gateway.asked("ledger", "--limit", "1")[0]["reason"] == reason


def test_explain_names_the_method_of_the_route_and_its_own_reading(tmp_path: Path, gateway: Running) -> None:
    shown = gateway.cli("explain", "get", "/api/orders/7", "--key", "ann").stdout
    assert "explained as GET: methods are case-sensitive" in shown
    assert "case-sensitive" not in gateway.cli("explain", "GET", "/api/orders/7", "--key", "ann").stdout


def test_a_control_process_that_hangs_is_told_within_two_seconds(gateway: Running) -> None:
    control = gateway.control_pid()
    start = time.monotonic()
    gateway.cli("--version")
    own = time.monotonic() - start
    bound = 2 + max(4.0, 4 * own)  # far from the ten seconds that an answer may take

    def asked() -> tuple[subprocess.CompletedProcess[str], float]:
        start = time.monotonic()
        done = gateway.once("status")
        return done, time.monotonic() - start

    os.kill(control, signal.SIGSTOP)
    try:
        # One of several is held up by nothing else.
        done, took = again(asked, lambda found: found[1] >= bound)
    finally:
        os.kill(control, signal.SIGCONT)
    assert done.returncode == 2
    assert "does not answer within 2 s" in done.stderr
    assert "banyan rollback" in done.stderr
    assert took < bound


def test_a_ledger_that_was_taken_away_or_overwritten_is_told(gateway: Running, tmp_path: Path) -> None:
    gateway.cli("dial", "reports", "8", *WHY)
    for name in ("ledger.jsonl", "ledger.head"):
        shutil.copy2(gateway.state / name, tmp_path / name)
    try:
        for garbage in (b"garbage", b"garbage\n", b"\x00\xff\n{}\n"):
            (gateway.state / "ledger.jsonl").write_bytes(garbage)
            (gateway.state / "ledger.head").unlink(missing_ok=True)
            for words in (("ledger",), ("ledger", "verify")):
                done = gateway.cli(*words)
                assert done.returncode == 1, (garbage, words, done.stdout)
                assert "Nothing was changed" not in done.stdout
                assert "intact" not in done.stdout
        (gateway.state / "ledger.jsonl").unlink()
        for gone in (("ledger",), ("ledger", "verify"), ("--admin", gateway.admin, "ledger", "verify")):
            done = gateway.cli(*gone)
            assert done.returncode == 1, (gone, done.stdout)
            assert "ledger.jsonl is gone" in done.stdout + done.stderr
        assert "is gone" in json.loads(gateway.cli("--json", "ledger").stdout)["error"]
    finally:
        for name in ("ledger.jsonl", "ledger.head"):
            shutil.copy2(tmp_path / name, gateway.state / name)
    assert gateway.cli("ledger", "verify").stdout == "The ledger is intact.\n"


def test_a_ledger_of_a_gateway_that_changed_nothing(tmp_path: Path) -> None:
    done = banyan("-c", str(write_config(tmp_path)), "ledger")
    assert done.returncode == 2
    assert "no gateway has run" in done.stderr


def test_every_pattern_that_can_match_nothing_is_refused_at_once(tmp_path: Path) -> None:
    more = '[[feature]]\nname = "more"\nmatch = ["GEET /x", "/fine", "post /y", "no/slash"]\n'
    done = banyan("-c", str(write_config(tmp_path, more=more)), "check")
    assert done.returncode == 2
    for pattern in ("'GEET /x'", "'post /y'", "'no/slash'"):
        assert f"{pattern} is none" in done.stderr
    assert "'/fine' is none" not in done.stderr


def test_check_tries_ports_and_folder_and_ends_with_a_sentence(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as legacy,
        socket.create_server(("127.0.0.1", 0)) as new,
        socket.create_server(("127.0.0.1", 0)) as taken,
    ):
        sides = [f"http://127.0.0.1:{one.getsockname()[1]}" for one in (legacy, new)]
        env = dict(zip(("BANYAN_UPSTREAMS__LEGACY__URL", "BANYAN_UPSTREAMS__NEW__URL"), sides, strict=True))
        config = write_config(tmp_path)
        good = banyan("-c", str(config), "check", env=env)
        assert good.returncode == 0, good.stdout
        assert good.stdout.splitlines()[-1] == f"All is in place: `banyan run -c {config}` can start."
        assert not (tmp_path / "var").exists()
        env["BANYAN_LISTEN__TRAFFIC"] = f"127.0.0.1:{taken.getsockname()[1]}"
        (tmp_path / "var").write_text("a file")
        bad = banyan("-c", str(config), "check", env=env)
        assert bad.returncode == 1
        assert "Address already in use" in bad.stdout
        assert "is a file, not a folder" in bad.stdout
        assert bad.stdout.splitlines()[-1].endswith("not all is in place: listen.traffic, state.dir.")


def test_check_beside_the_gateway_that_has_the_ports(gateway: Running) -> None:
    addresses = {
        "BANYAN_LISTEN__TRAFFIC": gateway.ready["traffic"].removeprefix("http://"),
        "BANYAN_LISTEN__ADMIN": gateway.ready["admin"].removeprefix("http://"),
    }
    found = json.loads(gateway.cli("--json", "check", env=addresses).stdout)
    assert [one["held_by"] for one in found["listen"]] == [gateway.ready["pid"]] * 2
    assert found["state"]["usable"]
    assert not found["ready"]  # nobody is at the applications' addresses
