"""pytest itself, in a process of its own, with every recording as a test."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from golden import Flow, record
from tests.golden.conftest import BUY, ORDER
from tests.golden.shop import ShopServer

MakeFlow = Callable[..., Flow]
ROOT = Path(__file__).resolve().parents[2]


def _run(folder: Path, *options: str, plugin: bool = True) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-v", *options]
    return subprocess.run(
        [*command, *(["-p", "golden.pytest_plugin"] if plugin else [])],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def project(shop: ShopServer, flow: MakeFlow, tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    record([flow(BUY), flow(ORDER, "order")], shop.url, folder / "golden" / "recordings")
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_own.py").write_text("def test_own():\n    pass\n")
    return folder


def test_every_recording_is_a_test(project: Path, other: ShopServer) -> None:
    run = _run(project, f"--golden-to={other.url}")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "9 passed" in run.stdout
    assert "04-look.json::buy/04-look PASSED" in run.stdout
    assert "test_own" not in run.stdout
    assert "10 passed" in _run(project, f"--golden-to={other.url}", "test_own.py").stdout


def test_a_failure_reads_well(project: Path, other: ShopServer) -> None:
    other.faults.add("renamed")
    run = _run(project, f"--golden-to={other.url}")
    assert run.returncode == 1
    assert "3 failed, 6 passed" in run.stdout
    assert "mismatch: flow buy, step 4 (look)" in run.stdout
    assert "body.items: removed" in run.stdout
    assert "Traceback" not in run.stdout


def test_one_step_alone_is_played_after_those_before_it(project: Path, other: ShopServer) -> None:
    run = _run(project, f"--golden-to={other.url}", "-k", "look")
    assert "1 passed" in run.stdout, run.stdout
    file = project / "golden" / "recordings" / "buy" / "04-look.json"
    run = _run(project, f"--golden-to={other.url}", str(file))
    assert "1 passed" in run.stdout, run.stdout


def test_rules_count(project: Path, other: ShopServer) -> None:
    other.faults.add("extra")
    rules = project / "rules.toml"
    rules.write_text(
        '[[rule]]\nid = "d"\nowner = "o"\nexpires = 2999-01-01\npath = "body.debug"\nop = "ignore"\n'
    )
    assert _run(project, f"--golden-to={other.url}", "--golden-rules=rules.toml").returncode == 0
    rules.write_text(rules.read_text() + 'feature = "shop"\n')
    run = _run(project, f"--golden-to={other.url}", "--golden-rules=rules.toml")
    assert run.returncode == 1
    assert "golden: d: for one feature only, which is not known here" in run.stdout
    rules.write_text("[[rule]]\nid = 1\n")
    run = _run(project, f"--golden-to={other.url}", "--golden-rules=rules.toml")
    assert run.returncode == 4
    assert "rules.toml" in run.stderr


def test_a_corrupt_file_fails_and_the_others_go_on(project: Path, other: ShopServer) -> None:
    (project / "golden" / "recordings" / "buy" / "03-add-cake.json").write_text("{")
    for words in ((), ("-n", "2")):
        run = _run(project, f"--golden-to={other.url}", *words)
        assert run.returncode == 1
        assert "03-add-cake.json: is corrupt or cut off" in run.stdout
        assert "3 failed, 6 passed" in run.stdout  # the file, and the two steps after it


def test_a_journey_out_of_order_fails_and_the_others_go_on(project: Path, other: ShopServer) -> None:
    folder = project / "golden" / "recordings" / "buy"
    copy = folder / "04-look copy.json"
    copy.write_text((folder / "04-look.json").read_text())
    run = _run(project, f"--golden-to={other.url}")
    assert run.returncode == 1
    assert f"04-look.json: step 4 is in {copy} too" in run.stdout
    assert "4 failed, 7 passed" in run.stdout


def test_recordings_are_found_wherever_below_they_lie(project: Path, other: ShopServer) -> None:
    folder = project / "golden" / "recordings"
    (folder / "team").mkdir()
    (folder / "buy").rename(folder / "team" / "buy")
    (folder / "order").rename(project / "elsewhere")
    (folder / "order").symlink_to(project / "elsewhere")
    assert "9 passed" in _run(project, f"--golden-to={other.url}").stdout
    alone = ("--golden-dir", str(folder / "team" / "buy"))
    assert "5 passed" in _run(project, f"--golden-to={other.url}", *alone).stdout


def test_nothing_recorded_and_a_wrong_address_end_the_run(tmp_path: Path) -> None:
    for options in (["--golden-to=http://127.0.0.1:9"], ["--golden-to=nonsense", "--golden-dir=."]):
        (tmp_path / "x.json").write_text("{}")
        run = _run(tmp_path, *options)
        assert run.returncode == 4
        assert "no recording" in run.stderr or "no address" in run.stderr


def test_without_the_option_nothing_changes(project: Path) -> None:
    assert "1 passed" in _run(project).stdout
