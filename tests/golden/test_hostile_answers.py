"""What a side says is shown as text wherever it is written down: no terminal or build server obeys it."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.gateway.running import banyan
from tests.golden.shop import ShopServer

HOSTILE = (
    "a\n::error::planted\n##[stop-commands]planted\x1b]0;planted\x9b\x7f\u202e | `b` ``c`` <img src=x> \\"
)
FLOW = '[[step]]\nname = "said"\npath = "/said"\n'


@pytest.fixture
def recordings(shop: ShopServer, tmp_path: Path) -> Path:
    """One recorded answer that is as hostile as the one that will come."""
    shop.said = "application/json", json.dumps({"text": "b" + HOSTILE, "key": 1}), ()
    (tmp_path / "flow.toml").write_text(FLOW)
    words = ("--flow", str(tmp_path / "flow.toml"), "--dir", str(tmp_path / "r"))
    done = banyan("golden", "record", "--from", shop.url, *words)
    assert done.returncode == 0, done.stderr
    return tmp_path / "r"


def _obeyed(text: str) -> list[str]:
    """The lines that a build server or a terminal would do something about."""
    return [
        line
        for line in text.replace("\r", "\n").split("\n")
        if line.strip().startswith("::") or not line.replace("\t", "").isprintable()
    ]


def test_nothing_that_a_side_says_is_obeyed(recordings: Path, other: ShopServer, tmp_path: Path) -> None:
    other.said = "application/json", json.dumps({"text": HOSTILE, "key\n::error::planted": 1}), ()
    reports = ("--junit", str(tmp_path / "j.xml"), "--markdown", str(tmp_path / "m.md"))
    words = ("golden", "verify", "--to", other.url, "--dir", str(recordings), *reports)
    done = banyan(*words)
    assert done.returncode == 1
    assert "planted" in done.stdout
    assert _obeyed(done.stdout) == []
    stopped, *said, started, annotation = banyan(*words, "--github").stdout.splitlines()
    assert stopped.startswith("::stop-commands::")
    assert started == stopped.replace("stop-commands::", "") + "::"
    assert _obeyed("\n".join(said)) == []
    assert annotation.startswith("::error file=")
    page = (tmp_path / "m.md").read_text()
    assert _obeyed(page) == []
    # All of it is code: the fence is longer than any run of backticks within.
    for line in page.splitlines():
        if "`b`" in line:
            assert line.startswith("- ``` ")
            assert line.endswith(" ```")
    failure = ET.parse(tmp_path / "j.xml").getroot().find(".//failure")
    assert failure is not None
    assert r"a\n::error::planted" in str(failure.text)
    run = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-c", "/dev/null"]
    run += ["--rootdir", str(tmp_path), "--golden-to", other.url, "--golden-dir", str(recordings)]
    test = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert test.returncode == 1
    assert "planted" in test.stdout
    assert _obeyed(test.stdout) == []


def test_a_hostile_recording_is_shown_as_text(recordings: Path) -> None:
    shown = banyan("golden", "show", "flow/said", "--dir", str(recordings)).stdout
    assert "planted" in shown
    assert _obeyed(shown) == []
    as_json = banyan("--json", "golden", "show", "flow/said", "--dir", str(recordings)).stdout
    assert _obeyed(as_json) == []
    assert json.loads(as_json)["answer"]["body"]["json"]["text"] == "b" + HOSTILE


@pytest.mark.parametrize("key", ["flow", "step"])
def test_a_name_of_two_lines_is_none(key: str, recordings: Path, other: ShopServer) -> None:
    file = recordings / "flow" / "01-said.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {key: "x\n::error::planted"}))
    evil = recordings / "flow" / "02\n::error::planted.json"
    evil.write_text("{")
    for words in (["verify", "--to", other.url], ["lint"], ["show"]):
        done = banyan("golden", *words, "--dir", str(recordings))
        assert "expected a name on one line" in done.stdout
        assert _obeyed(done.stdout) == []
