"""Two machines and one Redis: what is dialled or taken back on one holds on both; and what becomes of that
when Redis dies, hangs, is emptied, falls back to an older copy, or is not what it should be."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.e2e.machines import KEYS, Machine, Said, two_sides
from tests.support.ports import wait_until
from tests.support.redis import RedisServer, start_redis
from tests.support.spawn import Spawner

KEY = "banyan:state"
ALERT = 'banyan_source_alert{source="redis"} 1.0'
WAIT = 60
"""Seconds for what must come true, on however busy a machine."""
TRIES = 5
"""So often what has to be quick may be held up by the machine it runs on."""


@pytest.fixture(scope="module")
def sides() -> Iterator[tuple[str, str]]:
    with two_sides() as found:
        yield found


class Pair:
    """Two machines over one Redis."""

    def __init__(self, spawn: Spawner, folder: Path, sides: tuple[str, str], redis: RedisServer) -> None:
        self._spawn = spawn
        self.redis = redis
        self.client = Redis(port=redis.port)
        state = f'redis_url = "{redis.url}"'
        self.one = Machine(spawn, folder / "one", sides, state=state)
        self.two = Machine(spawn, folder / "two", sides, state=state)

    @property
    def both(self) -> tuple[Machine, Machine]:
        return self.one, self.two

    def agree(self, percent: float) -> None:
        """Wait until both have this dial."""
        wait_until(lambda: all(one.percent() == percent for one in self.both), WAIT, f"{percent} % on both")

    def version(self) -> int:
        """What is in Redis now."""
        return int(json.loads(self.client.get(KEY) or b"{}").get("version", 0))

    def restart_redis(self) -> None:
        """Another one, empty, at the same place."""
        self.redis = start_redis(self._spawn, self.redis.port)

    def problem(self, machine: Machine) -> str:
        return str(machine.status()["shared"]["problem"])

    def waits_for_alert(self) -> None:
        wait_until(lambda: all(one.status()["shared"]["alert"] for one in self.both), WAIT, "the alert")

    def waits_until_fine(self) -> None:
        wait_until(lambda: all(not self.problem(one) for one in self.both), WAIT, "Redis to be fine again")


def done(machine: Machine, *words: str) -> Any:
    """A change by Ann, once it is not refused: a dial and a restore are, where Redis did not answer within
    half a second."""
    said: list[Said] = []

    def does() -> bool:
        said[:] = [machine.change(*words)]
        return said[0].status == 0

    wait_until(does, WAIT, f"banyan {' '.join(words)}")
    return said[0].data


def refused(machine: Machine, words: tuple[str, ...], because: str) -> None:
    """A change by Ann is refused each time, and sooner or later for this reason: a Redis that is slow is told
    of as well."""

    def says_so() -> bool:
        said = machine.change(*words)
        assert said.status == 1, said.text
        return because in said.text

    wait_until(says_so, WAIT, because)


def changes(machine: Machine) -> list[str]:
    """What was done by people, oldest first, without what was announced and then refused."""
    found: list[str] = []
    for entry in machine.entries():
        action = entry["action"].removesuffix("_failed")
        if action == entry["action"]:
            found.append(action)
        elif action in found:
            del found[len(found) - 1 - found[::-1].index(action)]
    return [action for action in found if action in ("dial", "rollback", "restore")]


@pytest.fixture
def pair(spawn: Spawner, tmp_path: Path, sides: tuple[str, str], redis_server: RedisServer) -> Iterator[Pair]:
    made = Pair(spawn, tmp_path, sides, redis_server)
    yield made
    made.client.close()
    for machine in made.both:
        machine.process.stop(30)


def test_a_dial_and_a_rollback_on_one_machine_hold_on_both(pair: Pair) -> None:
    """Within a second, with who and why in both ledgers; a restore too; and the same users come back."""
    one, two = pair.both
    said = done(one, "dial", "orders", "50")
    assert (said["source"], said["old"], said["new"], said["complete"]) == ("redis", 0, 50, True)
    pair.agree(50)
    assert one.on_new() == two.on_new()
    assert 0 < len(one.on_new()) < len(KEYS)
    assert two.status()["source"]["name"] == "redis"

    users = one.on_new()
    done(one, "dial", "orders", "100")
    late: list[float] = []
    while not late or late[-1] >= 1:
        assert len(late) < TRIES, late
        with one.crowd() as here, two.crowd() as there:
            here.waits_for("new")
            there.waits_for("new")
            asked = time.monotonic()
            answer = two.ask("POST", "/features/orders/rollback", {"reason": "a test", "by": "ann"})
            here.waits_for("legacy", 50)
            there.waits_for("legacy", 50)
        assert answer["complete"]
        assert here.failures == there.failures == []
        assert one.on_new() == two.on_new() == set()
        late.append(max(here.last("new"), there.last("new")) - asked)
        wait_until(lambda: changes(one)[-1] == "rollback", WAIT, "the entry")
        entry = [entry for entry in one.entries() if entry["action"] == "rollback"][-1]
        assert (entry["actor"], entry["reason"], entry["feature"]) == ("ann", "a test", "orders")
        assert "machine" in entry["evidence"]

        done(one, "restore", "orders")
        wait_until(lambda: two.on_new() == set(KEYS), WAIT, "the restore on the other machine")
    done(one, "dial", "orders", "50")
    pair.agree(50)
    assert one.on_new() == two.on_new() == users
    expected = ["dial", "dial", *["rollback", "restore"] * len(late), "dial"]
    for each in pair.both:
        wait_until(lambda at=each: changes(at) == expected, WAIT, f"{expected}")  # type: ignore[misc] # of a default that is bound here
    assert all(each.banyan("ledger", "verify").status == 0 for each in pair.both)


def test_everything_is_taken_back_everywhere_by_a_byte_written_on_one_machine(pair: Pair) -> None:
    """As `banyan rollback` does without a control process: nobody is told by whom, only that it is so."""
    one, two = pair.both
    done(one, "dial", "orders", "100")
    pair.agree(100)
    one.process.signal(signal.SIGSTOP)  # nobody to start another control process meanwhile
    for pid in one.child("gateway.control_process"):
        Machine.kill(pid)
    said = one.change("rollback")
    assert said.status == 0, said.text
    assert said.data["direct"]
    assert one.on_new() == set()
    assert two.on_new() == set(KEYS)  # cut off from its own control process, it has told nobody
    one.process.signal(signal.SIGCONT)
    wait_until(lambda: two.on_new() == set(), WAIT, "the rollback on the other machine")
    assert two.status()["everything_latched"]


def test_a_rollback_in_a_page_made_anew_is_not_taken_for_one_that_was_restored(pair: Pair) -> None:
    """The numbers of its latches begin again; what was known of the old ones says nothing about these."""
    one, two = pair.both
    assert one.change("rollback", "orders").data["complete"]
    wait_until(lambda: two.latched() == {"orders"}, WAIT, "the rollback on the other machine")
    done(one, "restore", "orders")
    wait_until(lambda: not two.latched(), WAIT, "the restore on the other machine")
    one.process.stop(30)
    (one.state / "state.page").unlink()
    one.start()
    said = one.change("rollback", "orders").data
    assert (said["latched"], said["complete"], said["recorded"]) == (True, True, True)
    wait_until(lambda: two.latched() == {"orders"}, WAIT, "the second rollback on the other machine")
    time.sleep(2)  # several looks of everybody
    assert one.latched() == two.latched() == {"orders"}
    assert changes(one) == ["rollback", "restore", "rollback"]


def test_a_disk_that_hangs_keeps_no_rollback_away(pair: Pair) -> None:
    """One cannot write down what was agreed on; it takes a rollback over, and tells of its own."""
    one, two = pair.both
    done(one, "dial", "orders", "100")
    done(one, "dial", "reports", "100")
    pair.agree(100)
    wait_until(lambda: two.percent("reports") == 100, WAIT, "the other dial on both")
    with hanging(one.state / "redis.json.new"):
        two.ask("POST", "/features/orders/rollback", {"reason": "a test", "by": "ann"})
        wait_until(lambda: one.latched() == {"orders"}, WAIT, "the rollback where the disk hangs")
        one.ask("POST", "/features/reports/rollback", {"reason": "a test", "by": "ann"})
        wait_until(lambda: two.latched() == {"orders", "reports"}, WAIT, "its own on the other machine")
        assert one.on_new() == two.on_new() == set()
        assert one.latched() == {"orders", "reports"}
    done(one, "restore", "orders")
    wait_until(lambda: two.latched() == {"reports"}, WAIT, "the restore on the other machine")
    assert one.latched() == {"reports"}


@contextlib.contextmanager
def hanging(file: Path) -> Iterator[None]:
    """Whoever opens this file to write it waits until this is over: a pipe that nobody reads."""

    def made() -> bool:
        try:
            os.mkfifo(file)
        except FileExistsError:
            return False  # just being written
        return True

    wait_until(made, WAIT, "a moment without a write")
    try:
        yield
    finally:
        reader = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
        file.unlink(missing_ok=True)  # the writer itself may have
        os.close(reader)


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_without_redis_nobody_moves_a_rollback_holds_here_and_reaches_the_others_later(
    pair: Pair, how: str
) -> None:
    """A dial and a restore are refused with a sentence; the age is shown; no request is lost."""
    one, two = pair.both
    done(one, "dial", "orders", "100")
    pair.agree(100)
    late: list[float] = []
    while not late or late[-1] >= 1:
        assert len(late) < TRIES, late
        with one.crowd() as here, two.crowd() as there:
            pair.redis.process.signal(signal.SIGKILL if how == "killed" else signal.SIGSTOP)
            pair.waits_for_alert()
            assert one.status()["shared"]["age_seconds"] > 0
            wait_until(lambda: ALERT in one.metrics(), WAIT, "the alert in the metrics")
            refused(one, ("dial", "orders", "40"), "The dial was not moved. Redis")
            assert one.percent() == 100
            here.waits_for("new")
            asked = time.monotonic()
            answer = one.ask("POST", "/features/orders/rollback", {"reason": "a test", "by": "ann"})
            here.waits_for("legacy", 50)
            assert (answer["complete"], answer["recorded"]) == (True, True)
            late.append(here.last("new") - asked)
            there.waits_for("new")
            refused(one, ("restore", "orders"), "Nothing was restored. The other machines cannot be asked.")
            if how == "killed":
                pair.restart_redis()
            else:
                pair.redis.process.signal(signal.SIGCONT)
            pair.waits_until_fine()
            there.waits_for("legacy", 50)
        assert here.failures == there.failures == []
        assert one.on_new() == two.on_new() == set()
        assert pair.one.percent() == pair.two.percent() == 100
        done(one, "restore", "orders")
        for each in pair.both:
            wait_until(lambda at=each: at.on_new() == set(KEYS), WAIT, "the restore on both")  # type: ignore[misc] # of a default that is bound here


def test_an_older_copy_is_refused_and_given_back_what_is_in_force(pair: Pair) -> None:
    """A failover to a replica that was behind: neither the old dial nor the old rollback comes again."""
    one, two = pair.both
    done(one, "dial", "orders", "20")
    pair.agree(20)
    one.change("rollback", "orders")
    wait_until(lambda: two.status()["features"][0]["latched"], WAIT, "the rollback on the other machine")
    older = pair.client.get(KEY)
    assert older is not None
    done(one, "restore", "orders")
    done(one, "dial", "orders", "80")
    pair.agree(80)
    version = pair.version()
    pair.client.set(KEY, older)
    wait_until(lambda: pair.version() > version, WAIT, "what is in force to be written back")
    assert one.percent() == two.percent() == 80
    wait_until(
        lambda: not any(each.status()["features"][0]["latched"] for each in pair.both), WAIT, "no latch"
    )

    def told() -> bool:
        entries = [entry for each in pair.both for entry in each.entries()]
        return any(entry["action"] == "source_behind" and "behind" in entry["reason"] for entry in entries)

    wait_until(told, WAIT, "the older copy in a ledger")

    version = pair.version()
    pair.client.flushall()
    wait_until(lambda: pair.version() > version, WAIT, "an empty Redis to be filled again")
    assert one.percent() == two.percent() == 80


def test_what_is_no_state_of_ours_or_cannot_be_written_changes_nothing(pair: Pair) -> None:
    """Rubbish in the key, a list in its place, no memory left, a read-only replica: the last good state, and
    why."""
    one, two = pair.both
    done(one, "dial", "orders", "60")
    pair.agree(60)
    pair.client.set(KEY, b"\xff rubbish")
    refusal = re.compile("is not believed.*Delete that key", re.DOTALL)
    wait_until(lambda: bool(refusal.search(pair.problem(one))), WAIT, "the refusal")
    pair.client.delete(KEY)
    pair.waits_until_fine()
    with pair.client.pipeline() as at_once:  # else it may be there again in between
        at_once.delete(KEY)
        at_once.rpush(KEY, "a list")
        at_once.execute()
    wait_until(lambda: "WRONGTYPE" in pair.problem(two), WAIT, "the refusal")
    pair.client.delete(KEY)
    pair.waits_until_fine()
    assert one.percent() == two.percent() == 60

    pair.client.config_set("maxmemory", "1")
    refused(one, ("dial", "orders", "70"), "Redis cannot be used: OOM command not allowed")
    one.change("rollback", "reports")
    pair.client.config_set("maxmemory", "0")
    wait_until(lambda: two.status()["features"][1]["latched"], WAIT, "the rollback on the other machine")

    pair.client.config_set("replica-read-only", "yes")
    pair.client.replicaof("127.0.0.1", "1")
    refused(two, ("dial", "orders", "70"), "READONLY You can't write against a read only replica.")
    pair.client.replicaof("NO", "ONE")
    done(two, "dial", "orders", "70")
    pair.agree(70)


def test_a_cold_start_without_redis_goes_by_the_disk_else_legacy(
    spawn: Spawner, tmp_path: Path, sides: tuple[str, str], redis_server: RedisServer
) -> None:
    """Also where the file says that a feature begins at 100 %: what the others have dialled is not known."""
    state = f'redis_url = "{redis_server.url}"'
    one = Machine(spawn, tmp_path / "one", sides, state=state, percent=100)
    wait_until(lambda: one.percent() == 100, WAIT, "the first dial, of the configuration")
    done(one, "dial", "orders", "30")
    users = one.on_new()
    one.process.stop(30)
    redis_server.process.signal(signal.SIGKILL)
    redis_server.process.wait()
    one.start()
    assert one.on_new() == users
    assert one.percent() == 30
    one.process.stop(30)
    shutil.rmtree(one.state)
    one.start()
    assert one.on_new() == set()
    wait_until(lambda: one.status()["shared"]["alert"], WAIT, "the alert")
    assert one.status()["shared"]["age_seconds"] is None
    one.process.stop(30)


def test_something_else_at_the_address_is_no_redis(
    spawn: Spawner, tmp_path: Path, sides: tuple[str, str]
) -> None:
    """A server of another kind answers with what no Redis says; it may be set right without a restart."""
    state = f'redis_url = "{sides[0].replace("http", "redis")}"'
    one = Machine(spawn, tmp_path / "one", sides, state=state)
    wait_until(lambda: one.status()["shared"]["alert"], WAIT, "the alert")
    wait_until(lambda: "cannot be used" in one.status()["shared"]["problem"], WAIT, "the problem")
    refused(one, ("dial", "orders", "10"), "The dial was not moved")
    assert one.change("rollback").status == 0
    one.process.stop(30)


def test_a_wrong_password_is_said_and_the_right_one_is_read_again(
    spawn: Spawner, tmp_path: Path, sides: tuple[str, str], redis_server: RedisServer
) -> None:
    """From its file, which may be replaced while the gateway runs."""
    client = Redis(port=redis_server.port)
    client.config_set("requirepass", "right")
    secret = tmp_path / "password"
    secret.write_text("wrong\n")
    state = f'redis_url = "{redis_server.url}"\nredis_password_file = "{secret}"'
    one = Machine(spawn, tmp_path / "one", sides, state=state)
    wait_until(lambda: one.status()["shared"]["alert"], WAIT, "the alert")
    wrong = re.compile("WRONGPASS|invalid")
    wait_until(lambda: bool(wrong.search(one.status()["shared"]["problem"])), WAIT, "the problem")
    secret.write_text("right\n")
    wait_until(lambda: not one.status()["shared"]["problem"], WAIT, "Redis to be fine")
    done(one, "dial", "orders", "10")
    assert "right" not in (tmp_path / "one" / "state" / "redis.json").read_text()
    client.close()
    one.process.stop(30)
