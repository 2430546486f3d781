"""A plan through the front door: it climbs by itself on good traffic, holds on too little, and what is proven
broken is taken back by itself. A whole gateway, two applications, the command line.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from flags import position
from tests.gateway.running import banyan
from tests.operations.applications import Application, Users, applications
from tests.operations.gateway import Gateway, write_config
from tests.support.ports import wait_until
from tests.support.spawn import Spawner

GUARD = (
    "guard = { max_error_rate = 0.01, max_p95 = 5, max_p95_ratio = 1000, "
    "max_mismatch_rate = 0.2, min_samples = 30 }"
)
QUICK = "max_p95 = 0.5"
"""What a busy machine keeps as well, unless the application itself is slower."""
BREAKER = "breaker = { failures = 1000 }"
"""The judge is to see it, and not the breaker to hide it."""
LOOKS = 0.6
"""Seconds in which the judge looks twice."""
STICKY = '[sticky]\nkeys = ["header:X-User"]\n'
MANY = 20_000


def feature(name: str, plan: str, guard: str = GUARD, shadow: int = 0) -> str:
    """``shadow``: percent of the requests that are compared. What a busy machine does not come to compare
    holds a plan, and rightly so: where there are comparisons, users come no faster than those are made."""
    lines = [f'[[feature]]\nname = "{name}"\nmatch = ["/{name}/*"]', guard, BREAKER]
    return "\n".join([*lines, f"plan = {plan}", f"shadow = {{ percent = {shadow} }}", ""])


class House:
    """A gateway in front of two applications, its users, and its operator."""

    def __init__(
        self,
        spawn: Spawner,
        folder: Path,
        both: tuple[Application, Application],
        *features: str,
        state: str = "",
    ) -> None:
        self.legacy, self.new = both
        self._spawn = spawn
        more = "\n".join((state, STICKY, *features))
        self.config = write_config(folder, self.legacy.url, self.new.url, more=more)
        self.start()

    def start(self) -> None:
        self.gateway = Gateway(self._spawn, self.config)
        self.users = Users(self.gateway.port)

    def restart(self) -> None:
        self.users.close()
        self.gateway.process.signal(15)
        assert self.gateway.process.wait(30) == 0
        self.start()

    def kill(self, module: str) -> None:
        """One process of the gateway that runs this module, without a word."""
        os.kill(self.child(module), 9)

    def child(self, module: str) -> int:
        """One process of the gateway that runs this module."""
        return self.gateway.children(module)[0]

    def said(self, *words: str) -> Any:
        """What a command answers, which must do as it was told."""
        done = banyan("-c", str(self.config), "--json", *words)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def does(self, *words: str) -> Any:
        return self.said(*words, "--reason", "a test", "--by", "ann")

    def restores(self, name: str) -> None:
        """What was rolled back is so no more, and its dial is where the rollback has put it."""
        wait_until(lambda: not self.feature(name)["percent"], what="the dial")
        self.does("restore", name)

    def refused(self, *words: str) -> str:
        done = banyan("-c", str(self.config), *words, "--reason", "a test")
        assert done.returncode == 1, done.stdout + done.stderr
        return done.stderr

    def tells(self, path: str) -> Any:
        """What is done by the admin API, at once."""
        return self.asked(path, {"reason": "a test", "by": "ann"}, "POST")

    def asked(self, path: str, put: Any = None, method: str = "PUT") -> Any:
        """What the admin API answers: quicker than a command, for what is asked again and again."""
        token = (self.config.parent / "state" / "admin-token").read_text().strip()
        request = urllib.request.Request(
            f"{self.gateway.ready['admin']}/api/v1{path}", headers={"Authorization": f"Bearer {token}"}
        )
        if put is not None:
            request.method, request.data = method, json.dumps(put).encode()
            request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=300) as answer:
            return json.load(answer)

    def feature(self, name: str = "orders") -> dict[str, Any]:
        return next(one for one in self.asked("/status")["features"] if one["name"] == name)

    def plan(self, name: str = "orders") -> dict[str, Any]:
        found: dict[str, Any] = self.asked(f"/plans/{name}")
        return found

    def ledger(self, feature: str = "orders") -> list[dict[str, Any]]:
        """The entries of a feature, oldest first."""
        return [one for one in reversed(self.said("ledger")) if one["feature"] == feature]

    def traffic_until(
        self, seen: Callable[[], bool], path: str = "/orders/1", batch: int = 40, pause: float = 0.0
    ) -> None:
        """New users keep coming until then; MANY at most, with so many seconds between the batches."""
        first = self.users.count
        while not seen():
            assert self.users.count - first < MANY, [one["plan"] for one in self.asked("/status")["features"]]
            self.users.come(batch, path)
            time.sleep(pause)

    def counted(self) -> None:
        """Wait until the gateway has counted every request so far."""
        wait_until(
            lambda: self.gateway.total("banyan_requests_total") >= self.users.count,
            what="all in the counters",
        )

    def weighs(self, name: str = "orders") -> bool:
        """Wait until all so far is weighed: nothing new comes for some looks of the judge. True."""
        self.counted()
        last: list[int] = []
        since = time.monotonic()
        while time.monotonic() - since < LOOKS:
            if last != (now := [one["samples"] for one in self.feature(name)["guards"]]):
                last, since = now, time.monotonic()
            time.sleep(0.05)
        return True

    def is_paused(self) -> bool:
        return bool(self.plan()["phase"] == "paused")


@pytest.fixture
def both() -> Iterator[tuple[Application, Application]]:
    with applications() as found:
        yield found


Build = Callable[..., House]


@pytest.fixture
def build(spawn: Spawner, tmp_path: Path, both: tuple[Application, Application]) -> Build:
    return lambda *features: House(spawn, tmp_path, both, *features)


def test_a_plan_climbs_by_itself_on_good_traffic(build: Build) -> None:
    house = build(feature("orders", '{ steps = [20, 50, 100], hold = "0s" }', shadow=100))
    assert house.plan()["phase"] == "not_started"
    started = house.does("plan", "start", "orders")
    assert (started["phase"], started["percent"], started["next"]) == ("running", 20, 50)
    house.traffic_until(lambda: house.weighs() and house.plan()["phase"] == "done")
    assert house.feature()["percent"] == 100
    assert house.feature()["plan"] == "done at 100 %"
    moves = [(one["actor"], one["old"], one["new"]) for one in house.ledger() if one["action"] == "dial"]
    by_itself = "banyan (plan)"
    assert moves == [("ann", "0", "20"), (by_itself, "20", "50"), (by_itself, "50", "100")]
    raised = next(one for one in house.ledger() if one["new"] == "50")
    assert raised["evidence"]["orders"]["outcome"] == "pass"
    assert raised["evidence"]["orders"]["guards"]["error_rate"]["samples"] >= 30
    assert house.said("ledger", "verify")["intact"]
    report = house.said("report", "orders")
    assert (report["verdict"], report["outcome"]) == ("ready", "pass")


def test_too_few_samples_hold_it_and_that_is_shown(build: Build) -> None:
    house = build(feature("orders", '{ steps = [50, 100], hold = "0s", samples = 60 }'))
    house.does("plan", "start", "orders")
    house.users.come(20)
    wait_until(lambda: any(one["samples"] for one in house.feature()["guards"]), what="the evidence")
    wait_until(lambda: " of 30 samples on the new side" in house.feature()["plan"], what="the words")
    words = house.feature()["plan"]
    assert words.startswith("at 50 %, next 100 %, held: ")
    assert " of 60 samples; " in words
    assert " of 30 samples on the new side" in words
    assert house.feature()["percent"] == 50
    shown = banyan("-c", str(house.config), "status").stdout
    assert "plan of orders: at 50 %, next 100 %, held: " in shown
    assert banyan("-c", str(house.config), "report", "orders").returncode == 1


def test_time_holds_it(build: Build) -> None:
    house = build(feature("orders", '{ steps = [{ percent = 50, hold = "14d" }, 100] }'))
    house.does("plan", "start", "orders")
    house.traffic_until(lambda: house.feature()["outcome"] == "pass")
    wait_until(lambda: house.plan()["words"].endswith("of 14 d"), what="the only thing that holds it")
    skipped = house.does("plan", "skip", "orders")
    assert (skipped["percent"], skipped["next"]) == (100, None)
    assert house.ledger()[-1]["actor"] == "ann"


def fails(new: Application) -> None:
    new.status = 500


def is_slow(new: Application) -> None:
    new.delay = 0.7


def breaks_off(new: Application) -> None:
    new.breaks_off = True


def differs(new: Application) -> None:
    new.word = "other"


@pytest.mark.parametrize(
    ("broken", "guards", "most", "shadow"),
    [
        (fails, {"error_rate", "errors"}, 60, 0),
        (breaks_off, {"error_rate", "errors"}, 60, 0),
        (is_slow, {"p95", "p95_ratio"}, 60, 0),
        (differs, {"mismatch_rate"}, 120, 100),
    ],
    ids=["errors", "broken-off", "latency", "mismatches"],
)
def test_what_is_proven_broken_is_taken_back_by_itself(
    build: Build, broken: Callable[[Application], None], guards: set[str], most: int, shadow: int
) -> None:
    """After some good traffic; within a bounded number of requests of users to the new side. `guards`: what
    can prove it; which of them is first hangs on which users come.
    """
    guard = GUARD.replace("max_p95 = 5", QUICK) if broken is is_slow else GUARD
    house = build(feature("orders", '{ steps = [50, 100], hold = "1h" }', guard, shadow))
    house.does("plan", "start", "orders")
    house.traffic_until(lambda: house.weighs() and house.feature()["outcome"] == "pass")
    broken(house.new)
    before = house.new.asked

    def taken_back() -> bool:
        """Nobody comes while what others met is not yet weighed, however long that takes."""
        if house.weighs() and house.feature()["outcome"] == "fail":
            wait_until(lambda: house.feature()["latched"], what="the rollback")
        return bool(house.feature()["latched"])

    house.traffic_until(taken_back, batch=10)
    assert house.new.asked - before <= most
    asked = house.new.asked
    assert set(house.users.come(40)) == {200}
    assert house.new.asked == asked
    wait_until(house.is_paused, what="the pause")
    wait_until(lambda: house.ledger()[-1]["action"] == "dial", what="the lower dial in the ledger")
    status = house.feature()
    assert (status["percent"], status["side"], status["plan"][:6]) == (0, "legacy", "paused")
    rollback = next(one for one in house.ledger() if one["action"] == "rollback")
    assert rollback["actor"] == "banyan (guard)"
    found = rollback["evidence"]["guards"].items()
    broken_ones = {name for name, one in found if one["outcome"] == "fail"}
    assert broken_ones
    assert broken_ones <= guards
    assert "a guard of orders is broken" in rollback["reason"]
    lowered = house.ledger()[-1]
    assert (lowered["actor"], lowered["old"], lowered["new"]) == ("banyan (guard)", "50", "0")
    wait_until(lambda: '"event":"taken_back"' in house.gateway.process.output(), what="the log")
    assert house.said("ledger", "verify")["intact"]


def test_a_dial_that_cannot_be_lowered_after_a_broken_guard_is_lowered_later(
    build: Build, tmp_path: Path
) -> None:
    """The rollback holds at once; until the dial is at 0 a restore would put users back on what is broken."""
    house = build(feature("orders", '{ steps = [50, 100], hold = "1h" }'))
    house.does("plan", "start", "orders")
    house.traffic_until(lambda: house.feature()["outcome"] == "pass")
    ledger, aside = tmp_path / "state" / "ledger.jsonl", tmp_path / "state" / "aside"
    ledger.rename(aside)
    ledger.mkdir()  # nobody can write it now, root neither
    fails(house.new)
    house.traffic_until(lambda: house.feature()["latched"], batch=10)
    wait_until(lambda: '"event":"not_lowered"' in house.gateway.process.output(), what="the failure")
    wait_until(lambda: "its dial stays where it is for now" in house.feature()["plan"], what="the words")
    assert house.feature()["percent"] == 50
    ledger.rmdir()
    aside.rename(ledger)
    wait_until(lambda: house.feature()["percent"] == 0, 90, "the dial")
    assert house.feature()["latched"]
    wait_until(lambda: "its dial stays" not in house.feature()["plan"], what="the words to go")


def test_after_it_is_mended_a_person_goes_on_and_the_evidence_is_new(build: Build) -> None:
    house = build(feature("orders", '{ steps = [50, 100], hold = "0s" }'))
    house.does("plan", "start", "orders")
    fails(house.new)
    house.traffic_until(lambda: house.feature()["latched"], batch=10)
    house.new.status = 200
    wait_until(house.is_paused, what="the pause")
    assert "rolled back" in house.refused("plan", "resume", "orders")
    house.counted()
    house.restores("orders")
    assert house.feature()["percent"] == 0
    wait_until(lambda: house.feature()["outcome"] != "fail", what="the new history")
    house.does("plan", "resume", "orders")
    # the breaker lets the new side have users again after some seconds only
    house.traffic_until(lambda: house.plan()["phase"] == "done", batch=10, pause=0.1)


def test_what_has_just_been_rolled_back_is_said_to_be_so_before_its_plan_is_paused(build: Build) -> None:
    """That follows by itself, a moment later."""
    house = build(feature("orders", '{ steps = [50, 100], hold = "1h" }'))
    house.does("plan", "start", "orders")
    for _ in range(5):
        house.tells("/features/orders/rollback")
        with pytest.raises(urllib.error.HTTPError) as refusal:
            house.tells("/plans/orders/resume")
        with refusal.value as answer:
            assert "orders is rolled back; restore it first" in answer.read().decode()
        wait_until(house.is_paused, what="the pause")
        house.does("restore", "orders")
        house.does("plan", "resume", "orders")


def test_a_broken_guard_only_says_so_where_that_is_wanted(build: Build) -> None:
    only_say = feature("orders", '{ steps = [50, 100], hold = "0s" }').replace(
        "min_samples = 30", 'min_samples = 30, on_failure = "hold"'
    )
    house = build(only_say)
    house.does("plan", "start", "orders")
    fails(house.new)
    house.traffic_until(lambda: house.feature()["outcome"] == "fail", batch=10)
    wait_until(lambda: '"event":"guard_broken"' in house.gateway.process.output(), what="the log")
    status = house.feature()
    assert (status["latched"], status["percent"]) == (False, 50)
    house.new.status = 200
    assert house.weighs()
    house.does("plan", "renew", "orders")
    wait_until(lambda: house.feature()["outcome"] == "hold", what="the new history")


@pytest.fixture
def stuck(tmp_path: Path) -> Iterator[Path]:
    """What the gateway writes its evidence to first: a pipe that is full, so the write never ends."""
    pipe = tmp_path / "state" / "evidence.new"
    pipe.parent.mkdir(mode=0o700)
    os.mkfifo(pipe)
    held = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    with suppress(BlockingIOError):
        while True:
            os.write(held, bytes(4096))
    yield pipe
    os.close(held)


def test_evidence_that_a_hanging_disk_does_not_take_stops_no_judge(build: Build, stuck: Path) -> None:
    house = build(feature("orders", '{ steps = [50, 100], hold = "1h" }'))
    house.does("plan", "start", "orders")
    opened = Path(f"/proc/{house.child('gateway.control_process')}/fd")

    def hangs() -> bool:
        for one in opened.iterdir():
            with suppress(FileNotFoundError):  # closed in between
                if one.readlink() == stuck:
                    return True
        return False

    wait_until(hangs, what="the write that hangs")
    fails(house.new)
    house.traffic_until(lambda: house.feature()["latched"], batch=10)


def test_a_note_that_a_hanging_disk_does_not_take_stops_no_other_guard(build: Build, tmp_path: Path) -> None:
    """A lock that is never given is a disk that hangs: everything written down waits for it."""
    plan = '{ steps = [50, 100], hold = "1h" }'
    only_say = feature("orders", plan).replace("min_samples = 30", 'min_samples = 30, on_failure = "hold"')
    house = build(only_say, feature("carts", plan))
    house.does("plan", "start", "orders")
    house.does("plan", "start", "carts")
    with (tmp_path / "state" / "state.json.lock").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        fails(house.new)
        house.traffic_until(lambda: house.feature()["outcome"] == "fail", batch=10)
        wait_until(lambda: '"event":"guard_broken"' in house.gateway.process.output(), what="the log")
        house.traffic_until(lambda: house.feature("carts")["latched"], "/carts/1", batch=10)
    wait_until(lambda: house.ledger()[-1]["action"] == "guard_broken", what="the note, after all")


def test_a_persons_lower_dial_that_is_being_written_is_not_raised(build: Build, tmp_path: Path) -> None:
    """The disk takes its time with the person's dial; the plan decides meanwhile by the one before."""
    house = build(feature("orders", '{ steps = [50, 100], hold = "0s" }'))
    house.does("plan", "start", "orders")
    with ThreadPoolExecutor(1) as beside, (tmp_path / "state" / "state.json.lock").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        person = beside.submit(house.asked, "/features/orders/dial", {"percent": 0, "reason": "a test"})
        house.traffic_until(lambda: house.feature()["outcome"] == "pass")
        house.users.come(400)  # many looks later
        assert house.feature()["percent"] == 50
        fcntl.flock(held, fcntl.LOCK_UN)
        assert person.result(60)["new"] == 0
    wait_until(lambda: house.plan()["phase"] == "paused", what="the pause")
    assert house.feature()["percent"] == 0
    assert [one["new"] for one in house.ledger() if one["action"] == "dial"] == ["50", "0"]


