"""What is wrong is named with its file and step, the others go on, and nothing is overwritten: by the command
line, as a person meets it.
"""

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from golden import Flow
from tests.gateway.running import banyan
from tests.golden.conftest import BUY, ORDER
from tests.golden.shop import ShopServer

MakeFlow = Callable[..., Flow]

PLAIN = '[[step]]\nname = "constant"\npath = "/constant"\n'


@pytest.fixture
def folder(shop: ShopServer, flow: MakeFlow, tmp_path: Path) -> Path:
    """The recordings of two journeys, and of a third that nothing will happen to."""
    for text, name in ((BUY, "buy"), (ORDER, "order"), (PLAIN, "plain")):
        flow(text, name)
    code, said = golden("record", "--from", shop.url, "--flow", tmp_path / "flows", "--dir", tmp_path / "r")
    assert code == 0, said
    return tmp_path / "r"


def golden(*words: object) -> tuple[int, Any]:
    """One command with `--json`; its exit code and what it said."""
    done = banyan("--json", "golden", *map(str, words))
    assert "Traceback" not in done.stderr, done.stderr
    said = json.loads(done.stdout)
    return done.returncode, said.get("error", said)


def plain(*words: object) -> list[str]:
    """The lines one command prints for a person."""
    return banyan("golden", *map(str, words)).stdout.splitlines()


def verdicts(said: Any) -> dict[str, str]:
    return {case["id"]: case["verdict"] for case in said["cases"]}


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the name of a socket may not be long
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path.name)
    finally:
        os.chdir(here)


def _changed(path: Path, where: str, key: str, value: object) -> str:
    data = json.loads((path.parent / "02-add-tea.json").read_text())
    (data[where] if where else data)[key] = value
    return json.dumps(data)


NO_FILES = {
    "pipe": (_fifo, "is a pipe, no file"),
    "socket": (_socket, "No such device or address"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "is a device, no file"),
    "folder": (Path.mkdir, "is a folder, no file"),
    "broken link": (lambda path: path.symlink_to("nowhere"), "No such file"),
    "newer": (lambda path: path.write_text('{"banyan_recording": 99}'), "newer format 99"),
    "foreign": (lambda path: path.write_text('{"openapi": "3.1.0"}'), "is no recording of Banyan"),
    "cut off": (lambda path: path.write_text('{"banyan_recording": 2, "answer'), "is corrupt or cut off"),
    "a length of its own": (
        lambda path: path.write_text(_changed(path, "request", "headers", ["Content-Length: 5"])),
        "the client says it itself",
    ),
    "a header in a header": (
        lambda path: path.write_text(_changed(path, "request", "headers", ["X-A: b\r\nX-B: c"])),
        "a line break",
    ),
    "an address of somebody else": (
        lambda path: path.write_text(_changed(path, "request", "target", "http://example.com/")),
        "expected a path from /",
    ),
    "half a character": (
        lambda path: path.write_text(_changed(path, "request", "target", "/\ud800")),
        "surrogates not allowed",
    ),
    "a step far beyond": (
        lambda path: path.write_text(_changed(path, "", "number", 10**9)),
        "number must be",
    ),
    "no text": (lambda path: path.write_bytes(b"\xff\xfe\x00"), "is corrupt or cut off"),
}


@pytest.mark.parametrize(("make", "said"), NO_FILES.values(), ids=NO_FILES.keys())
def test_what_is_no_recording_is_named_first_and_the_others_go_on(
    make: Callable[[Path], None], said: str, folder: Path, other: ShopServer
) -> None:
    bad = folder / "buy" / "03-add-cake.json"
    bad.unlink()
    make(bad)
    code, found = golden("verify", "--to", other.url, "--dir", folder)
    assert code == 2
    assert [(one["file"], said in one["what"]) for one in found["problems"]] == [(str(bad), True)]
    assert [word for case, word in verdicts(found).items() if case[:3] != "buy"] == ["match"] * 5
    assert [word for case, word in verdicts(found).items() if case[:3] == "buy"] == [
        *["match"] * 2,
        *["undetermined"] * 2,
    ]
    first = plain("verify", "--to", other.url, "--dir", folder)[0]
    assert first.startswith(f"problem: {bad}: ")
    code, found = golden("lint", "--dir", folder)
    assert (code, [one["file"] for one in found["errors"]]) == (1, [str(bad)])
    code, found = golden("accept", "buy", "plain", "--from", other.url, "--dir", folder)
    assert code == 2
    assert [case["id"] for case in found["cases"]][-1] == "plain/01-constant"


