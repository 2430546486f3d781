"""`deploy/rollback.sh` for real: over the admin port, and without it straight into the state page."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flags import PAGE_NAME, FlagSnapshot, StatePage
from tests.gateway.running import Running, clean
from tests.support.ports import LOOPBACK, free_port, wait_until
from tests.support.spawn import ROOT, Spawner

SCRIPT = ROOT / "deploy" / "rollback.sh"
SHELLS = [name for name in ("dash", "bash", "sh") if shutil.which(name)]
FEATURES = ("orders", "reports")


@pytest.fixture(scope="module")
def gateway(spawn_for_module: Spawner, tmp_path_factory: pytest.TempPathFactory) -> Running:
    return Running(spawn_for_module, tmp_path_factory.mktemp("gateway"))


@pytest.fixture(autouse=True)
def _restored(gateway: Running) -> Iterator[None]:
    yield
    for path in ("", "/features/orders", "/features/reports"):
        gateway.call("DELETE", f"/api/v1{path}/rollback", json={"reason": "after a test"})


@contextmanager
def nobody_at_the_admin_port(gateway: Running) -> Iterator[None]:
    """The control process stands still; so does its supervisor, which would replace it after a while."""
    still = (gateway.process.pid, gateway.control_pid())
    for process in still:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in reversed(still):
            os.kill(process, signal.SIGCONT)


@pytest.fixture
def _frozen(gateway: Running) -> Iterator[None]:
    with nobody_at_the_admin_port(gateway):
        yield


def rollback(
    gateway: Running, *words: str, shell: str = "sh", **env: str
) -> subprocess.CompletedProcess[str]:
    own = clean({"BANYAN_STATE_DIR": str(gateway.state), **env})
    return subprocess.run(
        [shell, str(SCRIPT), *words], capture_output=True, text=True, env=own, timeout=60, check=False
    )


def over_the_admin_port(
    gateway: Running, *words: str, shell: str = "sh", **env: str
) -> subprocess.CompletedProcess[str]:
    """The same, by way of the admin port: the script asks that for half a second only, and a busy
    machine may need more. What was then done without it is done again."""
    for _ in range(30):
        done = rollback(gateway, *words, shell=shell, **env)
        late = "directly on this machine" in done.stdout or "not every worker has confirmed" in done.stderr
        if not late:
            return done
        path = f"/features/{words[0]}" if words else ""
        gateway.call("DELETE", f"/api/v1{path}/rollback", json={"reason": "once more"})
    raise AssertionError("the admin port never answered in time")


def snapshot(gateway: Running) -> FlagSnapshot:
    page = StatePage.open(gateway.state / PAGE_NAME)
    try:
        return page.read()
    finally:
        page.close()


def stamp(gateway: Running) -> bytes:
    return (gateway.state / PAGE_NAME).read_bytes()[64:80]


def latch_stamp(gateway: Running) -> int:
    return int.from_bytes(stamp(gateway)[8:], "little")


def everybody_has_it(gateway: Running) -> bool:
    now = stamp(gateway)
    return [row.stamp for row in gateway.rows()] == [now, now]


@pytest.mark.parametrize("shell", SHELLS)
def test_it_parses_everywhere(shell: str) -> None:
    subprocess.run([shell, "-n", str(SCRIPT)], check=True)


def test_shellcheck_has_nothing_to_say() -> None:
    if (tool := shutil.which("shellcheck")) is None:
        pytest.skip("no shellcheck on this machine")
    subprocess.run([tool, str(SCRIPT)], check=True)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("word", ["--help", "-h"])
def test_help_says_how_and_does_nothing(gateway: Running, shell: str, word: str) -> None:
    before = stamp(gateway)
    done = rollback(gateway, word, shell=shell)
    assert done.returncode == 0
    assert "rollback.sh [FEATURE]" in done.stdout
    assert "BANYAN_STATE_DIR" in done.stdout
    assert "set -u" not in done.stdout
    wrong = rollback(gateway, "--hlep", shell=shell)
    assert (wrong.returncode, "--help" in wrong.stderr) == (2, True)
    assert stamp(gateway) == before


@pytest.mark.parametrize("shell", SHELLS)
def test_over_the_admin_port(gateway: Running, shell: str) -> None:
    done = over_the_admin_port(gateway, "orders", shell=shell, BANYAN_REASON='it "broke" \\ b\tadly')
    assert done.returncode == 0, done.stderr
    assert re.match(r"orders: rolled back; 2 workers have it after \d+\.\d+", done.stdout)
    assert snapshot(gateway).feature("orders").latched
    assert not snapshot(gateway).everything_latched
    last = gateway.call("GET", "/api/v1/ledger").json()[0]
    assert (last["action"], last["feature"], last["reason"]) == ("rollback", "orders", 'it "broke" \\ b adly')


@pytest.mark.parametrize(("reason", "kept"), [("x" * 9000, "x" * 2000), (" \t", "rollback.sh, run by ")])
def test_no_reason_is_too_long_or_too_short(gateway: Running, reason: str, kept: str) -> None:
    done = over_the_admin_port(gateway, "orders", BANYAN_REASON=reason)
    assert done.returncode == 0, done.stderr
    assert snapshot(gateway).feature("orders").latched
    assert gateway.call("GET", "/api/v1/ledger").json()[0]["reason"].startswith(kept)


def test_everything_over_the_admin_port(gateway: Running) -> None:
    done = over_the_admin_port(gateway)
    assert done.returncode == 0, done.stderr
    assert snapshot(gateway).everything_latched


def test_an_unknown_feature_is_refused_with_the_names(gateway: Running) -> None:
    for name in ("order", "a b..c%\"'\\"):
        done = rollback(gateway, name)
        assert done.returncode == 2
        assert "orders, reports" in done.stderr


@pytest.mark.parametrize("name", ["..", ".", "", "../orders", "Orders", "orders/", "a" * 65, "orders\n"])
def test_what_can_be_no_feature_changes_nothing(gateway: Running, name: str) -> None:
    before = stamp(gateway)
    done = rollback(gateway, name)
    assert (done.returncode, "there is no feature" in done.stderr) == (2, True)
    assert stamp(gateway) == before


@pytest.mark.usefixtures("_frozen")
@pytest.mark.parametrize("shell", SHELLS)
def test_twice_in_a_row_it_holds_and_can_be_told_apart(gateway: Running, shell: str) -> None:
    page = StatePage.open(gateway.state / PAGE_NAME)
    marks = []
    for _ in range(3):
        assert rollback(gateway, "orders", shell=shell).returncode == 0
        marks.append(page.latch_mark("orders"))
        assert page.read().feature("orders").latched
    page.close()
    assert len(set(marks)) == 3


@pytest.mark.usefixtures("_frozen")
@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("feature", ["orders", ""])
def test_without_the_admin_port_every_worker_takes_it_over(
    gateway: Running, shell: str, feature: str
) -> None:
    before = latch_stamp(gateway)
    done = rollback(gateway, *filter(None, [feature]), shell=shell)
    assert done.returncode == 0, done.stderr
    assert latch_stamp(gateway) == before + 1  # workers look at nothing else
    assert "directly on this machine" in done.stdout
    assert snapshot(gateway).latched("orders")
    assert snapshot(gateway).everything_latched is not bool(feature)
    wait_until(lambda: everybody_has_it(gateway), what="the workers' acknowledgement")


@pytest.mark.usefixtures("_frozen")
def test_without_the_admin_port_an_unknown_feature_is_refused(gateway: Running) -> None:
    before = stamp(gateway)
    done = rollback(gateway, "order")
    assert done.returncode == 2
    assert "orders" in done.stderr
    assert stamp(gateway) == before


def test_a_direct_one_is_in_the_ledger_once_somebody_can_write_it(gateway: Running) -> None:
    with nobody_at_the_admin_port(gateway):
        done = rollback(gateway, "reports")
    assert done.returncode == 0

    def told() -> bool:
        last = gateway.call("GET", "/api/v1/ledger").json()[0]
        return (last["feature"], last["reason"]) == ("reports", "rolled back directly on the machine")

    wait_until(told, what="the entry")


def test_elsewhere_with_nobody_there_it_could_not_tell(tmp_path: Path) -> None:
    own = clean(
        {"BANYAN_STATE_DIR": str(tmp_path), "BANYAN_ADMIN": "http://127.0.0.1:1", "BANYAN_TOKEN": "t"}
    )
    done = subprocess.run(
        ["sh", str(SCRIPT)], capture_output=True, text=True, env=own, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "no state page" in done.stderr


def test_other_machines_that_hear_nothing_are_no_failure_here(spawn: Spawner, tmp_path: Path) -> None:
    """The shared Redis is dead: it holds here all the same, and what is said of the others is told apart."""
    redis = f'[state]\nredis_url = "redis://{LOOPBACK}:{free_port()}"\n'
    alone = Running(spawn, tmp_path, more=redis)
    done = over_the_admin_port(alone, "orders")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("orders: rolled back; 2 workers have it after ")
    assert "not every other machine has confirmed it yet" in done.stdout
    assert snapshot(alone).latched("orders")


def test_the_token_is_on_no_command_line(gateway: Running) -> None:
    assert '$BANYAN_TOKEN" | curl' in SCRIPT.read_text()

    def refused() -> bool:
        """Whether the admin port was asked at all, which it is for half a second only."""
        done = rollback(gateway, "orders", BANYAN_TOKEN="wrong")
        assert done.returncode == 0
        assert "directly" in done.stdout
        return "401" in done.stderr

    wait_until(refused, what="a word of the admin port")