def test_a_person_approves_and_a_restart_in_mid_plan_changes_nothing(build: Build) -> None:
    house = build(feature("orders", '{ steps = [{ percent = 50, person = true }, 100], hold = "0s" }'))
    house.does("plan", "start", "orders")
    house.traffic_until(lambda: house.feature()["outcome"] == "pass")
    words = "at 50 %, next 100 %, held: waits for a person's approval"
    wait_until(lambda: house.plan()["words"] == words, what="the words")
    since = house.plan()["since"]
    house.restart()
    wait_until(lambda: house.plan()["words"] == words, what="the same words")
    assert house.plan()["since"] == since
    assert house.feature()["outcome"] == "pass"  # the evidence is what it was
    house.does("plan", "approve", "orders")
    wait_until(lambda: house.feature()["percent"] == 100, what="the raise")


def test_a_freeze_holds_every_raise_and_nothing_else(build: Build) -> None:
    house = build(
        feature("orders", '{ steps = [50, 100], hold = "0s" }'),
        '[[feature]]\nname = "carts"\nmatch = ["/carts/*"]\npercent = 30\n',
    )
    house.does("plan", "start", "orders")
    house.does("freeze")
    house.traffic_until(lambda: house.feature()["outcome"] == "pass")
    words = "at 50 %, next 100 %, held: all raises are frozen (ann: a test)"
    wait_until(lambda: house.plan()["words"] == words, what="the words")
    assert "frozen" in house.refused("dial", "carts", "31")
    assert "frozen" in house.refused("plan", "skip", "orders")
    assert house.does("dial", "carts", "10")["new"] == 10
    assert house.does("rollback", "carts")["latched"]
    assert house.said("status")["frozen"] == "ann: a test"
    house.restart()
    assert house.feature()["percent"] == 50
    house.does("thaw")
    wait_until(lambda: house.feature()["percent"] == 100, what="the raise")


