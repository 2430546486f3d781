"""From the first difference to a rule, by the command line alone."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.between import JSON, PATIENCE, Asked, Between, Says, between
from tests.support.ports import wait_until
from tests.support.spawn import ROOT

FAR = (datetime.now(UTC) + timedelta(days=200)).date().isoformat()
SOON = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()


class Shop:
    """What the new side says, and for how many seconds legacy keeps users waiting; a test changes it."""

    release = "v1"
    total: object = 100
    pause = 0.0


def legacy(asked: Asked) -> Says:
    if not asked.is_shadow:
        time.sleep(Shop.pause)
    return Says(json.dumps(order()).encode(), headers=(*JSON, ("X-Release", "old")))


def new(_: Asked) -> Says:
    answer = {**order(), "total": Shop.total}
    return Says(json.dumps(answer).encode(), headers=(*JSON, ("X-Release", Shop.release)))


def order() -> dict[str, object]:
    """An order with an id and a time of its own at every look, and a text from afar."""
    return {
        "id": uuid.uuid4().hex,
        "at": datetime.now(UTC).isoformat(),
        "total": 100,
        "lines": [{"name": "お茶", "price": 100}],
        "shop": {"city": "Kyoto", "open": True},
    }


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Between]:
    folder = tmp_path_factory.mktemp("diffs")
    settings = 'control_twice = 100\nversion_header = "X-Release"\nrules = "rules.toml"'
    with between(folder, legacy, new, shadow=settings) as running:
        yield running


COMPARED = ("match", "noise", "accepted", "mismatch")


def ask(gateway: Between, times: int = 40) -> Counter[str]:
    """Ask until so many were compared, and say what was found: a busy machine leaves some uncompared."""
    before = found = gateway.settled()
    asked = missing = times
    with httpx.Client(base_url=gateway.url, trust_env=False, timeout=PATIENCE) as client:
        for _ in range(10):
            with ThreadPoolExecutor(missing if Shop.pause else 1) as users:
                headers = [{"X-User": f"u{number}"} for number in range(missing)]
                list(users.map(lambda each: client.get("/api/orders", headers=each), headers))
            found = gateway.settled(eligible=before["eligible"] + asked)
            found.subtract(before)
            missing = times - sum(found[verdict] for verdict in COMPARED)
            if missing <= 0:
                break
            asked += missing
    return found


def text(gateway: Between, *arguments: str) -> str:
    """What a person reads."""
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "-c", str(gateway.config), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    return done.stdout + done.stderr


def kept(gateway: Between, path: str, count: int = 1) -> dict[str, Any]:
    """The signature at a path, once it is written down ``count`` times."""
    found: list[dict[str, Any]] = []

    def look() -> bool:
        found[:] = [one for one in gateway.banyan("diffs").data if one["path"] == path]
        return bool(found) and found[0]["count"] >= count

    wait_until(look, timeout=60, what=f"a signature at {path}")
    return found[0]


def test_noise_is_told_from_regressions_and_proposed(gateway: Between) -> None:
    """Ids and times are noise, by evidence; a total that is wrong is not."""
    Shop.pause = 3.0  # the copies have twice as long: without a second answer of legacy noise is not seen
    try:
        books = ask(gateway)
    finally:
        Shop.pause = 0.0
    assert books["noise"] == 40, books
    found: dict[str, dict[str, Any]] = {}

    def look() -> bool:
        found.update((one["path"], one) for one in gateway.banyan("diffs", "noise").data)
        return len(found) == 2 and all(one["runs"] == 40 for one in found.values())

    wait_until(look, timeout=60, what="the noise")
    assert gateway.banyan("diffs").data == []
    assert set(found) == {"body.id", "body.at"}
    one = found["body.at"]
    assert (one["control"], one["candidate"], one["runs"]) == (40, 40, 40)
    assert one["op"] == "same-type-and-format"
    assert one["control_bounds"][0] > 0.9
    assert "same-type-and-format" in text(gateway, "diffs", "noise")
    proposal = text(gateway, "diffs", "rule", one["id"], "--owner", "ann", "--expires", FAR)
    assert "[[rule]]" in proposal
    assert "40 of 40 runs" in proposal

    Shop.total = "100"
    ask(gateway, 5)
    row = kept(gateway, "body.total", 5)
    Shop.total = 100
    assert (row["kind"], row["severity"], row["count"], row["trend"]) == ("type_changed", "high", 5, "new")
    assert row["rate"] == 5, "five in their first minute"
    for name in ("first_seen", "last_seen"):
        assert datetime.fromisoformat(str(row[name])).utcoffset() == timedelta(0)


def test_the_release_that_brought_it_is_named(gateway: Between) -> None:
    Shop.release, Shop.total = "v2", 99
    ask(gateway, 5)
    Shop.release = "v3"
    ask(gateway, 5)
    Shop.total = 100
    found: list[dict[str, Any]] = []

    def look() -> bool:
        found[:] = [one for one in gateway.banyan("diffs").data if (one["path"], one["kind"]) == TOTAL]
        return bool(found) and found[0]["count"] >= 10

    wait_until(look, 60, "the release")
    assert [(one["since_version"], one["last_version"], one["count"]) for one in found] == [("v2", "v3", 10)]


TOTAL = ("body.total", "value_changed")


def test_a_reader_finds_from_the_screen_what_it_is_and_where(gateway: Between) -> None:
    listed = text(gateway, "diffs")
    assert len(listed.splitlines()) <= 35
    both = 'legacy: 100 (whole number)   new: "100" (string)'
    for words in ("HIGH", "body.total", "type_changed", "GET /api/orders", both, "v2", " a minute, new"):
        assert words in listed, listed
    shown = text(gateway, "diffs", "show", str(kept(gateway, "body.total")["id"]), "--width", "100")
    assert '!   "total": 100' in shown, shown
    assert "Kyoto" not in shown.split("HIGH")[0] or "…" in shown


def test_the_list_fits_a_terminal_of_eighty_columns(gateway: Between) -> None:
    screen, terminal = pty.openpty()
    shown = b""
    with subprocess.Popen(
        [sys.executable, "-m", "gateway", "-c", str(gateway.config), "diffs"],
        cwd=ROOT,
        stdout=terminal,
        env={**os.environ, "COLUMNS": "80"},
    ):
        os.close(terminal)
        with contextlib.suppress(OSError):  # how the end of a terminal is told
            while more := os.read(screen, 65536):
                shown += more
    os.close(screen)
    lines = shown.decode().splitlines()
    assert any("body.total" in line for line in lines)
    assert max(map(len, lines)) <= 80, lines


def test_accepted_noise_is_excused_by_name_and_only_there(gateway: Between) -> None:
    """The rule holds without a restart, and is explained."""
    for one in gateway.banyan("diffs", "noise").data:
        done = gateway.banyan("diffs", "rule", one["id"], "--owner", "ann", "--expires", FAR, "--add")
        assert done.code == 0, done.text
    wait_until(lambda: ask(gateway, 3)["accepted"] == 3, timeout=60, what="the new rules")
    rule = next(
        line for line in (gateway.folder / "rules.toml").read_text().splitlines() if "body-at" in line
    )
    name = rule.split('"')[1]
    wait_until(lambda: bool(gateway.banyan("diffs", "explain", name).data), 60, "the use of the rule")
    (row,) = gateway.banyan("diffs", "explain", name).data
    assert (row["path"], row["kind"]) == ("body.at", "value_changed")
    assert row["legacy"] != row["new"]
    Shop.total = 1
    ask(gateway, 40)  # the reservoir takes some of them
    Shop.total = 100

    def excused() -> bool:
        shown = text(gateway, "diffs", "show", str(found_id(gateway, TOTAL)))
        return f"excused body.at  value_changed by rule {name} (same-type-and-format, ann" in shown

    wait_until(excused, timeout=60, what="a sample that names the rule")


def found_id(gateway: Between, key: tuple[str, str]) -> str:
    return next(str(one["id"]) for one in gateway.banyan("diffs").data if (one["path"], one["kind"]) == key)


def test_replay_says_what_other_rules_would_give(gateway: Between) -> None:
    id_ = found_id(gateway, TOTAL)
    proposal = text(gateway, "diffs", "rule", id_, "--owner", "ann", "--expires", FAR, "--op", "ignore")
    trial = gateway.folder / "trial.toml"
    trial.write_text((gateway.folder / "rules.toml").read_text() + "\n" + proposal)
    before = gateway.settled()
    with_it = gateway.banyan("diffs", "replay", "--rules", str(trial)).data
    without = gateway.banyan("diffs", "replay", "--rules", str(gateway.folder / "rules.toml")).data
    assert id_ in without["signatures"]
    assert id_ not in with_it["signatures"]
    assert any(row["after"] == "accepted" and f"accepted-{id_}" in row["rules"] for row in with_it["changes"])
    assert gateway.settled() == before, "nothing was counted"


def test_acknowledged_until_a_day(gateway: Between) -> None:
    """Out of sight, still counted, in the ledger, and back when it is over."""
    id_ = found_id(gateway, TOTAL)
    refused = gateway.banyan("diffs", "acknowledge", id_, "--until", "2001-01-01", "--reason", "known")
    assert refused.code == 2
    done = gateway.banyan("diffs", "acknowledge", id_, "--until", SOON, "--reason", "known", "--by", "ann")
    assert done.code == 0, done.text
    assert done.data["acknowledged"] is True
    assert id_ not in text(gateway, "diffs")
    assert id_ in text(gateway, "diffs", "--all")
    entry = gateway.banyan("ledger").data[0]
    assert (entry["action"], entry["new"], entry["reason"]) == ("acknowledge", SOON, "known")
    gateway.banyan("diffs", "acknowledge", id_, "--clear", "--reason", "fixed")
    assert id_ in text(gateway, "diffs")


def test_a_sample_becomes_a_golden(gateway: Between, tmp_path: Path) -> None:
    id_ = found_id(gateway, TOTAL)
    done = gateway.banyan("diffs", "golden", id_, "--dir", str(tmp_path / "goldens"))
    assert done.code == 0, done.text
    (written,) = done.data["written"]
    recording = json.loads(Path(written).read_text())
    assert recording["answer"]["body"]["json"]["total"] == 100


def test_the_linter_names_rules(gateway: Between) -> None:
    linted = gateway.banyan("diffs", "lint")
    assert (linted.code, linted.data) == (0, [])
    old = gateway.folder / "old.toml"
    old.write_text(
        '[[rule]]\nid = "old"\nowner = "ann"\nexpires = 2001-01-01\nop = "ignore"\npath = "body.x"\n'
    )
    linted = gateway.banyan("diffs", "lint", "--rules", str(old))
    assert linted.code == 1
    assert [(one["rule"], one["what"]) for one in linted.data] == [("old", "expired")]


def test_a_wrong_rules_file_is_named_and_changes_nothing(gateway: Between) -> None:
    good = (gateway.folder / "rules.toml").read_text()
    (gateway.folder / "rules.toml").write_text(good + '\n[[rule]]\nid = "x"\nop = "explode"\n')
    line = good.count("\n") + 2
    try:
        wait_until(lambda: f"rules.toml: line {line}" in gateway.log(), timeout=60, what="the refusal")
        assert ask(gateway, 3)["accepted"] == 3, "the old rules stay in force"
    finally:
        (gateway.folder / "rules.toml").write_text(good)


def test_where_the_rules_were_never_understood_nothing_is_called_a_mismatch(tmp_path: Path) -> None:
    """A gateway that starts with a wrong file cannot know what was accepted; it serves all the same, says
    which line is wrong, and compares again when it is right. `banyan check` says it beforehand."""
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rule]]\nid = "x"\nop = "explode"\n')
    Shop.total = 99
    settings = 'control_twice = 0\nrules = "rules.toml"'
    try:
        with between(tmp_path, legacy, new, shadow=settings) as running:

            def undetermined() -> int:
                """A busy machine leaves some out: until there are five."""
                books = running.settled()
                assert not any(books[verdict] for verdict in COMPARED), books
                with httpx.Client(base_url=running.url, trust_env=False, timeout=PATIENCE) as client:
                    for number in range(5 - books["undetermined"]):
                        client.get("/api/orders", headers={"X-User": f"u{number}"})
                return books["undetermined"]

            wait_until(lambda: undetermined() == 5, 60, "five answers")
            assert "no rules to go by" in running.log()
            assert "rules.toml: line 1" in running.log()
            checked = running.banyan("check")
            assert checked.code == 1
            assert "rules.toml: line 1" in checked.data["rules"]["problem"]
            rules.write_text("")

            def compared() -> bool:
                ask(running, 1)
                return running.settled()["mismatch"] > 0

            wait_until(compared, 60, "comparing")
            assert running.banyan("check").data["rules"]["problem"] == ""
            wait_until(lambda: running.banyan("check").code == 0, 60, "all to be well")
    finally:
        Shop.total = 100
