"""Tokens, wrong tokens and second persons, by the command line against a gateway that runs."""

from __future__ import annotations

import fcntl
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from gateway.admin.attempts import Attempts
from gateway.admin.tokens import TokenBook
from tests.gateway.running import Running
from tests.support.ports import wait_until
from tests.support.spawn import Spawner

WHY = ("--reason", "a test")
CAREFUL = """
[admin]
second_person_above = 10
approval_time = "10m"
[[feature]]
name = "climbing"
match = ["/climbing"]
plan = { steps = [5, 50], hold = "0s" }
"""


@pytest.fixture(scope="module")
def gateway(spawn_for_module: Spawner, tmp_path_factory: pytest.TempPathFactory) -> Running:
    """Dials above ten need a second person."""
    return Running(spawn_for_module, tmp_path_factory.mktemp("gateway"), workers=1, more=CAREFUL)


def token_of(gateway: Running, name: str, role: str, *more: str) -> dict[str, str]:
    """The environment of somebody who has a token of their own."""
    made = gateway.asked("token", "create", name, "--role", role, *more, *WHY)
    return {"BANYAN_TOKEN": made["token"]}


def test_a_token_is_made_shown_once_listed_and_revoked(gateway: Running) -> None:
    env = token_of(gateway, "ann", "operator")
    text = (gateway.state / "tokens.json").read_text()
    assert env["BANYAN_TOKEN"] not in text
    assert stat.S_IMODE((gateway.state / "tokens.json").stat().st_mode) == 0o600
    assert gateway.cli("dial", "orders", "1", *WHY, "--by", "bob", env=env).returncode == 0
    assert gateway.asked("ledger")[0]["actor"] == "bob with the token of ann"
    listed = {one["name"]: one for one in gateway.asked("token", "list")}
    assert (listed["ann"]["role"], listed["ann"]["expires"]) == ("operator", None)
    assert gateway.cli("token", "list", env=env).returncode == 1  # an operator gives out no tokens
    assert gateway.cli("token", "create", "eve", *WHY, env=env).returncode == 1
    assert "revoked" in gateway.cli("token", "revoke", "ann", *WHY).stdout
    done = gateway.cli("status", env=env)
    assert done.returncode == 2
    assert "none that is known" in done.stderr
    entry = gateway.asked("ledger")[0]
    assert (entry["action"], entry["old"], entry["evidence"]) == ("token_revoke", "operator", {"name": "ann"})
    assert gateway.cli("token", "revoke", "ann", *WHY).returncode == 2


def test_without_the_admin_token_the_others_are_given_and_end_all_the_same(gateway: Running) -> None:
    """And whoever has a copy of it opens nothing, until a start makes another."""
    chief, ann = token_of(gateway, "chief", "admin"), token_of(gateway, "ann", "viewer")
    path = gateway.state / "admin-token"
    token = path.read_text()
    path.unlink()
    try:
        assert gateway.cli("status", env={"BANYAN_TOKEN": token.strip()}).returncode == 2
        assert gateway.cli("token", "revoke", "ann", *WHY, env=chief).returncode == 0
        assert gateway.cli("status", env=ann).returncode == 2
        made = gateway.cli("--json", "token", "create", "bob", "--role", "viewer", *WHY, env=chief)
        assert made.returncode == 0, made.stderr
        bob = {"BANYAN_TOKEN": json.loads(made.stdout)["token"]}
        assert gateway.cli("status", env=bob).returncode == 0
    finally:
        path.write_text(token)
        path.chmod(0o600)
    assert gateway.cli("status").returncode == 0


def test_a_token_ends_by_itself_and_names_are_not_given_twice(gateway: Running) -> None:
    env = token_of(gateway, "short", "viewer", "--for", "2s")
    assert gateway.cli("token", "create", "short", *WHY).returncode == 2
    for name in ("admin", "machine", "-x", "a b", ""):
        assert gateway.cli("token", "create", "--role", "viewer", *WHY, "--", name).returncode == 2, name
    wait_until(lambda: gateway.cli("status", env=env).returncode == 2, 60, "its end")


