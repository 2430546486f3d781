"""A trusted tester, from the command that makes the header to the side that answers."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.running import banyan
from tests.operations.gateway import Gateway, write_config
from tests.support.ports import LOOPBACK, wait_until
from tests.support.raw import ScriptedUpstream, answering
from tests.support.spawn import Spawner

FEATURES = """
[[feature]]
name = "orders"
match = ["/orders/*"]
shadow = { percent = 0 }
[[feature]]
name = "reports"
match = ["/reports/*"]
percent = 100
shadow = { percent = 0 }
"""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nCache-Control: max-age=60\r\n\r\nok"
WHY = ("--reason", "smoke test")


class Place:
    """A gateway in front of two applications; `asked` is what they were sent."""

    def __init__(self, spawn: Spawner, folder: Path, legacy: ScriptedUpstream, new: ScriptedUpstream) -> None:
        sides = [f"http://{LOOPBACK}:{one.port}" for one in (legacy, new)]
        self.asked = [legacy.requests, new.requests]
        config = write_config(folder, *sides, listen="expose_decision = true", more=FEATURES)
        self.gateway = Gateway(spawn, config)

    def cli(self, *words: str) -> Any:
        done = banyan("-c", str(self.gateway.config), "--json", *words)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def get(self, path: str, force: str = "") -> tuple[str, str, str]:
        """Side, cause, and what caches may do."""
        headers = {"Banyan-Force": force} if force else {}
        asked = urllib.request.Request(f"http://{LOOPBACK}:{self.gateway.port}{path}", headers=headers)
        with urllib.request.urlopen(asked, timeout=60) as answer:
            caches = ", ".join(answer.headers.get_all("Cache-Control"))
            return answer.headers["Banyan-Side"], answer.headers["Banyan-Cause"], caches


@pytest.fixture
def place(spawn: Spawner, tmp_path: Path) -> Iterator[Place]:
    with ScriptedUpstream(answering(OK)) as legacy, ScriptedUpstream(answering(OK)) as new:
        yield Place(spawn, tmp_path, legacy, new)


def test_a_tester_gets_the_side_that_was_asked_for_and_a_rollback_beats_it(place: Place) -> None:
    new = place.cli("force", "new", "--for", "10m", "--by", "ann", *WHY)
    assert new["header"] == f"Banyan-Force: {new['value']}"
    legacy = place.cli("force", "legacy", *WHY)["value"]
    side, cause, caches = place.get("/orders/1", new["value"])
    assert (side, cause) == ("new", "forced")
    assert "private" in caches  # nobody else asked for this side
    assert place.get("/orders/1")[:2] == ("legacy", "percentage")
    assert place.get("/reports/1", legacy)[:2] == ("legacy", "forced")
    assert place.get("/reports/1")[:2] == ("new", "percentage")
    assert place.get("/elsewhere", new["value"])[:2] == ("legacy", "unmatched")
    assert not [one for side_asked in place.asked for one in side_asked if one.get(b"Banyan-Force")]
    place.cli("rollback", "orders", *WHY)
    assert place.get("/orders/1", new["value"])[:2] == ("legacy", "rollback_feature")
    place.cli("rollback", *WHY)
    assert place.get("/orders/1", new["value"])[:2] == ("legacy", "rollback_all")
    entry = next(one for one in place.cli("ledger") if one["action"] == "force" and one["new"] == "new")
    assert (entry["actor"], entry["reason"], entry["evidence"]) == ("ann", WHY[1], {"until": new["until"]})


def test_only_for_one_feature_and_only_for_its_time(place: Place) -> None:
    value = place.cli("force", "legacy", "--feature", "orders", "--for", "1s", *WHY)["value"]
    assert place.get("/reports/1", value)[:2] == ("new", "percentage")
    wait_until(lambda: place.get("/orders/1", value)[1] == "percentage", what="its end")
    for bad in ("new", value.replace("legacy", "new")):
        assert place.get("/orders/1", bad)[:2] == ("legacy", "percentage")

    def counted(reason: str) -> int:
        return place.gateway.total("banyan_force_ignored_total", f'reason="{reason}"')

    wait_until(lambda: counted("unsigned") == 2 and counted("expired") >= 1, what="the counters")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("force", "sideways", *WHY), "sideways"),
        (("force", "new", "--for", "soon", *WHY), "a time such as 90s"),
        (("force", "new", "--for", "8d", *WHY), "seven days"),
        (("force", "new", "--feature", "nope", *WHY), "known features: orders, reports"),
        (("force", "new"), "--reason"),
    ],
)
def test_mistakes_are_told(place: Place, words: tuple[str, ...], said: str) -> None:
    done = banyan("-c", str(place.gateway.config), *words)
    assert done.returncode == 2
    assert said in done.stderr
