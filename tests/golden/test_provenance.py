"""Where a recording comes from, and values that are learned from two runs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from golden import Flow, record, verify
from tests.gateway.running import banyan
from tests.golden.conftest import BUY
from tests.golden.shop import ShopServer

MakeFlow = Callable[..., Flow]
DICE = '[[step]]\nname = "roll"\npath = "/dice"\n'


def _only(folder: Path) -> dict[str, Any]:
    (file,) = folder.rglob("*.json")
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def test_a_recording_says_where_it_comes_from(shop: ShopServer, flow: MakeFlow, tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    head = '[[rule]]\nowner = "o"\nexpires = 2999-01-01\nop = "ignore"\n'
    rules.write_text(
        head + 'id = "here"\npath = "body.at"\n' + head + 'id = "far"\nroute = "GET /far"\npath = "body.x"\n'
    )
    flow(DICE, "dice")
    words = ["golden", "record", "--from", shop.url, "--flow", str(tmp_path / "flows"), "--rules", str(rules)]
    words += ["--source", "legacy", "--release", "2025.4"]
    one, two = tmp_path / "one", tmp_path / "two"
    env = {"SOURCE_DATE_EPOCH": "1700000000"}
    assert banyan(*words, "--twice", "--dir", str(one), env=env).returncode == 0
    assert banyan(*words, "--twice", "--dir", str(two), env=env).returncode == 0
    assert _only(one)["recorded"] == {
        "from": "legacy",
        "on": "2023-11-14",
        "release": "2025.4",
        "rules": ["here"],
    }
    (first,), (second,) = one.rglob("*.json"), two.rglob("*.json")
    assert first.read_bytes() == second.read_bytes()
    assert (
        "recorded from legacy; on 2023-11-14"
        in banyan("golden", "show", "dice/01-roll", "--dir", str(one)).stdout
    )


def test_another_day_alone_is_no_change(shop: ShopServer, flow: MakeFlow, tmp_path: Path) -> None:
    flow(BUY)
    words = [
        "golden",
        "record",
        "--from",
        shop.url,
        "--flow",
        str(tmp_path / "flows"),
        "--dir",
        str(tmp_path / "r"),
    ]
    assert banyan(*words, env={"SOURCE_DATE_EPOCH": "1700000000"}).returncode == 0
    before = {file: file.read_bytes() for file in (tmp_path / "r").rglob("*.json")}
    again = banyan("--json", *words)
    assert {one["outcome"] for one in json.loads(again.stdout)["saved"]} == {"unchanged"}
    assert {file: file.read_bytes() for file in (tmp_path / "r").rglob("*.json")} == before
    shop.faults = {"text"}
    changed = [
        one for one in json.loads(banyan("--json", *words).stdout)["saved"] if one["outcome"] == "changed"
    ]
    assert len(changed) == 3


def test_what_differs_between_two_runs_is_named_by_its_type(
    shop: ShopServer, flow: MakeFlow, tmp_path: Path
) -> None:
    dice = flow(DICE, "dice")
    record(dice, shop.url, tmp_path / "once")
    assert verify(tmp_path / "once", shop.url).exit_code == 1
    report = record(dice, shop.url, tmp_path / "twice", twice=True)
    assert (report.exit_code, [w.what for w in report.warnings if w.step]) == (0, [])
    assert _only(tmp_path / "twice")["answer"]["body"]["json"] == {
        "luck": "⟨string⟩",
        "took": "⟨number⟩",
        "visits": "⟨integer⟩",
    }
    assert verify(tmp_path / "twice", shop.url).exit_code == 0


def test_what_differs_in_more_than_values_is_for_a_person(
    shop: ShopServer, flow: MakeFlow, tmp_path: Path
) -> None:
    shop.faults = {"shaky"}
    report = record(flow(DICE, "dice"), shop.url, tmp_path / "r", twice=True)
    assert report.exit_code == 0
    assert "does not answer the same twice: body" in str(report.warnings[0])