def test_a_file_that_was_edited_counts_at_once_and_a_broken_one_changes_nothing(gateway: Running) -> None:
    env = token_of(gateway, "edited", "viewer")
    path = gateway.state / "tokens.json"
    good = path.read_text()
    path.write_text("{")
    try:
        assert gateway.cli("status", env=env).returncode == 0
        assert gateway.cli("token", "list").returncode == 2
        assert gateway.cli("token", "create", "another", *WHY).returncode == 1
    finally:
        path.write_text(good.replace('"edited"', '"renamed"').replace("viewer", "nobody", 0))
    assert gateway.cli("token", "revoke", "renamed", *WHY).returncode == 0
    assert gateway.cli("status", env=env).returncode == 2


def test_a_token_that_could_not_be_kept_is_said_to_be_none(gateway: Running) -> None:
    in_the_way = gateway.state / f".tokens.json.{gateway.control_pid()}"
    in_the_way.mkdir()
    try:
        done = gateway.cli("token", "create", "unlucky", *WHY)
    finally:
        in_the_way.rmdir()
    assert (done.returncode, "cannot be written" in done.stderr) == (1, True)
    failed, asked = gateway.asked("ledger")[:2]
    assert (asked["action"], asked["evidence"]) == ("token_create", {"name": "unlucky"})
    assert (failed["action"], failed["evidence"]) == ("token_create_failed", {"name": "unlucky"})
    assert "unlucky" not in {one["name"] for one in gateway.asked("token", "list")}


def test_guessing_is_slowed_down_and_holds_up_nobody_else(gateway: Running) -> None:
    def shows(token: str, address: str = "") -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}", **({"X-Forwarded-For": address} if address else {})}
        return httpx.get(f"{gateway.admin}/api/v1/status", headers=headers, timeout=60, trust_env=False)

    answers = [shows(f"guess-{number}", f"10.0.0.{number}") for number in range(12)]
    assert answers[0].status_code == 401
    assert {one.status_code for one in answers[10:]} == {429}
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60
    assert shows(gateway.token).status_code == 200
    assert "too many tokens that nobody has" in gateway.process.output()


def test_a_rollback_does_not_wait_until_guessing_is_allowed_again(gateway: Running) -> None:
    """Somebody on this machine guesses; whoever may write the page needs no token, and no patience."""
    guesses = [{"Authorization": f"Bearer wrong-{number}"} for number in range(11)]
    answers = [gateway.call("GET", "/api/v1/status", headers=guess) for guess in guesses]
    assert answers[-1].status_code == 429
    done = gateway.cli("rollback", "reports", *WHY, env={"BANYAN_TOKEN": "wrong"})
    held = [one["latched"] for one in gateway.asked("status")["features"] if one["name"] == "reports"]
    gateway.cli("restore", "reports", *WHY)
    assert (done.returncode, held) == (0, [True]), done.stderr
    assert "Done directly on the machine: Too many tokens" in done.stdout


def test_the_same_wrong_token_is_a_mistake_for_longer_and_addresses_are_bounded() -> None:
    now = [0.0]
    attempts = Attempts(lambda: now[0])
    assert [attempts.failed("a", "same") for _ in range(60)] == [0.0] * 60
    assert attempts.failed("a", "same") == 60
    assert attempts.failed("b", "other") == 0
    now[0] = 61
    assert attempts.failed("a", "same") == 0
    for number in range(5000):
        attempts.failed(f"address {number}", "x")
    assert len(attempts._failed) <= 4096


def test_looking_a_token_up_takes_no_longer_for_one_that_is_nearly_right(tmp_path: Path) -> None:
    """By its digest, all of them each time: a prefix that is right changes nothing."""
    book = TokenBook.open(tmp_path)
    right = (tmp_path / "admin-token").read_text().strip()
    assert book.find(right) is not None
    assert book.find(right[:-1]) is None
    assert book.find(right + "x") is None


