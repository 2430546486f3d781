"""`banyan` as a program against a running gateway: answers, exit codes, JSON, and mistakes without
tracebacks.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from flags import PAGE_NAME, StatePage
from tests.gateway.running import UNHEARD, Running, again, banyan, write_config
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
        (("dial", "orders", "1_0", *WHY), 2, "0 to 100 in steps of 0.01"),  # a slip, and no ten
        (("dial", "orders", "+1", *WHY), 2, "0 to 100 in steps of 0.01"),  # nor one more than now
        (("approve", "--decline", *WHY), 2, "NUMBER is missing"),
        (("approve", *WHY), 2, "NUMBER is missing"),
        (("dial", "order", "1", *WHY), 2, "known features: orders, reports"),
        (("dial", "orders", "1"), 2, "--reason"),
        (("dial", "orders", "1", "--reason", " "), 2, "reason"),
        (("rollback", "order", *WHY), 2, "known features: orders, reports"),
        (("rollback",), 2, "--reason"),
        (("restore", "order", *WHY), 2, "known features: orders, reports"),
        (("report", "order"), 2, "known features: orders, reports"),
        (("diffs", "order"), 2, "known features: orders, reports"),
        (("diffs", "show", "0123"), 2, "no signature '0123'"),
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


_NOT_FOR_A_ROLLBACK = frozenset(
    {
        *("asyncio", "httpx", "httpcore", "rich", "pygments", "msgspec", "uvicorn", "starlette", "fastapi"),
        *("deepdiff", "redis", "cryptography", "orjson", "numpy", "lxml", "jinja2", "pydantic", "uvloop"),
        *("flags", "shadow", "golden", "gateway.config", "gateway.control", "gateway.notes"),
    }
)
"""What a rollback that the control process answers must not wait for."""


@pytest.mark.usefixtures("_restored")
@pytest.mark.parametrize("words", [("rollback", "orders"), ("dial", "orders", "0")])
def test_a_rollback_and_a_dial_load_little(gateway: Running, words: tuple[str, ...]) -> None:
    done = again(
        lambda: gateway.cli(*words, *WHY, env={"PYTHONPROFILEIMPORTTIME": "1"}),
        lambda done: (
            "directly on the machine" in done.stdout
        ),  # the control process was busy: that needs more
    )
    assert done.returncode == 0, done.stderr
    found = re.findall(r"^import time: +\d+ \| +\d+ \| +(\S+)$", done.stderr, re.MULTILINE)
    assert {"click", "http.client", "gateway.cli.client"} <= set(found)
    assert _NOT_FOR_A_ROLLBACK.isdisjoint(found)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "nobody answers at"),
        (b"garbage\r\n\r\n", "nobody answers at"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}", "nobody answers at"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "is not the admin API"),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\n{}", "answered 500"),
    ],
)
def test_what_is_no_admin_port_is_one_sentence(tmp_path: Path, answer: bytes, said: str) -> None:
    token = tmp_path / "token"
    token.write_text("a-token")
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                while True:  # whether it lives, then the question
                    connection = listening.accept()[0]
                    with connection:
                        connection.recv(4096)
                        connection.sendall(answer)

        server = threading.Thread(target=serve)
        server.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        done = again(
            lambda: banyan("--admin", url, "--token-file", str(token), "status"),
            lambda done: UNHEARD in done.stderr,
        )
        listening.shutdown(socket.SHUT_RDWR)
        server.join()
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("wait", "answer"), [(0.0, b""), (11.0, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")]
)
def test_a_change_that_is_under_way_is_waited_for_and_never_said_not_to_be(
    tmp_path: Path, wait: float, answer: bytes
) -> None:
    """A dial of a journey goes to another source first, feature by feature: that takes its time. One whose
    answer is lost may be done.
    """
    token = tmp_path / "token"
    token.write_text("a-token")
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for seconds, said in ((0.0, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), (wait, answer)):
                with listening.accept()[0] as connection:
                    asked = connection.recv(4096)
                    while not asked.endswith(b"}" if asked.startswith(b"DELETE") else b"\r\n\r\n"):
                        asked += connection.recv(4096)  # what is left unread would break off the answer
                    time.sleep(seconds)
                    connection.sendall(said)

        server = threading.Thread(target=serve, daemon=True)
        server.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        done = banyan("--json", "--admin", url, "--token-file", str(token), "thaw", *WHY)
        server.join(60)
    if answer:
        assert (done.returncode, done.stdout.strip()) == (0, "{}"), done.stderr
    else:
        assert done.returncode == 2
        assert "may be done all the same" in done.stderr


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
    found: list[str] = []
    while len(found) < 10 and (not found or "does not answer" in found[-1]):  # a busy one is not waited for
        done = gateway.cli("rollback", "orders", *WHY, env=env)
        assert done.returncode == 0, done.stderr
        assert "Done directly on the machine" in done.stdout
        found.append(done.stdout)
    assert ("role operator" if role == "viewer" else "bearer token") in found[-1]
    assert gateway.asked("status")["features"][0]["latched"]
    elsewhere = gateway.cli("restore", "orders", *WHY, env=env)
    assert elsewhere.returncode in (1, 2)


def _add_viewer(gateway: Running, token: str) -> None:
    """The control process reads its tokens when it starts."""
    row = {"name": "v", "role": "viewer", "sha256": hashlib.sha256(token.encode()).hexdigest()}
    (gateway.state / "tokens.json").write_text(json.dumps({"tokens": [row]}))
    control = gateway.control_pid()
    os.kill(control, signal.SIGTERM)
    wait_until(lambda: gateway.cli("status", env={"BANYAN_TOKEN": token}).returncode == 0, 60, "the viewer")


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


def test_a_byte_that_is_no_text_keeps_nobody_from_rolling_back(gateway: Running) -> None:
    """By the admin port, and directly on the machine, in a name of that kind too."""
    done = gateway.cli("rollback", "orders", "--reason", "d\udce9faut", "--by", "b\udcf6b")
    assert done.returncode == 0, done.stderr
    gateway.cli("restore", "orders", *WHY)
    nowhere = ("--admin", "http://127.0.0.1:9")
    done = gateway.cli(*nowhere, "rollback", "orders", "--reason", "\udce9", "--by", "b\udcf6b")
    assert done.returncode == 0, done.stderr
    second, _, first = gateway.asked("ledger")[:3]
    gateway.cli("restore", "orders", *WHY)
    assert (first["actor"], first["reason"]) == ("b\\udcf6b", "d\\udce9faut")
    assert (second["actor"], second["reason"]) == ("b\\udcf6b", "\\udce9")


def test_who_says_too_much_is_taken_back_all_the_same(gateway: Running) -> None:
    """By the admin port and directly: of a pasted log the beginning is kept."""
    long, name = "x" * 9000, "y" * 300
    for nowhere in ((), ("--admin", "http://127.0.0.1:9")):
        done = gateway.cli(*nowhere, "rollback", "orders", "--reason", long, "--by", name)
        assert done.returncode == 0, done.stderr
        entry = gateway.asked("ledger")[0]
        assert (entry["action"], entry["reason"]) == ("rollback", "x" * 2000)
        assert entry["actor"].startswith("y" * 200)
        gateway.cli("restore", "orders", *WHY)
    assert gateway.cli("restore", "orders", "--reason", long).returncode == 2


def test_a_ledger_that_was_put_back_is_found_by_the_head_that_was_kept(
    gateway: Running, tmp_path: Path
) -> None:
    """Also by the one in the log, which is a place of its own."""
    gateway.cli("dial", "orders", "3", *WHY)
    names = ("ledger.jsonl", "ledger.head")
    for name in names:
        shutil.copy2(gateway.state / name, tmp_path / name)
    gateway.cli("dial", "orders", "4", *WHY)
    kept = tmp_path / "head"
    kept.write_text(gateway.cli("ledger", "head").stdout)
    asked = gateway.asked("--admin", gateway.admin, "ledger", "head")
    assert asked == gateway.asked("ledger", "head")
    assert asked["head"] == kept.read_text().strip()
    wait_until(lambda: asked["head"] in gateway.process.output(), what="the head in the log")
    assert gateway.cli("ledger", "verify", "--head", str(kept)).stdout == "The ledger is intact.\n"
    for name in names:
        shutil.copy2(gateway.state / name, tmp_path / f"new-{name}")
        shutil.copy2(tmp_path / name, gateway.state / name)
    try:
        assert gateway.cli("ledger", "verify").returncode == 0
        for words in (("--head", str(kept)), ("--head", asked["head"]), ("--admin", gateway.admin)):
            more = () if words[0] == "--head" else ("--head", asked["head"])
            done = gateway.cli("ledger", "verify", *words, *more)
            assert done.returncode == 1, words
            assert "its end was cut off" in done.stdout
    finally:
        for name in names:
            shutil.copy2(tmp_path / f"new-{name}", gateway.state / name)
    done = gateway.cli("ledger", "verify", "--head", "nonsense")
    assert (done.returncode, "expected what `banyan ledger head` printed" in done.stderr) == (2, True)


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
        (("ledger", "head"), 2),
    ):
        done = banyan("-c", str(config), *words)
        assert done.returncode == code, (words, done.stderr)
        assert "Traceback" not in done.stderr


def test_frozen_workers_do_not_stop_a_rollback_from_being_made(gateway: Running) -> None:
    def asked() -> tuple[Any, int]:
        wait_until(lambda: len(gateway.pids()) == 2, what="both workers")
        gateway.call("DELETE", "/api/v1/features/reports/rollback", json={"reason": "not yet"})
        frozen = min(gateway.pids())
        os.kill(frozen, signal.SIGSTOP)
        try:
            return gateway.asked("rollback", "reports", *WHY), frozen
        finally:
            os.kill(frozen, signal.SIGCONT)

    # One that hangs for as long as a command may take on a busy machine is replaced.
    answer, frozen = again(asked, lambda found: found[1] not in gateway.pids())
    # In force, and not complete: what a worker that hangs is in the middle of nobody can tell.
    assert (answer["latched"], answer["complete"], answer["lagging"]) == (True, False, [frozen])
    wait_until(lambda: len(gateway.pids()) == 2, what="the worker's return")
    gateway.call("DELETE", "/api/v1/features/reports/rollback", json={"reason": "after a test"})