def test_a_journey_climbs_together_and_is_taken_back_together(build: Build) -> None:
    plan = '{ steps = [50, 100], hold = "0s", journey = "checkout" }'
    house = build(feature("orders", plan), feature("carts", plan))
    assert house.does("plan", "start", "checkout")["features"] == ["orders", "carts"]
    house.traffic_until(lambda: house.feature()["outcome"] == "pass")
    held = "at 50 %, next 100 %, held: carts: "
    wait_until(lambda: house.plan("carts")["words"].startswith(held), what="the words")
    assert house.feature("carts")["percent"] == 50
    house.traffic_until(lambda: house.feature("carts")["percent"] == 100, "/carts/1")
    wait_until(lambda: house.feature()["percent"] == 100, what="the other one")
    revisions = {one["revision"] for name in ("orders", "carts") for one in house.ledger(name)[-1:]}
    assert len(revisions) == 1
    fails(house.new)
    house.traffic_until(lambda: house.feature("carts")["latched"], "/carts/1", batch=10)
    wait_until(lambda: not house.feature()["percent"], what="the other one")
    wait_until(lambda: house.feature()["latched"], what="its latch")


def test_a_broken_guard_lowers_a_member_that_was_rolled_back_already(build: Build) -> None:
    """Else a restore would put it on the new side alone, in a journey that is known to be broken."""
    plan = '{ steps = [50, 100], hold = "1h", journey = "checkout" }'
    house = build(feature("orders", plan), feature("carts", plan))
    house.does("plan", "start", "checkout")
    house.traffic_until(lambda: house.feature()["outcome"] == "pass")
    house.does("rollback", "carts")
    fails(house.new)
    house.traffic_until(lambda: house.feature()["latched"], batch=10)
    wait_until(lambda: not house.feature()["percent"], 90, "the dial")
    wait_until(lambda: not house.feature("carts")["percent"], 90, "the dial of the other one")
    assert house.feature("carts")["latched"]
    assert [one["action"] for one in house.ledger("carts") if one["actor"] == "banyan (guard)"] == ["dial"]