def test_a_second_person_agrees_before_a_dial_goes_far_up(gateway: Running) -> None:
    one, other = token_of(gateway, "one", "operator"), token_of(gateway, "other", "operator")
    looker = token_of(gateway, "looker", "viewer")
    assert gateway.cli("dial", "reports", "10", *WHY, env=one).returncode == 0
    asked = gateway.cli("--json", "dial", "reports", "50", "--reason", "all is well", env=one)
    assert asked.returncode == 1
    waiting = json.loads(asked.stdout)
    assert (waiting["pending"], waiting["old"], waiting["new"], waiting["token"]) == (True, 10, 50, "one")
    number = str(waiting["id"])
    assert percent(gateway) == 10
    assert any("waits for a second person" in warning for warning in gateway.asked("status")["warnings"])
    assert [each["id"] for each in gateway.asked("approve")] == [waiting["id"]]
    for env, said in ((one, "another token than 'one'"), (looker, "needs the role operator")):
        done = gateway.cli("approve", number, *WHY, env=env)
        assert done.returncode == 1
        assert said in done.stderr
    assert percent(gateway) == 10
    assert gateway.cli("approve", number, "--reason", "seen it too", env=other).returncode == 0
    assert percent(gateway) == 50
    entry = gateway.asked("ledger")[0]
    assert (entry["action"], entry["reason"]) == ("dial", "seen it too")
    assert entry["actor"].endswith("with the token of other")
    assert (entry["evidence"]["asked"], entry["evidence"]["asked_reason"]) == (waiting["id"], "all is well")
    assert gateway.cli("approve", number, *WHY, env=other).returncode == 2  # it waits no longer
    assert gateway.cli("dial", "reports", "40", *WHY, env=one).returncode == 0  # down: nobody is asked
    assert gateway.cli("rollback", "reports", *WHY, env=one).returncode == 0
    assert gateway.cli("restore", "reports", *WHY, env=one).returncode == 0
    assert gateway.cli("ledger", "verify").returncode == 0


def test_what_was_asked_can_be_declined_and_goes_stale(gateway: Running) -> None:
    two, three = token_of(gateway, "two", "operator"), token_of(gateway, "three", "operator")

    def ask(feature: str, to: str) -> str:
        return str(json.loads(gateway.cli("--json", "dial", feature, to, *WHY, env=two).stdout)["id"])

    gateway.cli("dial", "orders", "5", *WHY)
    declined, stale = ask("orders", "20"), ask("orders", "30")
    assert gateway.cli("approve", declined, "--decline", *WHY, env=three).returncode == 0
    assert gateway.cli("approve", declined, *WHY, env=three).returncode == 2
    gateway.cli("dial", "orders", "6", *WHY)
    done = gateway.cli("approve", stale, *WHY, env=three)
    assert (done.returncode, "has moved since" in done.stderr) == (1, True)
    assert gateway.cli("approve", stale, env=three).returncode == 2  # no reason
    late = ask("orders", "40")
    os.kill(gateway.control_pid(), 9)  # the question is in the ledger, and outlives who took it
    wait_until(lambda: gateway.cli("status").returncode == 0, 60, "the next control process")
    assert late in {str(one["id"]) for one in gateway.asked("approve")}


def test_what_was_asked_too_long_ago_cannot_be_approved(spawn: Spawner, tmp_path: Path) -> None:
    brief = CAREFUL.replace('approval_time = "10m"', 'approval_time = "3s"')
    gateway = Running(spawn, tmp_path, workers=1, more=brief)
    four, five = token_of(gateway, "four", "operator"), token_of(gateway, "five", "operator")
    late = str(json.loads(gateway.cli("--json", "dial", "orders", "40", *WHY, env=four).stdout)["id"])
    wait_until(lambda: gateway.asked("approve") == [], 60, "the end of its time")
    assert gateway.cli("approve", late, *WHY, env=five).returncode == 2


