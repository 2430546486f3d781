"""The command line against real servers: the three-way verdict, a baseline, accepting, annotations, lint."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from golden import Flow
from tests.gateway.running import banyan
from tests.golden.conftest import BUY, ORDER
from tests.golden.shop import ShopServer

MakeFlow = Callable[..., Flow]


class Desk:
    """Golden commands on one folder of recordings, with `--json`."""

    def __init__(self, folder: Path, flows: Path) -> None:
        self.folder = folder
        self.flows = flows

    def call(self, *words: str) -> tuple[int, Any]:
        """One command; its exit code and what it printed."""
        done = banyan("--json", "golden", *words, "--dir", str(self.folder))
        assert "Traceback" not in done.stderr, done.stderr
        said = json.loads(done.stdout)
        return done.returncode, said.get("error", said)

    def content(self) -> dict[str, str]:
        """Every file."""
        return {path.name: path.read_text() for path in sorted(self.folder.rglob("*.json"))}


@pytest.fixture
def desk(shop: ShopServer, flow: MakeFlow, tmp_path: Path) -> Desk:
    flow(BUY)
    flow(ORDER, "order")
    made = Desk(tmp_path / "recordings", tmp_path / "flows")
    code, said = made.call("record", "--from", shop.url, "--flow", str(made.flows))
    assert code == 0, said
    return made


def causes(said: Any) -> dict[str, str]:
    return {case["id"]: case["cause"].partition(":")[0] for case in said["cases"] if case["cause"]}


def test_new_is_wrong_is_told_from_legacy_has_moved(desk: Desk, shop: ShopServer, other: ShopServer) -> None:
    three = ("verify", "--to", other.url, "--control", shop.url)
    code, said = desk.call(*three)
    assert code == 0, said
    assert (said["passed"], causes(said)) == (9, {})

    other.faults = {"renamed"}  # only new has changed
    code, said = desk.call(*three)
    assert (code, said["failed"], said["stale"]) == (1, 3, 0)
    assert set(causes(said).values()) == {"new is wrong"}
    assert "legacy" not in str(said)
    assert said["cases"][1]["failures"][1].startswith("body.items: removed")

    shop.faults = {"renamed"}  # legacy has moved in the same way
    code, said = desk.call(*three)
    assert (code, said["failed"], said["stale"]) == (2, 0, 3)
    assert {case["verdict"] for case in said["cases"]} == {"match", "stale"}

    other.faults = set()  # legacy has moved, new answers as recorded
    code, said = desk.call(*three)
    assert (code, said["stale"]) == (2, 3)
    assert "new answers as recorded" in said["cases"][1]["cause"]

    other.faults = {"text"}  # both differ, each in its own way
    code, said = desk.call(*three)
    assert (code, said["failed"]) == (1, 3)
    assert "new answers as neither" in said["cases"][1]["cause"]


def test_a_control_that_is_down_leaves_the_plain_verdict(desk: Desk, other: ShopServer) -> None:
    other.faults = {"text"}
    code, said = desk.call("verify", "--to", other.url, "--control", "http://127.0.0.1:9")
    assert (code, said["failed"]) == (1, 3)
    assert set(causes(said).values()) == {"the control could not be asked"}
    other.faults = set()
    code, said = desk.call("verify", "--to", other.url, "--control", "http://127.0.0.1:9")
    assert (code, said["passed"]) == (2, 9)
    assert "the control never answered: " in said["problems"][0]["what"]
    assert "127.0.0.1:9" in said["problems"][0]["what"]
    code, said = desk.call("verify", "--to", other.url, "--control", other.url + "/")
    assert code == 2
    assert "control of itself" in said


def test_a_control_that_answers_some_steps_only_is_said(
    desk: Desk, shop: ShopServer, other: ShopServer
) -> None:
    shop.faults = {"dead orders"}
    code, said = desk.call("verify", "--to", other.url, "--control", shop.url)
    assert (code, said["passed"]) == (0, 9)
    assert (
        said["warnings"]
        == [w for w in said["warnings"] if "no answer to 4 steps, first: order/01" in w]
        != []
    )


def test_a_baseline_tells_regressions_from_fixes(desk: Desk, other: ShopServer, tmp_path: Path) -> None:
    run = tmp_path / "yesterday.json"
    other.faults = {"renamed"}
    code, said = desk.call("verify", "--to", other.url, "--save", str(run))
    assert code == 1, said
    compare = ("verify", "--to", other.url, "--baseline", str(run))
    assert desk.call(*compare)[1]["changes"]["regressions"] == {}
    assert desk.call(*compare)[1]["changes"]["unchanged"] == 9
    other.faults = {"text"}
    code, said = desk.call(*compare)
    assert code == 1
    assert len(said["changes"]["regressions"]) == 3
    assert "body.count" in str(said["changes"]["regressions"]["buy/02-add-tea"])
    other.faults = set()
    code, said = desk.call(*compare)
    assert (code, said["changes"]["regressions"], len(said["changes"]["fixes"])) == (0, {}, 3)
    plain = banyan("golden", *compare, "--dir", str(desk.folder)).stdout
    assert "fixed: buy/02-add-tea" in plain
    assert "0 regressions, 3 fixes, 6 unchanged" in plain
    code, said = desk.call(*compare, "--only", "buy")
    assert (said["changes"]["gone"], len(said["changes"]["fixes"]), said["changes"]["unchanged"]) == (
        [],
        3,
        2,
    )
    kept = json.loads(run.read_text())
    odds: list[Any] = [[], {"cases": 7}, {"cases": [kept["cases"][0] | {"failures": "abc"}]}]
    for odd in odds:
        run.write_text(json.dumps(odd))
        code, said = desk.call(*compare)
        assert code == 2
        assert "yesterday.json: is no kept run" in said
    run.write_text("[]")
    code, said = desk.call("verify", "--to", other.url, "--save", str(run))
    assert (code, run.read_text()) == (2, "[]")
    assert "holds something else than a run report" in said


def test_with_a_baseline_only_what_is_worse_may_fail_a_build(
    desk: Desk, other: ShopServer, tmp_path: Path
) -> None:
    run = tmp_path / "yesterday.json"
    other.faults = {"renamed"}
    assert desk.call("verify", "--to", other.url, "--save", str(run))[0] == 1
    words = ("verify", "--to", other.url, "--baseline", str(run))
    assert desk.call(*words)[0] == 1
    code, said = desk.call(*words, "--fail-on", "regression")
    assert (code, said["exit_code"], said["failed"]) == (0, 0, 3)
    other.faults = {"renamed", "extra"}
    code, said = desk.call(*words, "--fail-on", "regression")
    assert (code, len(said["changes"]["regressions"])) == (1, 3)
    other.faults = {"renamed"}
    (desk.folder / "order" / "01-create.json").write_text("{")
    assert desk.call(*words, "--fail-on", "regression")[0] == 2
    code, said = desk.call("verify", "--to", other.url, "--fail-on", "regression")
    assert code == 2
    assert "--baseline" in said


def test_what_cannot_be_meant_is_refused_before_anything_is_asked(
    desk: Desk, other: ShopServer, tmp_path: Path
) -> None:
    report = str(tmp_path / "report")
    for words, what in (
        (("--deadline", "nan"), "is no number"),
        (("--junit", report, "--markdown", report), "two reports cannot be one file"),
    ):
        code, said = desk.call("verify", "--to", other.url, *words)
        assert code == 2
        assert what in said
    assert other.seen == []


def test_accept_moves_the_chosen_cases_and_no_other(desk: Desk, shop: ShopServer) -> None:
    before = desk.content()
    shop.faults = {"text"}
    code, said = desk.call("accept", "buy/add tea", "buy/04-look", "--from", shop.url)
    assert (code, [case["outcome"] for case in said["cases"]]) == (0, ["changed", "changed"])
    assert any("body.count: type_changed" in line for line in said["cases"][0]["changes"])
    after = desk.content()
    assert {name for name in before if before[name] != after[name]} == {"02-add-tea.json", "04-look.json"}
    assert before.keys() == after.keys()
    assert json.loads(after["04-look.json"])["answer"]["body"]["json"] == {
        "at": "⟨iso-timestamp⟩",
        "count": "2",
        "items": json.loads(before["04-look.json"])["answer"]["body"]["json"]["items"],
    }
    code, said = desk.call("verify", "--to", shop.url)
    assert [case["id"] for case in said["cases"] if case["verdict"] == "mismatch"] == ["buy/03-add-cake"]
    assert desk.call("accept", "buy", "--from", shop.url)[0] == 0
    assert desk.call("verify", "--to", shop.url)[0] == 0


def test_accept_writes_nothing_it_did_not_see(desk: Desk, shop: ShopServer) -> None:
    before = desk.content()
    code, said = desk.call("accept", "buy/look", "--from", "http://127.0.0.1:9")
    assert code == 2
    assert "cannot be reached" in said["problems"][0]["what"]
    code, said = desk.call("accept", "no/such", "--from", shop.url)
    assert code == 2
    assert "no recording 'no/such'" in said["problems"][0]["what"]
    assert desk.content() == before


def test_annotations_name_the_file(desk: Desk, other: ShopServer) -> None:
    other.faults = {"text"}
    words = ("golden", "verify", "--to", other.url, "--dir", str(desk.folder), "--github")
    lines = [line for line in banyan(*words).stdout.splitlines() if line.startswith("::")]
    stopped, started, *lines = lines
    assert stopped.removeprefix("::stop-commands::") == started.strip(":")
    assert len(lines) == 3
    assert lines[0].startswith("::error file=")
    assert "02-add-tea.json,title=mismatch%3A buy/02-add-tea::" in lines[0]
    assert "body.count: type_changed" in lines[0]


def test_unused_goldens_and_dead_rules_fail_lint(desk: Desk, tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    head = '[[rule]]\nowner = "o"\nexpires = 2999-01-01\nop = "ignore"\n'
    rules.write_text(head + 'id = "used"\npath = "body.at"\n')
    words = ("lint", "--rules", str(rules), "--flow", str(desk.flows))
    code, said = desk.call(*words)
    assert code == 0, said
    rules.write_text(rules.read_text() + head + 'id = "dead"\npath = "header.x-nowhere"\n')
    code, said = desk.call(*words)
    assert code == 1
    assert said["errors"][0]["what"] == "rule 'dead' matches nothing that is recorded here"
    rules.write_text(head + 'id = "elsewhere"\nroute = "GET /far"\npath = "body.nowhere"\n')
    code, said = desk.call(*words)
    assert (code, len(said["warnings"])) == (0, 1)
    config = tmp_path / "banyan.toml"
    config.write_text(
        '[upstreams.legacy]\nurl = "http://127.0.0.1:1"\n[upstreams.new]\nurl = "http://127.0.0.1:2"\n'
        '[[feature]]\nname = "far"\nmatch = ["GET /far", "/far/{id}/*"]\n'
    )
    for scope, code in (
        ('route = "GET /far"', 0),
        ('route = "PUT /far/{id}/*"', 0),
        ('feature = "far"', 0),
        ('route = "GET /elsewhere"', 1),
        ('feature = "fra"', 1),
    ):
        rules.write_text(f'{head}id = "x"\n{scope}\npath = "body.nowhere"\n')
        found, said = desk.call(*words, "-c", str(config))
        assert (found, len(said["errors"]), len(said["warnings"])) == (code, code, 1 - code), scope
        assert not code or "is not configured" in said["errors"][0]["what"]
    (desk.flows / "order.toml").unlink()
    code, said = desk.call("lint", "--flow", str(desk.flows))
    assert code == 1
    assert "is unused" in said["errors"][0]["what"]