def test_whoever_moves_the_dial_has_taken_over(build: Build) -> None:
    house = build(feature("orders", '{ steps = [20, 50, 100], hold = "0s" }'))
    house.does("plan", "start", "orders")
    house.does("dial", "orders", "30")
    wait_until(lambda: house.plan()["phase"] == "paused", what="the pause")
    assert "the dial of orders was moved to 30 %, the plan had it at 20 %" in house.plan()["words"]
    assert house.does("plan", "resume", "orders")["percent"] == 30
    assert house.plan()["next"] == 50
    assert "there is nothing to resume" in house.refused("plan", "resume", "orders")
    house.does("plan", "stop", "orders")
    assert house.plan()["phase"] == "not_started"
    assert house.feature()["percent"] == 30


def test_a_split_that_is_not_the_dials_holds(build: Build) -> None:
    """Users who are all on the new side at 30 %: something other than the dial has picked them."""
    house = build(feature("orders", '{ steps = [30, 100], hold = "0s" }'))
    house.does("plan", "start", "orders")
    keys = (f"picked-{number}" for number in itertools.count())
    picked = [key for key in itertools.islice(keys, 2000) if position("orders", key) < 3000][:120]
    house.users.known(picked)
    wait_until(
        lambda: any(one["guard"] == "keys" and one["samples"] == 120 for one in house.feature()["guards"]),
        20,
        "every user in the evidence",
    )
    assert house.weighs()
    guard = next(one for one in house.feature()["guards"] if one["guard"] == "keys")
    assert guard["outcome"] == "hold"
    assert "the split of users is not the dial's: 120 of 120" in guard["reason"]
    assert house.feature()["percent"] == 30


def test_whoever_dies_every_request_is_evidence_once(build: Build) -> None:
    """A control process and a worker, killed between two requests; then the whole gateway, stopped in good
    order."""
    house = build('[[feature]]\nname = "orders"\nmatch = ["/orders/*"]\npercent = 100\n')

    def seen() -> int:
        guards = house.feature()["guards"]
        return int(next(one["samples"] for one in guards if one["guard"] == "error_rate"))

    def wait_for(number: int) -> None:
        wait_until(lambda: _or_none(seen) == number, 60, f"{number} requests in the evidence")

    house.users.come(30)
    wait_for(30)
    house.kill("gateway.control_process")
    house.users.come(20)
    wait_for(50)
    house.kill("gateway.worker")
    house.users.close()
    wait_until(lambda: bool(house.gateway.workers()), 60, "another worker")
    house.users = Users(house.gateway.port)
    house.users.come(7)
    wait_for(57)
    house.restart()
    house.users.come(3)
    wait_for(60)


def _or_none(look: Callable[[], int]) -> int | None:
    try:
        return look()
    except OSError:  # nobody answers for a moment
        return None
