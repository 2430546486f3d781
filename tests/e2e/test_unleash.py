"""A real Unleash server in charge of the dials: what is set there holds here, what is dialled here stands
there, and when it dies nobody moves."""

from __future__ import annotations

import http.client
import json
import secrets
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flags import position
from tests.support.ports import LOOPBACK, free_port, wait_until
from tests.support.postgres import Postgres
from tests.support.spawn import Spawned, Spawner, http_ok, printed
from tests.support.unleash import (
    ADMIN_TOKEN,
    BACKEND_TOKEN,
    MISSING,
    UnleashServer,
    find_unleash,
    rollout,
    start_unleash,
)

FEATURES = ("plain", "raised", "written", "fresh", "narrow", "kept", "several")
FEATURE = '[[feature]]\nname = "{0}"\nmatch = ["/{0}/*"]\nshadow.percent = 0\n'
KEYS = [secrets.token_hex(16) for _ in range(80)]
ENV = {"TEST_UNLEASH_BACKEND": BACKEND_TOKEN, "TEST_UNLEASH_ADMIN": ADMIN_TOKEN}


class Gateway:
    """`banyan run` with two workers over two sides that answer everything with 200 or 404."""

    def __init__(self, spawn: Spawner, folder: Path, unleash: str) -> None:
        self.folder = folder
        self._spawn = spawn
        sides = {side: self._side(side) for side in ("legacy", "new")}
        self.config = folder / "banyan.toml"
        self.config.write_text(
            '[listen]\ntraffic = "127.0.0.1:0"\nadmin = "127.0.0.1:0"\nworkers = 2\nexpose_decision = true\n'
            + "".join(f'[upstreams.{side}]\nurl = "{url}"\n' for side, url in sides.items())
            + '[state]\ndir = "state"\n[flags]\nsource = "unleash"\n'
            + f'[flags.unleash]\nurl = "{unleash}"\nrefresh = 1\n'
            + 'token_env = "TEST_UNLEASH_BACKEND"\nadmin_token_env = "TEST_UNLEASH_ADMIN"\n'
            + "".join(
                f'[[feature]]\nname = "{name}"\nmatch = ["/{name}/*"]\nshadow.percent = 0\n'
                for name in FEATURES
            )
        )
        self.start()

    def _side(self, name: str) -> str:
        port = free_port()
        url = f"http://{LOOPBACK}:{port}"
        command = [sys.executable, "-m", "http.server", str(port), "--bind", LOOPBACK]
        self._spawn([*command, "--directory", self.folder], name=name, ready=http_ok(url))
        return url

    def start(self) -> None:
        """Start it (again)."""
        command = [sys.executable, "-m", "gateway", "-c", str(self.config), "--json", "run"]
        self.process: Spawned = self._spawn(
            command, name="gateway", env=ENV, ready=printed('"ready":true'), timeout=60
        )
        line = next(line for line in self.process.output().splitlines() if '"ready":true' in line)
        self.traffic = str(json.loads(line)["traffic"])

    def banyan(self, *words: str) -> tuple[int, Any, str]:
        """A command → exit status, JSON if any, everything it printed."""
        done = self._spawn(
            [sys.executable, "-m", "gateway", "-c", self.config, "--json", *words], name=words[0]
        )
        status, said = done.wait(100), done.output()
        try:
            return status, json.loads(said), said
        except ValueError:
            return status, None, said

    def dial(self, feature: str, percent: float) -> tuple[int, Any, str]:
        return self.banyan("dial", feature, str(percent), "--reason", "a test", "--by", "ann")

    def status(self) -> Any:
        return self.banyan("status")[1]

    def feature(self, name: str) -> Any:
        return next(one for one in self.status()["features"] if one["name"] == name)

    def side(self, feature: str, key: str) -> str:
        """The side of one user, over a connection of its own: any worker may answer."""
        asked = http.client.HTTPConnection(self.traffic.removeprefix("http://"), timeout=60)
        asked.request("GET", f"/{feature}/x", headers={"Cookie": f"banyan_key={key}"})
        side = asked.getresponse().getheader("Banyan-Side", "")
        asked.close()
        return side

    def on_new(self, feature: str) -> set[str]:
        return {key for key in KEYS if self.side(feature, key) == "new"}

    def waits_for(self, feature: str, percent: float) -> None:
        """Until the dial in force is this one."""
        wait_until(lambda: self.feature(feature)["percent"] == percent, 60, f"{feature} at {percent} %")