def test_two_files_of_one_name_or_step_are_both_named_and_the_others_go_on(
    folder: Path, other: ShopServer
) -> None:
    first = folder / "buy" / "02-add-tea.json"
    second = folder / "buy" / "04-look.json"
    whole = second.read_text()
    second.write_text(whole.replace('"step": "look"', '"step": "add tea"'))
    code, found = golden("verify", "--to", other.url, "--dir", folder)
    assert (code, found["passed"]) == (2, 10)
    assert found["problems"][0]["file"] == str(second)
    assert found["problems"][0]["what"] == f"a step called 'add tea' is in {first} too"
    second.write_text(whole)
    copy = folder / "buy" / "04-look copy.json"
    copy.write_text(whole)
    code, found = golden("verify", "--to", other.url, "--dir", folder)
    assert (code, found["passed"], found["undetermined"]) == (2, 8, 3)
    assert found["problems"][0]["file"] + found["problems"][0]["what"] == f"{second}step 4 is in {copy} too"
    assert "two recordings of step 4" in str(found["cases"][3]["failures"])
    copy.unlink()
    (folder / "more").mkdir()
    (folder / "more" / "01-constant.json").write_text((folder / "plain" / "01-constant.json").read_text())
    code, found = golden("verify", "--to", other.url, "--dir", folder)
    assert code == 2
    assert found["problems"][0] == {
        "file": str(folder / "plain"),
        "flow": "plain",
        "step": "",
        "what": f"the flow 'plain' is in {folder / 'more'} too",
    }


def test_a_linked_folder_is_read_and_a_circle_ends(folder: Path, other: ShopServer, tmp_path: Path) -> None:
    (folder / "buy").rename(tmp_path / "elsewhere")
    (folder / "buy").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "up").symlink_to(folder)
    code, found = golden("verify", "--to", other.url, "--dir", folder)
    assert (code, found["passed"]) == (0, 10)
    assert golden("lint", "--dir", folder)[0] == 0


def test_a_flow_that_cannot_be_read_keeps_no_other_from_being_recorded(
    shop: ShopServer, folder: Path, tmp_path: Path
) -> None:
    before = {path: path.read_text() for path in folder.rglob("*.json")}
    bad = tmp_path / "flows" / "order.toml"
    bad.write_text(ORDER.replace('path = "/form"', 'pth = "/form"'))
    (tmp_path / "flows" / "pipe.toml").unlink(missing_ok=True)
    os.mkfifo(tmp_path / "flows" / "pipe.toml")
    (tmp_path / "flows" / "later.toml").write_text(PLAIN)
    words = ("--flow", tmp_path / "flows", "--dir", folder)
    code, said = golden("record", "--from", shop.url, *words)
    assert code == 2
    assert [(one["file"], one["step"]) for one in said["problems"]] == [
        (str(bad), "form"),
        (str(tmp_path / "flows" / "pipe.toml"), ""),
    ]
    assert "unknown key 'pth'" in said["problems"][0]["what"]
    assert [one["flow"] for one in said["saved"] if one["outcome"] == "created"] == ["later"]
    assert all(path.read_text() == text for path, text in before.items())
    code, said = golden("verify", "--to", shop.url, *words)
    assert (code, said["passed"], len(said["problems"])) == (2, 11, 2)
    code, said = golden("lint", *words)
    assert (code, len(said["errors"])) == (1, 2)  # and the recordings of that flow are not called unused


