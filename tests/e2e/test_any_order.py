"""Dials, rollbacks, restores, plans, freezes, dying processes, a dying Redis, clocks that jump, and requests,
in any order: what holds all the same. A state machine on one gateway that really runs, with two workers and a
real Redis.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import secrets
import signal
import struct
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from flags import DIRECT, Ledger, position
from gateway.cli.direct import direct_rollback
from tests.e2e.between import PATIENCE
from tests.e2e.machines import Machine, two_sides
from tests.support.ports import wait_until
from tests.support.redis import RedisServer, start_redis
from tests.support.spawn import Spawner

FEATURES = ("orders", "reports")
PLAN = (
    "guard = { max_error_rate = 0.5, max_p95 = 30, max_p95_ratio = 1000, min_samples = 1 }\n"
    'plan = { steps = [10, 50, 100], hold = "0s" }'
)
"""One that goes on whenever the new side has answered anything."""
KEYS = [secrets.token_hex(16) for _ in range(30)]
LIMIT = 50.0
"""Seconds after which nothing new is begun, unless too little was tried: then ten times as long."""
AT_LEAST = 60
"""So many commands have to be accepted, or nothing was tried."""
BETWEEN_DEATHS = 25
"""So many commands are given between two deaths: who dies all the time is started ever later."""
SETTLES = 2.0
"""Seconds in which dial and plan say the same again."""
WITHOUT_REDIS = 4
"""After so many refusals Redis is there again."""
SKEW = """
import mmap, os, struct, time
_view = mmap.mmap(os.open(os.environ["SKEW_FILE"], os.O_RDONLY), 8, prot=mmap.PROT_READ)
_real = time.time
time.time = lambda: _real() + struct.unpack("d", _view[:8])[0]
"""
"""What every process of the gateway begins with: its clock is wrong by what stands in a file."""


class World:
    """The gateway, and what it has been told and has accepted so far."""

    def __init__(self, spawn: Spawner, folder: Path, sides: tuple[str, str]) -> None:
        self._spawn = spawn
        self._skew = folder / "skew"
        self.skew(0.0)
        (folder / "sitecustomize.py").write_text(SKEW)
        self.redis: RedisServer | None = start_redis(spawn)
        self._port = self.redis.port
        env = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{Path.cwd()}", "SKEW_FILE": str(self._skew)}
        state = f'redis_url = "{self.redis.url}"'
        self.machine = Machine(spawn, folder / "one", sides, state=state, feature=PLAN, env=env)
        self.dials = dict.fromkeys(FEATURES, 0)
        self.climbing = dict.fromkeys(FEATURES, False)
        self.frozen = False
        self.latched: dict[str | None, bool] = dict.fromkeys((None, *FEATURES), False)
        self.accepted: list[str] = []
        self.changed_nothing: list[str] = []
        self.direct = 0
        self.revision = 0
        self.broken = ""
        self.given = self.last_death = self.refused = 0
        self.took: dict[str, list[float]] = {}
        self.began = time.monotonic()

    def holds(self, held: bool, what: str) -> None:
        """The first thing that did not hold is kept: no run can be repeated, and that is what Hypothesis
        tells.
        """
        if not held:
            self.broken = self.broken or what
            raise AssertionError(what)

    def over(self) -> bool:
        lived = time.monotonic() - self.began
        return lived > (LIMIT if len(self.accepted) >= AT_LEAST else 10 * LIMIT)

    def skew(self, seconds: float) -> None:
        """From now on every process of the gateway reads its clock so."""
        if not self._skew.exists():
            self._skew.write_bytes(struct.pack("d", seconds))
        with self._skew.open("r+b") as file:
            file.write(struct.pack("d", seconds))

    def command(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """One that changes something. After some that were refused for want of a Redis it is there again."""
        self.given += 1
        status, answer = self.call(method, path, body)
        self.refused += status == 503
        if status == 503 and "is not known" in json.dumps(answer):
            self.find_out()
        if self.refused >= WITHOUT_REDIS:
            self.start_redis()
        return status, answer

    def find_out(self) -> None:
        """Redis was too slow to say whether it took a change, and the answer said so: what is in force once
        it has spoken again is what was done.
        """
        wait_until(lambda: not self.call("GET", "/status")[1]["shared"]["problem"], 60, "Redis")
        status = self.call("GET", "/status")[1]
        self.frozen = bool(status["frozen"])
        self.latched = {None: status["everything_latched"]}
        for one in status["features"]:
            feature = one["name"]
            self.latched[feature] = one["latched"]
            self.dials[feature], self.climbing[feature] = round(one["percent"] * 100), True
            self.look(feature)

    def kill(self, module: str) -> None:
        """One process that runs this, which is started again; not too often."""
        if self.given - self.last_death < BETWEEN_DEATHS:
            return
        if found := self.machine.child(module):
            with suppress(ProcessLookupError):
                os.kill(found[0], signal.SIGKILL)
            self.last_death = self.given

    def tempo(self) -> str:
        """What took how long, for whoever wonders why little was tried."""
        rows = sorted(self.took.items(), key=lambda row: -sum(row[1]))
        return "; ".join(f"{what}: {len(row)} in {sum(row):.1f} s, {max(row):.1f} s" for what, row in rows)

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """The admin API; asked again while a control process has just been killed."""
        began = time.monotonic()
        until = began + 3 * PATIENCE
        token = (self.machine.state / "admin-token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        while True:
            asked = http.client.HTTPConnection(
                self.machine.ready["admin"].removeprefix("http://"), timeout=PATIENCE
            )
            try:
                asked.request(method, f"/api/v1{path}", json.dumps(body) if body else None, headers)
                answer = asked.getresponse()
                found = json.loads(answer.read())
                what = f"{method} {path.rsplit('/', 1)[-1]} {answer.status}"
                self.took.setdefault(what, []).append(time.monotonic() - began)
                return answer.status, found
            except (OSError, http.client.HTTPException):
                assert time.monotonic() < until, "nobody answers on the admin port"
                time.sleep(0.05)
            finally:
                asked.close()

    def side(self, key: str, feature: str) -> str:
        """Who answers; asked again when the worker that had the connection was killed."""
        until = time.monotonic() + 2 * PATIENCE
        while time.monotonic() < until:
            with suppress(OSError, http.client.HTTPException):
                return self.machine.side(key, feature)
            time.sleep(0.05)
        raise AssertionError("no worker answers")

    def expected(self, key: str, feature: str) -> set[str]:
        """What the dial and the latches say, and nothing else; where a plan climbs, its dial may be higher by
        now than it was when that was asked.
        """
        if self.latched[None] or self.latched[feature]:
            return {"legacy"}
        if position(feature, key) < self.dials[feature]:
            return {"new"}
        return {"legacy", "new"} if self.climbing[feature] else {"legacy"}

    def check(self, feature: str, key: str) -> None:
        """One user of one feature is where everything says."""
        expected = self.expected(key, feature)
        side = self.side(key, feature)
        self.holds(side in expected, f"{feature}: {key} got {side}, not {expected}")

    def look(self, feature: str) -> None:
        """Where the dial is after something was accepted, and whether a plan may raise it from there. It
        never went down, and only a plan took it up.
        """
        plan, status = self._plan_and_status(feature)
        back = self.latched[None] or self.latched[feature]
        dial = round(next(one["percent"] for one in status["features"] if one["name"] == feature) * 100)
        was = f"{feature} at {dial}, after {self.dials[feature]}, climbing: {self.climbing[feature]}"
        self.holds(
            dial >= self.dials[feature] if self.climbing[feature] else dial == self.dials[feature], was
        )
        runs = plan["phase"] == "running" and round(plan["percent"] * 100) == dial
        self.dials[feature] = dial
        self.climbing[feature] = runs and not back and not self.frozen

    def look_at_all(self) -> None:
        for feature in FEATURES:
            self.look(feature)

    def _plan_and_status(self, feature: str) -> tuple[Any, Any]:
        """Both of one moment: between two questions the plan may have gone on, and while it is raised it
        tells of that a moment before the dial does.
        """
        until = time.monotonic() + SETTLES
        while True:
            plan = self.call("GET", f"/plans/{feature}")[1]
            status = self.call("GET", "/status")[1]
            after = self.call("GET", f"/plans/{feature}")[1]
            dial = next(one["percent"] for one in status["features"] if one["name"] == feature)
            rising = plan["phase"] == "running" and plan["percent"] > dial and time.monotonic() < until
            if not rising and [plan[word] for word in ("phase", "percent")] == [
                after[word] for word in ("phase", "percent")
            ]:
                return plan, status

    def stop_redis(self) -> None:
        if self.redis is not None:
            os.kill(self.redis.process.pid, signal.SIGKILL)
            self.redis.process.wait(60)
            self.redis = None

    def start_redis(self) -> None:
        if self.redis is None:
            self.redis, self.refused = start_redis(self._spawn, self._port), 0

    def entries(self) -> list[Any]:
        return Ledger(self.machine.state).entries(100_000)


def path_of(feature: str | None, what: str) -> str:
    return f"/{what}" if feature is None else f"/features/{feature}/{what}"


STEPS: dict[str, tuple[int, tuple[Sequence[Any], ...]]] = {
    "dial": (4, (FEATURES, (0, 1, 1000, 2501, 5000, 9999, 10_000))),
    "rollback": (2, ((None, *FEATURES),)),
    "rollback_directly": (1, ((None, *FEATURES),)),
    "restore": (6, ((None, *FEATURES),)),
    "plan": (8, (FEATURES, ("start", "start", "resume", "resume", "pause", "stop"))),
    "freeze": (2, ((True, False, False),)),
    "kill": (1, (("gateway.worker", "gateway.control_process"),)),
    "restart_redis": (1, ((True, False),)),
    "skew_clocks": (1, ((-86_400.0, -1.0, 0.0, 1.0, 86_400.0),)),
    "send_requests": (8, (FEATURES, range(1, 7))),
}
"""What may be done next, how often, and with what. Chance decides, in one rule: of many Hypothesis leaves out
most for a whole run, and likes to repeat itself, so that hardly two of them would meet.
"""


class AnyOrder(RuleBasedStateMachine):
    """Nothing is reset between two runs: the gateway has lived through all of them."""

    world: ClassVar[World]

    @rule(chance=st.randoms(use_true_random=True))
    def step(self, chance: random.Random) -> None:
        if not self.world.over():
            (name,) = chance.choices(list(STEPS), [often for often, _ in STEPS.values()])
            getattr(self, name)(*(chance.choice(choices) for choices in STEPS[name][1]))

    def dial(self, feature: str, percent: int) -> None:
        reason = secrets.token_hex(8)
        status, answer = self.world.command(
            "PUT", f"/features/{feature}/dial", {"percent": percent / 100, "reason": reason}
        )
        if status == 200:
            self.world.accepted.append(reason)
            # From here a plan may go on, if it is the very dial where it has put it.
            self.world.dials[feature], self.world.climbing[feature] = percent, True
            self.world.look(feature)
            return
        assert status == 503 or (status == 409 and self.world.frozen), answer

    def rollback(self, feature: str | None) -> None:
        reason = secrets.token_hex(8)
        status, answer = self.world.command("POST", path_of(feature, "rollback"), {"reason": reason})
        assert status == 200, answer  # whatever is broken
        (self.world.changed_nothing if answer["already"] else self.world.accepted).append(reason)
        self.world.latched[feature] = True

    def rollback_directly(self, feature: str | None) -> None:
        """As the command does when nobody answers."""
        answer = direct_rollback(self.world.machine.state, feature, "directly", "bob")
        self.world.direct += not answer["already"]
        self.world.latched[feature] = True

    def restore(self, feature: str | None) -> None:
        reason = secrets.token_hex(8)
        status, answer = self.world.command("DELETE", path_of(feature, "rollback"), {"reason": reason})
        if status == 200:
            if not answer["already"]:
                self.world.accepted.append(reason)
            self.world.latched[feature] = False
            self.world.look_at_all()  # no plan has gone on by itself
        else:
            assert status in (409, 503), answer

    def plan(self, feature: str, action: str) -> None:
        reason, before = secrets.token_hex(8), self.world.dials[feature]
        status, answer = self.world.command("POST", f"/plans/{feature}/{action}", {"reason": reason})
        if status != 200:
            assert status in (409, 503), answer
            return
        self.world.accepted.append(reason)
        if action in ("start", "resume"):
            self.world.holds(
                not self.world.frozen or answer["percent"] * 100 <= before, f"{answer} is frozen"
            )
            self.world.dials[feature] = max(before, 1000)
            self.world.climbing[feature] = True
        self.world.look(feature)

    def freeze(self, frozen: bool) -> None:
        reason = secrets.token_hex(8)
        running = [
            one for one in FEATURES if self.world.call("GET", f"/plans/{one}")[1]["phase"] == "running"
        ]
        status, answer = self.world.command("POST" if frozen else "DELETE", "/freeze", {"reason": reason})
        if status != 200:
            assert status == 503, answer
            return
        self.world.accepted.append(reason)
        self.world.frozen = frozen
        if not frozen:  # from here those may go on
            self.world.climbing.update(dict.fromkeys(running, True))
        self.world.look_at_all()

    def kill(self, module: str) -> None:
        self.world.kill(module)

    def restart_redis(self, there: bool) -> None:
        """Dead, or back: empty."""
        if there:
            self.world.start_redis()
        else:
            self.world.stop_redis()

    def skew_clocks(self, seconds: float) -> None:
        self.world.skew(seconds)

    def send_requests(self, feature: str, count: int) -> None:
        for key in random.sample(KEYS, count):
            self.world.check(feature, key)

    @invariant()
    def what_was_taken_back_reaches_nobody(self) -> None:
        if self.world.over():
            return
        for feature in FEATURES:
            if self.world.latched[None] or self.world.latched[feature]:
                side = self.world.side(secrets.choice(KEYS), feature)
                self.world.holds(side == "legacy", f"{feature} is rolled back, and somebody got {side}")

    @invariant()
    def revisions_never_go_back(self) -> None:
        if self.world.over():
            return
        status, answer = self.world.call("GET", "/status")
        assert status == 200
        back = answer["revision"] < self.world.revision
        self.world.holds(not back, f"revision {answer['revision']} after {self.world.revision}")
        self.world.revision = answer["revision"]

    @invariant()
    def what_no_plan_may_raise_stays_where_it_is(self) -> None:
        """Frozen, paused, stopped, taken back: the dial is where it was."""
        if not self.world.over():
            for feature in FEATURES:
                if not self.world.climbing[feature]:
                    self.world.look(feature)

    def teardown(self) -> None:
        assert Ledger(self.world.machine.state).verify(begun=True) == []


@pytest.fixture
def world(spawn: Spawner, tmp_path: Path) -> Iterator[World]:
    with two_sides() as sides:
        yield World(spawn, tmp_path, sides)


def test_what_holds_in_any_order(world: World) -> None:
    """After a rollback that was acknowledged nothing reaches the new side; a key is where the dial says, and
    nowhere else; revisions only grow; the ledger has one entry for each command that was accepted and changed
    something.
    """
    AnyOrder.world = world
    wanted = settings(
        max_examples=200,
        stateful_step_count=40,
        deadline=None,
        phases=[Phase.generate],  # a run cannot be repeated: the gateway goes on where it was
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    try:
        run_state_machine_as_test(AnyOrder, settings=wanted)
    except Exception as error:
        raise AssertionError(world.broken or str(error)) from error
    world.skew(0.0)
    world.start_redis()

    def untold() -> list[str]:
        """Commands that do not stand in the ledger once."""
        entries = [one for one in world.entries() if not one.action.endswith("_failed")]
        reasons = Counter(one.reason for one in entries)
        direct = reasons["directly"] + reasons[DIRECT.reason]
        wrong = [f"{one}: {reasons[one]} entries" for one in world.accepted if reasons[one] != 1]
        wrong += [f"{one} changed nothing, and has an entry" for one in world.changed_nothing if reasons[one]]
        return wrong + ([f"{direct} of {world.direct} direct rollbacks"] if direct != world.direct else [])

    with suppress(TimeoutError):
        wait_until(lambda: not untold(), 60, "one entry for each command")
    assert untold() == []
    assert len(world.accepted) >= AT_LEAST, f"hardly anything was tried: {world.tempo()}"
    for feature in FEATURES:
        for key in KEYS:
            world.check(feature, key)
    assert Ledger(world.machine.state).verify(begun=True) == []
