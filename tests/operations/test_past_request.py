"""Why did this request get that side? Asked afterwards, by its id."""

from __future__ import annotations

import json
import sqlite3
import stat
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.migration import eventually
from tests.gateway.running import banyan
from tests.operations.gateway import Gateway, write_config
from tests.support.ports import LOOPBACK, wait_until
from tests.support.raw import ScriptedUpstream, answering
from tests.support.spawn import Spawner

FEATURE = """
[explain]
per_second = 1
[[feature]]
name = "orders"
match = ["GET /orders/{id}"]
percent = 100
shadow = { percent = 0 }
guard = { on_failure = "hold" }
"""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BROKEN = b"HTTP/1.1 503 Down\r\nContent-Length: 0\r\n\r\n"
SECRET = "a-session-nobody-may-see"


class Place:
    def __init__(self, spawn: Spawner, folder: Path, legacy: ScriptedUpstream, new: ScriptedUpstream) -> None:
        sides = [f"http://{LOOPBACK}:{one.port}" for one in (legacy, new)]
        self.folder = folder
        self.gateway = Gateway(spawn, write_config(folder, *sides, more=FEATURE))

    def get(self, request: str, path: str = "/orders/secret-17") -> None:
        headers = {"X-Request-Id": request, "Cookie": f"session={SECRET}"}
        asked = urllib.request.Request(f"http://{LOOPBACK}:{self.gateway.port}{path}", headers=headers)
        with urllib.request.urlopen(asked, timeout=60) as answer:
            answer.read()

    def explain(self, *words: str) -> Any:
        """What is told; a worker tells of its decisions a moment late."""
        done = eventually(lambda: self._explained(*words))
        assert done, words
        return json.loads(done)

    def _explained(self, *words: str) -> str:
        done = banyan("-c", str(self.gateway.config), "--json", "explain", *words)
        assert done.returncode == 0 or "No decision is kept" in done.stderr, done.stderr
        return done.stdout


@pytest.fixture
def place(spawn: Spawner, tmp_path: Path) -> Iterator[Place]:
    with ScriptedUpstream(answering(OK)) as legacy, ScriptedUpstream(answering(OK, BROKEN)) as new:
        yield Place(spawn, tmp_path, legacy, new)


def test_it_is_told_and_its_secrets_are_not_kept(place: Place) -> None:
    place.get("first-one")
    (found,) = place.explain("--request", "first-one", "--key", SECRET)
    now = place.explain("GET", "/orders/secret-17", "--key", SECRET)
    for name in ("side", "cause", "feature", "position", "percent", "revision"):
        assert found[name] == now[name], name
    assert (found["side"], found["status"], found["route"]) == ("new", 200, "/orders/{id}")
    assert (found["key_source"], found["key_matches"], found["fell_back"]) == ("cookie:session", True, False)
    assert place.explain("--request", "first-one", "--key", "another")[0]["key_matches"] is False
    place.get("second-one")  # the new side fails, legacy answers
    (fallen,) = place.explain("--request", "second-one")
    assert (fallen["side"], fallen["cause"], fallen["fell_back"]) == ("legacy", "percentage", True)
    assert fallen["key_hash"] == found["key_hash"]
    banyan("-c", str(place.gateway.config), "rollback", "--reason", "a test")
    place.get("third-one")
    place.get("fourth-one", "/elsewhere")
    assert place.explain("--request", "third-one")[0]["cause"] == "rollback_all"
    assert place.explain("--request", "fourth-one")[0]["cause"] == "unmatched"
    shown = banyan("-c", str(place.gateway.config), "explain", "--request", "first-one", "--key", SECRET)
    assert "the key    is that of this request" in shown.stdout
    path = place.folder / "state" / "decisions.sqlite"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    kept = b"".join(file.read_bytes() for file in path.parent.glob("decisions.sqlite*"))
    assert b"first-one" in kept
    for secret in (SECRET.encode(), b"secret-17"):
        assert secret not in kept


def test_of_many_some_are_kept_and_what_is_not_is_said(place: Place) -> None:
    for number in range(300):
        place.get(f"one-of-many-{number}", "/elsewhere")
    place.explain("--request", "one-of-many-0")
    with sqlite3.connect(place.folder / "state" / "decisions.sqlite") as database:
        kept = {row[0] for row in database.execute("select request from decisions")}
    missing = [name for name in (f"one-of-many-{number}" for number in range(300)) if name not in kept]

    def refused() -> subprocess.CompletedProcess[str] | None:
        """What is said of one that is not kept; some may have been told of in between."""
        done = banyan("-c", str(place.gateway.config), "explain", "--request", missing.pop(0))
        return done if done.returncode else None

    done = eventually(refused)
    assert done is not None
    assert done.returncode == 2
    assert "No decision is kept of a request 'one-of-many-" in done.stderr
    for words in ((), ("GET",), ("GET", "/", "--request", "x")):
        assert banyan("-c", str(place.gateway.config), "explain", *words).returncode == 2


def test_of_an_id_that_a_client_repeats_the_youngest_are_told_and_that_is_said(place: Place) -> None:
    for number in range(110):
        place.get("same", "/orders/early" if number < 10 else "/elsewhere")

    def told() -> bool:
        found = place.explain("--request", "same")
        return len(found) == 100 and {one["cause"] for one in found} == {"unmatched"}

    wait_until(told, 30, "the last of them")
    many = banyan("-c", str(place.gateway.config), "explain", "--request", "same").stdout
    assert "These are the youngest 100 requests with this id" in many
    place.get("once")
    assert "youngest" not in banyan("-c", str(place.gateway.config), "explain", "--request", "once").stdout


def test_a_store_that_was_damaged_is_made_anew_and_costs_nobody_anything(place: Place) -> None:
    place.get("before")
    place.explain("--request", "before")
    path = place.folder / "state" / "decisions.sqlite"
    for file in path.parent.glob("decisions.sqlite*"):
        file.write_bytes(b"garbage" * 1000)

    def kept() -> bool:
        place.get("after")
        done = banyan("-c", str(place.gateway.config), "explain", "--request", "after")
        return done.returncode == 0

    wait_until(kept, 30, "a store that works again")
