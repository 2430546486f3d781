"""`gateway/supervisor.py` as a process: real sockets, real children, signals."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import threading
from pathlib import Path

import pytest

from flags import PAGE_NAME, Entry, Ledger, StateFile, StatePage
from gateway.config import load_config
from gateway.notes import OFFSETS_FILE
from gateway.page_keeper import HELD_NAME
from gateway.premises import Premises
from gateway.runtime_note import read_runtime
from tests.gateway.running import Running, again, banyan, start, write_config
from tests.support.ports import wait_until
from tests.support.spawn import Spawner


@pytest.fixture
def gateway(spawn: Spawner, tmp_path: Path) -> Running:
    return Running(spawn, tmp_path)


def _refusal(spawn: Spawner, config: Path) -> str:
    process = start(spawn, config, ready=False)
    assert process.wait(60) == 2
    return next(line for line in process.output().splitlines() if line.startswith("REFUSED ")).removeprefix(
        "REFUSED "
    )


def test_it_is_ready_when_every_worker_is_up_and_leaves_nothing_behind(gateway: Running) -> None:
    assert len(gateway.pids()) == 2
    note = read_runtime(gateway.state)
    assert note is not None
    assert (note.pid, note.admin, note.traffic) == (
        gateway.process.pid,
        gateway.admin,
        gateway.ready["traffic"],
    )
    runtime, children = Path(note.runtime), gateway.children()
    assert runtime.stat().st_mode & 0o777 == 0o700
    assert gateway.connect() in gateway.pids()
    gateway.process.signal(signal.SIGTERM)
    assert gateway.process.wait(60) == 0
    assert not runtime.exists()
    assert read_runtime(gateway.state) is None
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]


def test_a_worker_that_dies_is_replaced(gateway: Running) -> None:
    before = gateway.pids()
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: victim not in gateway.pids() and len(gateway.pids()) == 2, 60, "a replacement")
    assert before - {victim} < gateway.pids()


def test_a_child_that_could_not_be_started_is_started_when_it_can_be(gateway: Running) -> None:
    """No descriptor is left to start it with, as after a leak or a limit that is too low."""
    before, pid = gateway.pids(), gateway.process.pid
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        os.kill(min(before), signal.SIGKILL)
        wait_until(lambda: "could not be started" in gateway.process.output(), 60, "the failure")
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    after = gateway.wait_for_workers(2)
    assert len(after - before) == 1


def test_a_page_that_the_offsets_cannot_follow_starts_all_the_same(tmp_path: Path) -> None:
    """Neither written nor removed, as on a disk that is read-only by now: somebody has to be told."""
    stale = tmp_path / "var" / OFFSETS_FILE
    stale.mkdir(parents=True)
    premises = Premises(load_config(write_config(tmp_path), {}))
    warnings = premises.warnings
    premises.close()
    assert any(str(stale) in one and "rollback.sh" in one for one in warnings)


def test_a_control_process_that_dies_is_replaced_on_the_same_port_and_forgets_no_count(
    gateway: Running,
) -> None:
    for _ in range(5):
        gateway.connect()
    wait_until(lambda: _requests(gateway) == 5, 60, "the counts")
    # The worker's totals die with it; the board has them. Then the board's process dies too.
    victims = gateway.pids()
    for pid in victims:
        os.kill(pid, signal.SIGTERM)
    gateway.wait_for_workers(2, besides=victims)
    wait_until(lambda: (Path(read_runtime(gateway.state).runtime) / "totals").stat().st_size > 0, 60)  # type: ignore[union-attr]
    gateway.connect()
    wait_until(lambda: _requests(gateway) == 6, 60, "the counts of the new workers")
    control = gateway.control_pid()
    wait_until(lambda: _saved_since(gateway, _requests(gateway)), 60)
    os.kill(control, signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{control}").exists(), 60)
    wait_until(lambda: _requests(gateway) == 6, 60, "the same counts from another process")


def _saved_since(gateway: Running, total: int) -> bool:
    note = read_runtime(gateway.state)
    assert note is not None
    before = (Path(note.runtime) / "totals").stat().st_mtime_ns
    wait_until(lambda: (Path(note.runtime) / "totals").stat().st_mtime_ns > before, 60)
    return total == 6


def _requests(gateway: Running) -> int:
    try:
        text = gateway.call("GET", "/metrics").text
    except OSError:
        return -1
    rows = [line for line in text.splitlines() if line.startswith("banyan_requests_total{")]
    return int(sum(float(row.split()[-1]) for row in rows))


def test_sigterm_lets_what_is_in_flight_finish(gateway: Running) -> None:
    answers: list[int] = []
    client = threading.Thread(target=lambda: answers.append(gateway.connect(b"slow\n")))
    client.start()
    wait_until((gateway.state / "slow-begun").exists, 60, "a request in flight")
    gateway.process.signal(signal.SIGTERM)
    client.join(60)
    assert len(answers) == 1
    assert gateway.process.wait(60) == 0
    with pytest.raises(OSError, match="refused"):
        gateway.connect()


def test_sighup_takes_a_good_file_over_with_new_workers_and_the_same_port(gateway: Running) -> None:
    before = gateway.pids()
    text = gateway.config.read_text().replace("workers = 2", "workers = 3")
    gateway.config.write_text(text + '[[feature]]\nname = "later"\nmatch = ["/later"]\n')
    gateway.process.signal(signal.SIGHUP)
    after = gateway.wait_for_workers(3, besides=before)
    wait_until(lambda: not before & gateway.pids(), 60, "the old workers' end")
    assert gateway.connect() in after
    wait_until(lambda: "later" in [one["name"] for one in gateway.asked("status")["features"]], 60)


def test_sighup_with_a_bad_file_changes_nothing_and_says_why(gateway: Running) -> None:
    before = gateway.pids()
    gateway.config.write_text(gateway.config.read_text() + "\n[sticky]\nnonsense = 1\n")
    gateway.process.signal(signal.SIGHUP)
    wait_until(lambda: "not taken over" in gateway.process.output(), 60, "the refusal")
    assert "sticky.nonsense" in gateway.process.output()
    assert gateway.pids() == before


def test_sighup_with_another_state_names_the_key_and_no_secret(gateway: Running) -> None:
    text = gateway.config.read_text()
    gateway.config.write_text(
        f'{text}\n[state]\nredis_url = "redis://:pa55word@127.0.0.1:1/0"\n'
        '[alerts]\nwebhook_url = "https://hooks.example.org/T0K3N"\n'
    )
    gateway.process.signal(signal.SIGHUP)
    wait_until(lambda: "not taken over" in gateway.process.output(), 60, "the refusal")
    assert "state cannot change while the gateway runs" in gateway.process.output()
    gateway.config.write_text(f'{text}\n[alerts]\nwebhook_url = "https://hooks.example.org/T0K3N"\n')
    gateway.process.signal(signal.SIGHUP)
    wait_until(lambda: "alerts cannot change" in gateway.process.output(), 60, "the second refusal")
    assert not [secret for secret in ("pa55word", "T0K3N") if secret in gateway.process.output()]


def test_sighup_with_workers_that_do_not_start_keeps_the_old_ones(gateway: Running) -> None:
    before = gateway.pids()
    (gateway.state / "refuse-workers").touch()
    gateway.process.signal(signal.SIGHUP)
    wait_until(lambda: "the old ones stay" in gateway.process.output(), 60, "the refusal")
    assert gateway.pids() == before
    assert gateway.connect() in before


def test_sighup_with_one_worker_that_does_not_start_keeps_all_the_old_ones(gateway: Running) -> None:
    """Not some with the new configuration beside some with the old: those that came up go again."""
    before = gateway.pids()
    (gateway.state / "refuse-workers").write_text("1")
    text = gateway.config.read_text()
    gateway.config.write_text(text + '[[feature]]\nname = "later"\nmatch = ["/later"]\n')
    gateway.process.signal(signal.SIGHUP)
    wait_until(lambda: "the old ones stay" in gateway.process.output(), 60, "the refusal")
    wait_until(lambda: gateway.pids() == before, 60, "the old workers alone")
    assert gateway.connect() in before
    wait_until(lambda: "later" not in [one["name"] for one in gateway.asked("status")["features"]], 60)
    (gateway.state / "refuse-workers").unlink()
    gateway.process.signal(signal.SIGHUP)
    after = gateway.wait_for_workers(2, besides=before)
    wait_until(lambda: gateway.pids() == after - before, 60, "the new workers alone")
    wait_until(lambda: "later" in [one["name"] for one in gateway.asked("status")["features"]], 60)


def test_workers_end_when_the_supervisor_is_gone(gateway: Running) -> None:
    children = gateway.children()
    os.kill(gateway.process.pid, signal.SIGKILL)
    gateway.process.wait()
    wait_until(lambda: not [pid for pid in children if _runs(pid)], 60, "the children's end")


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_a_second_gateway_on_the_same_folder_is_told_who_has_it(gateway: Running, spawn: Spawner) -> None:
    refused = _refusal(spawn, gateway.config)
    assert str(gateway.process.pid) in refused
    assert str(gateway.state) in refused
    assert len(gateway.pids()) == 2


@pytest.mark.parametrize("key", ["traffic", "admin"])
def test_a_taken_port_is_one_sentence_with_the_address(spawn: Spawner, tmp_path: Path, key: str) -> None:
    config = write_config(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        config.write_text(config.read_text().replace(f'{key} = "127.0.0.1:0"', f'{key} = "{address}"'))
        refused = _refusal(spawn, config)
    assert refused == f"The address {address} (listen.{key}) cannot be listened on: Address already in use."


def test_a_state_folder_that_cannot_be_is_one_sentence(spawn: Spawner, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    config = write_config(tmp_path, more='[state]\ndir = "file/var"\n')
    refused = _refusal(spawn, config)
    assert refused.startswith(f"The state folder {tmp_path}/file/var cannot be made: ")


def test_a_token_file_that_cannot_be_used_ends_the_start(spawn: Spawner, tmp_path: Path) -> None:
    config = write_config(tmp_path)
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "tokens.json").write_text("{}")
    refused = _refusal(spawn, config)
    assert "control" in refused
    assert "tokens.json" in spawn.started[-1].output()


def test_a_rollback_made_while_nobody_was_alive_holds_and_is_in_the_ledger(gateway: Running) -> None:
    gateway.process.stop()
    done = gateway.cli("rollback", "orders", "--reason", "at night", "--by", "ann")
    assert done.returncode == 0, done.stderr
    # As if the command had died before it could write anything down: the page alone knows.
    for file in ("state.json", "state.json.previous", "ledger.jsonl", "ledger.head"):
        (gateway.state / file).unlink(missing_ok=True)
    gateway.start()
    stored = StateFile(gateway.state).load()
    assert stored is not None
    assert stored.latched == ("orders",)
    wait_until(lambda: bool(Ledger(gateway.state).entries(1)), 60, "the entry")
    last: Entry = Ledger(gateway.state).entries(1)[0]
    assert (last.action, last.feature, last.reason) == (
        "rollback",
        "orders",
        "rolled back directly on the machine",
    )


# --- the state page while the gateway runs --------------------------------------------------------


def _inode(gateway: Running) -> int:
    try:
        return (gateway.state / PAGE_NAME).stat().st_ino
    except OSError:
        return 0


def _everybody_obeys(gateway: Running) -> bool:
    page = StatePage.open(gateway.state / PAGE_NAME)
    try:
        rows = page.rows()
        return len(rows) == 2 and {row.stamp for row in rows} == {page.stamp()}
    finally:
        page.close()


def _rolls_back(gateway: Running) -> None:
    done = again(
        lambda: gateway.cli("rollback", "orders", "--reason", "r"),
        lambda done: "Not yet confirmed" in done.stdout,  # a worker stood still for longer than is waited
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 workers have it" in done.stdout
    wait_until(lambda: _everybody_obeys(gateway), 60, "one page for all")
    assert next(one for one in gateway.asked("status")["features"] if one["name"] == "orders")["latched"]


@pytest.mark.parametrize("then", ["nothing", "reload", "worker"])
def test_a_page_that_is_deleted_is_put_back_and_stays_everybodys(gateway: Running, then: str) -> None:
    before, page = gateway.pids(), _inode(gateway)
    (gateway.state / PAGE_NAME).unlink()
    if then == "reload":
        gateway.process.signal(signal.SIGHUP)
        wait_until(lambda: "configuration taken over" in gateway.process.output(), 60, "the reload")
        gateway.wait_for_workers(2, besides=before)
    elif then == "worker":
        os.kill(min(before), signal.SIGKILL)
    wait_until(lambda: _inode(gateway) == page, 60, "the page")
    gateway.wait_for_workers(2, besides=frozenset() if then == "nothing" else before - {max(before)})
    _rolls_back(gateway)


@pytest.mark.parametrize("how", ["cut", "overwritten", "all names gone"])
def test_a_page_that_is_lost_is_made_again_and_everybody_moves(gateway: Running, how: str) -> None:
    gateway.cli("dial", "orders", "30", "--reason", "r")
    before, page = gateway.pids(), gateway.state / PAGE_NAME
    inode = _inode(gateway)
    if how == "cut":
        os.truncate(page, 0)
    elif how == "overwritten":
        page.write_bytes(b"garbage")
    else:
        (gateway.state / HELD_NAME).unlink()
        page.unlink()
    wait_until(lambda: _inode(gateway) not in (0, inode), 60, "a new page")
    wait_until(lambda: not before & gateway.pids() and len(gateway.pids()) == 2, 60, "new workers")
    wait_until(lambda: gateway.cli("status").returncode == 0, 60, "the control process")
    wait_until(lambda: "replaced, to use the new" in gateway.process.output(), 60, "the log")
    assert gateway.asked("status")["features"][0]["percent"] == 30
    _rolls_back(gateway)


def test_a_worker_that_hangs_is_seen_waited_for_and_replaced(gateway: Running) -> None:
    victim = min(gateway.pids())
    os.kill(victim, signal.SIGSTOP)
    done = gateway.cli("rollback", "orders", "--reason", "r")
    assert (done.returncode, f"Not yet confirmed by processes {victim}" in done.stdout) == (2, True)
    shown = {one["pid"]: one["age_seconds"] for one in gateway.asked("status")["workers"]}
    assert shown.get(victim, 3) > 2  # it may have been replaced by now
    silent = f"(process {victim}) has not said anything"
    wait_until(lambda: silent in gateway.process.output(), 60, "the log")
    wait_until(lambda: f"(process {victim}) hangs" in gateway.process.output(), 60, "the log")
    wait_until(lambda: victim not in gateway.pids() and len(gateway.pids()) == 2, 60, "a replacement")
    _rolls_back(gateway)


# --- a full disk, and a reload that is refused ----------------------------------------------------


def test_it_starts_when_nothing_more_can_be_written(spawn: Spawner, tmp_path: Path) -> None:
    """A disk that is full costs the notes, not the start."""
    gateway = Running(spawn, tmp_path)
    gateway.process.stop()
    for name in ("state.page.offsets.new", "runtime.new", "state.json.new"):
        (gateway.state / name).mkdir()
    (gateway.state / "state.page.offsets").unlink()
    gateway.start()
    assert len(gateway.pids()) == 2
    assert "could not be written" in gateway.process.output()
    gateway.process.signal(signal.SIGHUP)
    wait_until(lambda: "configuration taken over" in gateway.process.output(), 60, "the reload")


def test_a_reload_that_is_refused_has_no_effect(gateway: Running) -> None:
    before = gateway.asked("status")
    note = read_runtime(gateway.state)
    assert note is not None
    (Path(note.runtime) / "config.json.next.new").mkdir()
    text = gateway.config.read_text()
    gateway.config.write_text(text[: text.index("[[feature]]", text.index("[[feature]]") + 1)])
    gateway.process.signal(signal.SIGHUP)
    wait_until(lambda: "not taken over" in gateway.process.output(), 60, "the refusal")
    after = gateway.asked("status")
    assert (after["revision"], after["features"]) == (before["revision"], before["features"])
    assert gateway.cli("rollback", "reports", "--reason", "r").returncode == 0


def test_the_status_names_an_ipv6_admin_port_as_others_can_ask_it(spawn: Spawner, tmp_path: Path) -> None:
    config = write_config(tmp_path, workers=1)
    config.write_text(config.read_text().replace('admin = "127.0.0.1:0"', 'admin = "[::1]:0"'))
    start(spawn, config, ready=True)
    note = read_runtime(tmp_path / "var")
    assert note is not None
    done = banyan("-c", str(config), "--json", "status")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["admin"] == note.admin
    assert note.admin.startswith("http://[::1]:")


def test_a_start_records_that_entries_of_the_ledger_are_missing(gateway: Running) -> None:
    for percent in ("1", "2"):
        gateway.cli("dial", "orders", percent, "--reason", "r")
    path = gateway.state / "ledger.jsonl"
    path.write_text(path.read_text().splitlines(keepends=True)[0])
    refused = gateway.cli("dial", "orders", "3", "--reason", "cover")
    assert (refused.returncode, "entry 2 was written" in refused.stderr) == (1, True)
    gateway.process.stop()
    gateway.start()
    assert gateway.cli("dial", "orders", "3", "--reason", "r").returncode == 0
    verified = gateway.cli("ledger", "verify")
    assert (verified.returncode, "entry 2 was written" in verified.stdout + verified.stderr) == (1, True)