@pytest.mark.parametrize("approved", [False, True], ids=["a dial that was down", "an approval"])
def test_nobody_goes_far_up_alone_because_somebody_else_lowers_meanwhile(
    gateway: Running, approved: bool
) -> None:
    """The disk hangs; behind a dial that lowers waits one that went down when it was asked for, or that a
    second person has agreed to: where it starts from counts when it is moved.
    """
    one, other = (token_of(gateway, f"{name}-{approved}", "operator") for name in ("low", "high"))

    def shown(env: dict[str, str]) -> dict[str, str]:
        return {"Authorization": f"Bearer {env['BANYAN_TOKEN']}"}

    def dial(to: float, env: dict[str, str]) -> httpx.Response:
        body = {"percent": to, "reason": "a test"}
        return gateway.call("PUT", "/api/v1/features/reports/dial", json=body, headers=shown(env))

    def agree(number: int, env: dict[str, str]) -> httpx.Response:
        body = {"reason": "a test"}
        return gateway.call("POST", f"/api/v1/approvals/{number}", json=body, headers=shown(env))

    dial(1, one)
    number = dial(60, one).json()["id"]
    if not approved:
        assert agree(number, other).status_code == 200
    before = {entry["seq"] for entry in gateway.asked("ledger")}
    with (gateway.state / "state.json.lock").open("w") as disk, ThreadPoolExecutor() as people:
        fcntl.flock(disk, fcntl.LOCK_EX)
        lowered = people.submit(dial, 0, one)
        wait_until(lambda: waits_for(disk.fileno()), 60, "the first dial at the disk")
        raised = people.submit(agree, number, other) if approved else people.submit(dial, 50, one)
        for _ in range(3):  # what was asked before these has been looked at, too
            assert gateway.call("GET", "/api/v1/status").status_code == 200
        fcntl.flock(disk, fcntl.LOCK_UN)
        assert lowered.result().status_code == 200
        done = raised.result()
    assert done.status_code in (409, 202), done.text
    assert percent(gateway) == 0
    after = [entry for entry in gateway.asked("ledger") if entry["seq"] not in before]
    assert [entry["new"] for entry in after if entry["action"] == "dial"] == ["0"]


def waits_for(lock: int) -> bool:
    """Whether another process waits for the lock that this descriptor holds."""
    inode = os.fstat(lock).st_ino
    waiting = [line for line in Path("/proc/locks").read_text().splitlines() if " -> " in line]
    return any(f":{inode} " in line for line in waiting)


def percent(gateway: Running) -> float:
    found = {one["name"]: one["percent"] for one in gateway.asked("status")["features"]}
    return float(found["reports"])


def test_a_plan_waits_for_a_second_person_at_a_far_step(gateway: Running) -> None:
    """Nobody gets by with a plan where a dial would need two."""
    ann, bob = token_of(gateway, "planner", "operator"), token_of(gateway, "second", "operator")
    assert gateway.cli("plan", "start", "climbing", *WHY, env=ann).returncode == 0
    held = gateway.asked("plan", "show", "climbing")["held"]
    assert "above 10 % it waits for a second person's approval" in held
    done = gateway.cli("plan", "skip", "climbing", *WHY, env=ann)
    assert (done.returncode, "needs a second person" in done.stderr) == (1, True)
    done = gateway.cli("plan", "approve", "climbing", *WHY, env=ann)
    assert (done.returncode, "with another token than 'planner'" in done.stderr) == (1, True)
    assert gateway.cli("plan", "approve", "climbing", *WHY, env=bob).returncode == 0
    found = gateway.asked("plan", "show", "climbing")
    assert found["approved"]
    assert not any("second person" in why for why in found["held"])
    assert gateway.cli("plan", "stop", "climbing", *WHY, env=ann).returncode == 0


def test_what_was_approved_before_a_rollback_is_not_approved_behind_it(gateway: Running) -> None:
    """Who has agreed to the far step had not seen what it was rolled back for."""
    ann, bob = token_of(gateway, "mover", "operator"), token_of(gateway, "agrees", "operator")
    assert gateway.cli("plan", "start", "climbing", *WHY, env=ann).returncode == 0
    assert gateway.cli("plan", "approve", "climbing", *WHY, env=bob).returncode == 0
    gateway.cli("rollback", "climbing", *WHY)
    gateway.cli("restore", "climbing", *WHY)
    found = gateway.asked("plan", "resume", "climbing", *WHY)
    gateway.cli("plan", "stop", "climbing", *WHY)
    assert (found["percent"], found["approved"]) == (5, False)
    assert "above 10 % it waits for a second person's approval" in found["held"]
