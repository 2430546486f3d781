"""Performance as a golden: the verdict on numbers that are known, and one short run on real servers."""

import json
import random
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from bench.goldens import report
from bench.goldens.figures import judge
from bench.goldens.rounds import Sample, Turn, turn, usual_status
from tests.golden.conftest import BUY, ORDER
from tests.golden.measuring import Done, measured, says_broken
from tests.golden.shop import ShopServer
from tests.support.spawn import ROOT

SIDES = ("legacy", "new")


def turns(
    side: str, factor: float = 1.0, *, failed: int = 0, memory: float = 100.0, rounds: int = 8
) -> list[Turn]:
    chance = random.Random(side)
    return [
        Turn(
            side,
            tuple(factor * chance.lognormvariate(-4, 0.4) for _ in range(400)),
            failed,
            memory * (1 + 0.01 * chance.random()),
        )
        for _ in range(rounds)
    ]


@pytest.mark.parametrize(
    ("new", "code", "criterion", "outcome"),
    [
        (turns("new", 0.9), 0, "p95", "holds"),
        (turns("new", 1.3), 1, "p95", "broken"),
        (turns("new", 1.1), 2, "p95", "open"),
        (turns("new", 0.9, memory=130), 1, "memory", "broken"),
        (turns("new", 0.9, memory=119), 0, "memory", "holds"),
        (turns("new", 0.9, failed=20), 1, "errors", "broken"),
        ([*turns("new", 0.9, rounds=7), *turns("new", 0.9, failed=1, rounds=1)], 2, "errors", "open"),
        (turns("new", 0.9, rounds=2), 2, "p95", "open"),
    ],
)
def test_the_verdict_knows_its_uncertainty(new: list[Turn], code: int, criterion: str, outcome: str) -> None:
    verdict = judge([*turns("legacy"), *new])
    found = next(one for one in verdict.criteria if one.name == criterion)
    assert (verdict.exit_code, found.outcome) == (code, outcome), found
    assert found.low <= found.value <= found.high


def test_errors_of_legacy_excuse_as_many_of_new() -> None:
    assert judge([*turns("legacy", failed=20), *turns("new", 0.9, failed=20)]).exit_code == 0


def test_no_answer_at_all_is_broken() -> None:
    dead = [Turn("new", (), 400, 100.0) for _ in range(8)]
    assert judge([*turns("legacy"), *dead]).exit_code == 1


def test_few_rounds_leave_it_open() -> None:
    quiet, busy = turns("new", 0.8, rounds=1), turns("new", 1.6, rounds=1)
    assert judge([*turns("legacy", rounds=2), *quiet, *busy]).exit_code == 2


def test_the_report_has_pictures(tmp_path: Path) -> None:
    measured = [*turns("legacy"), *turns("new", 1.3)]
    report.write(judge(measured), measured, tmp_path, "<about>")
    for name in ("percentiles", "rounds", "ratios"):
        drawn = ET.parse(tmp_path / f"{name}.svg").getroot()
        assert drawn.tag.endswith("svg")
        assert f"![{name}]({name}.svg)" in (tmp_path / "performance.md").read_text()
    page = (tmp_path / "performance.html").read_text()
    assert page.count("<svg") == 3
    assert "&lt;about&gt;" in page
    assert "not ready" in page


def test_two_real_sides_under_the_same_journeys(shop: ShopServer, other: ShopServer, tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "buy.toml").write_text(BUY)
    (tmp_path / "flows" / "order.toml").write_text(ORDER)
    words = ["--legacy", shop.url, "--new", other.url, "--flow", str(tmp_path / "flows")]
    words += ["--rounds", "1", "--users", "2", "--report", str(tmp_path / "report")]

    def found() -> Any:
        return json.loads((tmp_path / "report" / "performance.json").read_text())

    def enough(done: Done) -> bool:
        return "came to an end" not in done.stdout and min(found()[s]["requests"] for s in SIDES) > 20

    done = measured(words, 4, enough)
    assert (done.returncode, done.stderr) == (2, ""), done.stdout  # one round tells nothing
    for side in SIDES:
        assert found()[side]["requests"] > 20, done.stdout
        assert found()[side]["failed"] == 0, done.stdout
    # The journeys were played as they are written: each with the token and the number it was given.
    posted = [seen for seen in other.seen if seen[:2] == ("POST", "/cart") and seen[3] != b"{}"]
    assert posted
    assert all(len(headers.get("X-CSRF-Token", "")) == 32 for _, _, headers, _ in posted)


def test_an_answer_of_another_class_is_a_failure_however_fast() -> None:
    asked = [Sample(0.01, True, "f/a", 200), Sample(0.01, True, "f/b", 403), Sample(0.02, True, "f/a", 204)]
    usual = usual_status([*asked, Sample(0.01, False, "f/c", 500), Sample(0.01, True, "f/a", 404)])
    assert usual == {"f/a": 2, "f/b": 4}
    assert turn("legacy", asked, 7.0, usual) == Turn("legacy", (0.01, 0.01, 0.02), 0, 7.0)
    gone = [Sample(0.001, True, step, 404) for step in ("f/a", "f/b", "f/never-by-legacy")]
    assert turn("new", gone, 0.0, usual).failed == 1


def test_a_side_that_refuses_everything_quickly_is_broken(
    shop: ShopServer, other: ShopServer, tmp_path: Path
) -> None:
    (tmp_path / "plain.toml").write_text('[[step]]\nname = "c"\npath = "/constant"\n')
    other.faults = {"gone"}
    words = ["--legacy", shop.url, "--new", other.url, "--rounds", "3", "--users", "1"]
    words += ["--flow", str(tmp_path / "plain.toml"), "--report", str(tmp_path)]
    done = measured(words, 3, says_broken)
    assert done.returncode == 1, done.stdout + done.stderr
    found = json.loads((tmp_path / "performance.json").read_text())
    assert next(one["outcome"] for one in found["criteria"] if one["name"] == "errors") == "broken"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--legacy", "http://127.0.0.1:1"], "name both sides"),
        (["--legacy", "http://127.0.0.1:1", "--new", "nonsense"], "'nonsense' is no address"),
        (["--flow", "/nowhere.toml"], "/nowhere.toml"),
        (["--flow", "{folder}/secret.toml"], "NOBODY_HAS_SET_THIS"),
        (["--rounds", "0"], "--rounds"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(words: list[str], said: str, tmp_path: Path) -> None:
    flow = '[secrets]\np = "env:NOBODY_HAS_SET_THIS"\n[[step]]\nname = "a"\npath = "/{p}"\n'
    (tmp_path / "secret.toml").write_text(flow)
    words = [word.format(folder=tmp_path) for word in words]
    command = [sys.executable, "-m", "bench.goldens", *words, "--report", str(tmp_path / "report")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "report").exists()


def test_a_side_that_is_not_there_is_said(shop: ShopServer, tmp_path: Path) -> None:
    (tmp_path / "buy.toml").write_text(BUY)
    words = ["--legacy", shop.url, "--new", "http://127.0.0.1:9", "--rounds", "1", "--users", "1"]
    words += ["--flow", str(tmp_path / "buy.toml"), "--report", str(tmp_path)]
    done = measured(words, 8, says_broken)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