@pytest.fixture(scope="module")
def gateway(
    unleash: UnleashServer, spawn_for_module: Spawner, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    running = Gateway(spawn_for_module, tmp_path_factory.mktemp("unleash"), f"{unleash.url}/api")
    yield running
    running.process.stop()


def below(group: str, percent: float) -> set[str]:
    """Who is on the new side by the position alone."""
    return {key for key in KEYS if position(group, key) < percent * 100}


def only(check: Callable[[str], bool]) -> set[str]:
    return {key for key in KEYS if check(key)}


def test_a_percentage_set_in_unleash_reaches_every_worker(unleash: UnleashServer, gateway: Gateway) -> None:
    """With Unleash's own group; and its changes follow, recorded in Unleash's name."""
    unleash.create("plain", rollout(30, group="its-own"))
    gateway.waits_for("plain", 30)
    for _ in range(3):
        assert gateway.on_new("plain") == below("its-own", 30)
    (strategy,) = unleash.strategies("plain")
    path = f"/projects/default/features/plain/environments/development/strategies/{strategy['id']}"
    unleash.ask("PUT", path, rollout(60, group="its-own"))
    gateway.waits_for("plain", 60)
    assert gateway.on_new("plain") == below("its-own", 60)

    def told() -> list[tuple[str, str, str]]:
        """What is in force by Unleash's word is written down a moment later."""
        entries = [one for one in gateway.banyan("ledger")[1] if one["feature"] == "plain"]
        return [(one["actor"], one["old"], one["new"]) for one in entries]

    expected = [("unleash", "30", "60"), ("unleash", "0", "30")]
    wait_until(lambda: told() == expected, 60, "both in the ledger")


def test_switching_off_takes_everybody_back(unleash: UnleashServer, gateway: Gateway) -> None:
    """And on again brings the same users."""
    unleash.create("raised", rollout(100))
    gateway.waits_for("raised", 100)
    unleash.ask("POST", "/projects/default/features/raised/environments/development/off")
    gateway.waits_for("raised", 0)
    assert gateway.on_new("raised") == set()


def test_a_dial_is_written_to_unleash_and_says_so(unleash: UnleashServer, gateway: Gateway) -> None:
    """Steps below a percent stay here, below the whole one that is written there."""
    unleash.create("written", rollout(1, group="written", stickiness="sessionId"))
    gateway.waits_for("written", 1)
    status, answer, _ = gateway.dial("written", 12.5)
    assert status == 0
    assert (answer["source"], answer["old"], answer["new"], answer["complete"]) == ("unleash", 1, 12.5, True)
    (strategy,) = unleash.strategies("written")
    assert strategy["parameters"] == {"rollout": "13", "groupId": "written", "stickiness": "sessionId"}
    assert gateway.on_new("written") == below("written", 12.5)
    assert gateway.feature("written")["percent"] == 12.5


def test_a_dial_of_what_unleash_does_not_know_creates_it(unleash: UnleashServer, gateway: Gateway) -> None:
    """Feature, strategy, then on: never 100 % in between."""
    unknown = "fresh is not in unleash"
    wait_until(lambda: any(unknown in one for one in gateway.status()["warnings"]), 60, "the warning")
    status, _, said = gateway.dial("fresh", 20)
    assert status == 0, said
    (strategy,) = unleash.strategies("fresh")
    assert strategy["parameters"]["rollout"] == "20"
    assert gateway.on_new("fresh") == below("fresh", 20)


def test_constraints_and_segments_are_honoured(unleash: UnleashServer, gateway: Gateway) -> None:
    """By the key as the user's name; the percentage counts among those who may."""
    segment = unleash.ask(
        "POST",
        "/segments",
        {
            "name": "those-with-digits",
            "constraints": [
                {"contextName": "userId", "operator": "STR_STARTS_WITH", "values": list("0123456789")}
            ],
        },
    )
    not_seven = {"contextName": "userId", "operator": "STR_STARTS_WITH", "values": ["7"], "inverted": True}
    unleash.create("narrow", rollout(50, group="narrow", constraints=[not_seven], segments=[segment["id"]]))
    gateway.waits_for("narrow", 50)
    expected = below("narrow", 50) & only(lambda key: key[0].isdigit() and key[0] != "7")
    assert gateway.on_new("narrow") == expected
    assert gateway.feature("narrow")["rule"] == "constraints, segments"
    # A dial moves the percentage and leaves the rest alone.
    assert gateway.dial("narrow", 90)[0] == 0
    (strategy,) = unleash.strategies("narrow")
    assert strategy["parameters"]["rollout"] == "90"
    assert strategy["segments"] == [segment["id"]]
    assert strategy["constraints"][0]["inverted"]


def test_a_feature_without_a_single_percentage_is_left_to_unleash(
    unleash: UnleashServer, gateway: Gateway
) -> None:
    """The dial is refused with a sentence, and nothing moves."""
    unleash.create("several", rollout(10), rollout(20))
    gateway.waits_for("several", 20)
    status, _, said = gateway.dial("several", 50)
    assert status != 0
    assert "no single percentage" in said
    assert [one["parameters"]["rollout"] for one in unleash.strategies("several")] == ["10", "20"]


def test_when_unleash_dies_nobody_moves_not_even_by_a_cold_start(
    postgres: Postgres, spawn: Spawner, tmp_path: Path
) -> None:
    """The last good state stays, is shown with its age, and comes back from the disk; a rollback works."""
    if find_unleash() is None:
        pytest.skip(MISSING)
    unleash = start_unleash(spawn, postgres)
    unleash.create("kept", rollout(40, group="kept"))
    unleash.create(
        "narrow", rollout(100, constraints=[{"contextName": "userId", "operator": "IN", "values": KEYS[:9]}])
    )
    gateway = Gateway(spawn, tmp_path, unleash.url)
    gateway.waits_for("kept", 40)
    unleash.process.signal(signal.SIGKILL)

    wait_until(lambda: gateway.status()["source"]["alert"], 60, "the alert")
    source = gateway.status()["source"]
    assert source["name"] == "unleash"
    assert source["age_seconds"] > 1
    assert "cannot be reached" in source["problem"]
    assert gateway.on_new("kept") == below("kept", 40)
    assert gateway.on_new("narrow") == set(KEYS[:9])
    status, _, said = gateway.dial("kept", 80)
    assert (status != 0, "The dial was not moved" in said) == (True, True)

    gateway.process.stop(30)
    (tmp_path / "state" / "state.page").unlink()
    gateway.start()
    assert gateway.on_new("kept") == below("kept", 40)
    assert gateway.on_new("narrow") == set(KEYS[:9])

    status, _, said = gateway.banyan("rollback", "kept", "--reason", "a test")
    assert status == 0, said
    assert gateway.on_new("kept") == set()

    gateway.process.stop(30)
    shutil.rmtree(tmp_path / "state")
    gateway.start()
    assert gateway.on_new("kept") == set()
    assert gateway.on_new("narrow") == set()
    assert gateway.status()["source"]["age_seconds"] is None
    gateway.process.stop(30)