@pytest.mark.parametrize(
    ("option", "words"), [("--junit", "junit"), ("--markdown", "markdown"), ("--save", "run")]
)
def test_a_report_takes_the_place_of_nothing_else(
    option: str, words: str, folder: Path, other: ShopServer, tmp_path: Path
) -> None:
    asked = len(other.seen)
    verify = ("verify", "--to", other.url, "--dir", folder, option)
    precious = tmp_path / "README.md"
    precious.write_text("# Precious\n")
    code, said = golden(*verify, precious)
    assert (code, precious.read_text()) == (2, "# Precious\n")
    assert f"{precious}: is there and holds something else than a {words} report" in said
    code, said = golden(*verify, tmp_path / "typo" / "report")
    assert code == 2
    assert f"there is no folder {tmp_path / 'typo'}" in said
    assert not (tmp_path / "typo").exists()
    os.mkfifo(tmp_path / "pipe")
    code, said = golden(*verify, tmp_path / "pipe")
    assert code == 2
    assert "is a pipe" in said
    assert len(other.seen) == asked  # all of it was said before anything was asked
    report = tmp_path / "report"
    report.write_text("")
    for _ in range(2):
        assert golden(*verify, report)[0] == 0
        assert len(report.read_text()) > 100


def test_recordings_that_say_nothing_of_where_they_are_from_are_warned_about(
    shop: ShopServer, folder: Path, tmp_path: Path
) -> None:
    del folder
    words = ("record", "--from", shop.url, "--flow", tmp_path / "flows" / "plain.toml", "--dir")
    code, said = golden(*words, tmp_path / "a")
    assert code == 0
    assert "--source" in said["warnings"][0]["what"]
    assert "--release" in said["warnings"][0]["what"]
    code, said = golden(*words, tmp_path / "b", "--source", "legacy", "--release", "2.1")
    assert (code, said["warnings"]) == (0, [])
    kept = json.loads((tmp_path / "b" / "plain" / "01-constant.json").read_text())
    assert kept["recorded"]["from"] == "legacy"
    assert kept["recorded"]["release"] == "2.1"


def test_accepting_says_where_the_new_answer_is_from(folder: Path, shop: ShopServer) -> None:
    shop.faults = {"text"}
    words = (
        "accept",
        "buy/add tea",
        "--from",
        shop.url,
        "--dir",
        folder,
        "--source",
        "legacy",
        "--release",
        "2.2",
    )
    assert golden(*words)[0] == 0
    kept = json.loads((folder / "buy" / "02-add-tea.json").read_text())
    assert (kept["recorded"]["from"], kept["recorded"]["release"]) == ("legacy", "2.2")


def test_several_documents_are_imported_though_one_is_broken(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("openapi: 3.1.0\npaths:\n  /a:\n    get: {}\n")
    bad.write_text("openapi: [\n")
    code, said = golden("import", "openapi", bad, good, "--to", tmp_path / "flows")
    assert code == 2
    assert [flow["flow"] for flow in said["flows"]] == ["get-a"]
    assert said["problems"][0].startswith(f"{bad}: ")
    code, said = golden("import", "openapi", good, "--to", tmp_path / "flows")
    assert code == 1
    assert "--force" in said["problems"][0]
    assert golden("import", "openapi", good, "--to", tmp_path / "flows", "--force")[0] == 0


def test_an_answer_with_half_a_character_is_kept_as_it_was_written(
    shop: ShopServer, flow: MakeFlow, tmp_path: Path
) -> None:
    shop.said = "application/json", '{"a": "\\ud800", "b": 1}', ()
    flow('[[step]]\nname = "said"\npath = "/said"\n', "said")
    where = ("--dir", tmp_path / "r")
    code, said = golden("record", "--from", shop.url, "--flow", tmp_path / "flows" / "said.toml", *where)
    assert code == 0, said
    assert golden("verify", "--to", shop.url, *where)[0] == 0
    shop.said = "application/json", '{"a": "\\ud801", "b": 1}', ()
    assert golden("verify", "--to", shop.url, *where)[0] == 1


def test_an_answer_that_never_ends_is_named_and_the_others_go_on(
    shop: ShopServer, folder: Path, tmp_path: Path
) -> None:
    before = {path: path.read_text() for path in folder.rglob("*.json")}
    (tmp_path / "flows" / "plain.toml").write_text(PLAIN.replace("/constant", "/endless"))
    words = ("--flow", tmp_path / "flows", "--dir", folder, "--deadline", 1)
    code, said = golden("record", "--from", shop.url, *words)
    assert code == 2
    assert [(one["flow"], one["step"]) for one in said["problems"]] == [("plain", "constant")]
    assert "had not finished its answer after 1 s" in said["problems"][0]["what"]
    assert len(said["saved"]) == 9
    assert {path: path.read_text() for path in folder.rglob("*.json")} == before
