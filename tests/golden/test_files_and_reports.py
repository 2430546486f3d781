"""Recordings as files, and what lint, show, JUnit and Markdown make of them."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from golden import Flow, RecordingError, lint, read_recording, record, show, to_markdown, verify, write_junit
from golden.files import CHANGED, CREATED, UNCHANGED, write
from golden.scrub import KEPT_HEADERS
from shadow import parse_rules
from shadow.head import HEADERS
from tests.golden.conftest import BUY, ORDER
from tests.golden.shop import ShopServer

MakeFlow = Callable[..., Flow]


@pytest.fixture
def recorded(shop: ShopServer, flow: MakeFlow, tmp_path: Path) -> Path:
    record([flow(BUY), flow(ORDER, "order")], shop.url, tmp_path / "r")
    return tmp_path / "r"


DAMAGE = {
    "cut off": (lambda text: text[: len(text) // 2], "is corrupt or cut off"),
    "empty": (lambda text: "", "is corrupt or cut off"),
    "foreign": (lambda text: '{"hello": 1}', "is no recording of Banyan"),
    "a list": (lambda text: "[1]", "is no recording of Banyan"),
    "newer": (lambda text: text.replace('"banyan_recording": 2', '"banyan_recording": 3'), "newer format 3"),
    "older": (lambda text: text.replace('"banyan_recording": 2', '"banyan_recording": 1'), "older format 1"),
    "format of another type": (
        lambda text: text.replace('"banyan_recording": 2', '"banyan_recording": true'),
        "format True",
    ),
    "unknown key": (lambda text: text.replace('"flow"', '"flaw"', 1), "unknown key 'flaw'"),
    "status as text": (
        lambda text: text.replace('"status": 200', '"status": "200"'),
        "answer.status must be",
    ),
    "header without a colon": (
        lambda text: text.replace("content-type: ", "content-type ", 1),
        "'name: value'",
    ),
    "duplicate key": (lambda text: text.replace('"number": 2', '"number": 2, "number": 2'), "a key twice"),
    "answer missing": (lambda text: json.dumps({**json.loads(text), "answer": {}}), "'status' is missing"),
    "body of no kind": (lambda text: text.replace('"json": {', '"yaml": {', 1), "a body cannot be 'yaml'"),
}


@pytest.mark.parametrize(("damage", "said"), DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_file_is_named(damage: Callable[[str], str], said: str, recorded: Path) -> None:
    file = recorded / "buy" / "02-add-tea.json"
    damaged = damage(file.read_text("utf-8"))
    assert damaged != file.read_text("utf-8")
    file.write_text(damaged, "utf-8")
    with pytest.raises(RecordingError) as caught:
        read_recording(file)
    assert said in str(caught.value)
    report = lint(recorded)
    assert report.exit_code == 1
    assert any(problem.file == str(file) and said in problem.what for problem in report.errors)


def test_what_is_read_is_what_was_written(recorded: Path) -> None:
    for file in recorded.rglob("*.json"):
        assert read_recording(file).to_text() == file.read_text("utf-8")


def test_a_file_is_replaced_as_a_whole_and_only_when_it_changed(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b.json"
    assert [write(file, text) for text in ("1", "1", "2")] == [CREATED, UNCHANGED, CHANGED]
    assert [path.name for path in file.parent.iterdir()] == ["b.json"]
    with pytest.raises(RecordingError, match="cannot be written"):
        write(file / "c.json", "3")
    assert file.read_text() == "2"


def test_lint_is_clean_then_finds_names_and_places(recorded: Path) -> None:
    assert lint(recorded).exit_code == 0
    (recorded / "buy" / "04-look.json").rename(recorded / "buy" / "04-see.json")
    found = [str(problem) for problem in lint(recorded).errors]
    assert len(found) == 1
    assert "is in the wrong place" in found[0]
    twin = recorded / "buy" / "04-look.json"
    twin.write_bytes((recorded / "buy" / "04-see.json").read_bytes())
    found = [str(problem) for problem in lint(recorded).errors]
    first, second = str(twin), str(recorded / "buy" / "04-see.json")
    assert any(f"{second}: step 4 is in {first} too" in item for item in found)
    for file in recorded.glob("buy/04-*.json"):
        file.unlink()
    assert any("step 4 is missing" in str(problem) for problem in lint(recorded).errors)
    assert lint(recorded / "nowhere").exit_code == 2


def test_lint_names_rules_that_do_nothing(recorded: Path) -> None:
    head = 'owner = "o"\nexpires = 2030-01-01\nop = "ignore"\n'
    used = ["body.items[*].amount", "**.at", "header.location", "body.*", "status"]
    unused = ["body.nothing", "header.x-other", "body.items[*].amount.deeper"]
    rules = parse_rules(
        "".join(
            f'[[rule]]\nid = "r{n}"\npath = {json.dumps(path)}\n{head}'
            for n, path in enumerate(used + unused)
        )
    )
    warnings = " ".join(str(item) for item in lint(recorded, rules, today=date(2029, 1, 1)).errors)
    named = [f"r{n}" for n in range(len(used + unused)) if f"'r{n}' matches nothing" in warnings]
    # A page was recorded too, and which part of a page a rule about bodies means is not known here.
    assert named == ["r6"]
    (recorded / "order" / "03-form.json").unlink()
    (recorded / "order" / "04-send.json").unlink()
    warnings = " ".join(str(item) for item in lint(recorded, rules, today=date(2029, 1, 1)).errors)
    assert [f"r{n}" for n in range(8) if f"'r{n}' matches nothing" in warnings] == ["r5", "r6", "r7"]
    assert "expired" in str(lint(recorded, rules, today=date(2031, 1, 1)).errors[0])


def test_junit_can_be_parsed_and_counts(recorded: Path, other: ShopServer, tmp_path: Path) -> None:
    other.faults.add("renamed")
    (recorded / "order" / "04-send.json").write_text("{")
    report = verify(recorded, other.url)
    write_junit(report, tmp_path / "junit.xml")
    root = ET.parse(tmp_path / "junit.xml").getroot()
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("9", "3", "1")
    failed = root.find(".//testcase[@name='04-look']/failure")
    assert failed is not None
    assert "body.items: removed" in str(failed.text)
    assert "step look" in str(failed.text)
    assert all(suite.get("tests") == str(len(suite.findall("testcase"))) for suite in root)
    hidden = report.cases[0].__class__("x/1", "x\x00", "s\ufffe", 1, "", report.cases[0].comparison)
    write_junit(report.__class__("u", "f", (hidden,)), tmp_path / "odd.xml")
    assert ET.parse(tmp_path / "odd.xml").getroot().get("tests") == "1"


def test_markdown_names_every_failure(recorded: Path, other: ShopServer) -> None:
    clean = to_markdown(verify(recorded, other.url))
    assert clean.startswith("## Goldens: all as recorded")
    assert "###" not in clean
    other.faults.add("text")
    text = to_markdown(verify(recorded, other.url))
    assert text.startswith("## Goldens: differences found")
    assert "| buy | 5 | 2 | 3 | 0 | 0 |" in text
    assert '- `body.count: type_changed (high): expected 1, got "1"`' in text


def test_a_summary_is_never_too_large_for_a_build_server(recorded: Path, other: ShopServer) -> None:
    other.faults.add("text")
    report = verify(recorded, other.url)
    (bad, *_) = [case for case in report.cases if not case.passed]
    good = next(case for case in report.cases if case.passed)
    many = [replace(bad, flow=f"bad{n}", id=f"bad{n}/01-x") for n in range(20_000)]
    many += [replace(good, flow=f"good{n}", id=f"good{n}/01-x") for n in range(20_000)]
    text = to_markdown(replace(report, cases=tuple(many)))
    assert len(text.encode()) < 1024 * 1024
    assert "| bad0 | 1 | 0 | 1 |" in text
    assert "39500 more flows, those that passed first, are left out here." in text
    shown = text.count("### bad")
    assert shown > 1000
    assert f"{20_000 - shown} more did not pass; the JUnit report has them all." in text


def test_show_reads_like_a_conversation(recorded: Path) -> None:
    text = show(read_recording(recorded / "buy" / "02-add-tea.json"))
    assert "> POST /cart" in text
    assert "> X-CSRF-Token: {csrf}" in text
    assert "< 200" in text
    assert '"item": "緑茶"' in text
    assert "uses {csrf}, a value like ⟨hex-32⟩" in text


def test_every_header_that_is_compared_is_kept() -> None:
    assert set(HEADERS) | {"content-type", "set-cookie"} == KEPT_HEADERS
