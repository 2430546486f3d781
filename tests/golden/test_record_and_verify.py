"""Recording from a real server and verifying against another one."""

import json
import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from golden import Flow, GoldenError, record, verify
from shadow import Verdict, parse_rules
from tests.golden.conftest import BUY, ORDER
from tests.golden.shop import ShopServer
from tests.support.ports import free_port

MakeFlow = Callable[..., Flow]


def _content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_recording_twice_from_one_side_gives_equal_bytes(
    shop: ShopServer, flow: MakeFlow, tmp_path: Path
) -> None:
    flows = [flow(BUY), flow(ORDER, "order")]
    first = record(flows, shop.url, tmp_path / "one")
    second = record(flows, shop.url, tmp_path / "two")
    assert first.exit_code == second.exit_code == 0
    assert first.count("created") == 9
    assert _content(tmp_path / "one") == _content(tmp_path / "two")


def test_recording_again_writes_nothing(shop: ShopServer, flow: MakeFlow, tmp_path: Path) -> None:
    flows = [flow(BUY), flow(ORDER, "order")]
    record(flows, shop.url, tmp_path / "r")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "r").rglob("*.json")}
    again = record(flows, shop.url, tmp_path / "r")
    assert again.count("unchanged") == 9
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "r").rglob("*.json")} == before
    shop.faults.add("extra")
    assert record(flows, shop.url, tmp_path / "r").count("changed") == 3


def test_a_recording_reads_well(shop: ShopServer, flow: MakeFlow, tmp_path: Path) -> None:
    record(flow(BUY), shop.url, tmp_path)
    text = (tmp_path / "buy" / "02-add-tea.json").read_text("utf-8")
    data = json.loads(text)
    assert text == json.dumps(data, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    assert "緑茶" in text
    assert data["request"]["headers"] == ["X-CSRF-Token: {csrf}", "content-type: application/json"]
    assert data["references"] == {"csrf": "⟨hex-32⟩"}
    assert data["answer"]["body"]["json"] == {
        "at": "⟨iso-timestamp⟩",
        "count": 1,
        "items": [{"amount": 2, "item": "緑茶"}],
    }
    token = json.loads((tmp_path / "buy" / "01-token.json").read_text("utf-8"))
    assert token["answer"]["body"]["json"] == {"csrf_token": "⟨hex-32⟩", "expires_in": 3600}
    cookie = "set-cookie: sid=⟨cookie⟩; expires=Fri, 31 Dec 9999 23:59:59 GMT; httponly; path=/"
    assert cookie in token["answer"]["headers"]
    assert not any(
        line.startswith(("date", "server", "content-length")) for line in token["answer"]["headers"]
    )


def test_verify_is_clean_against_the_same_and_another_server(
    shop: ShopServer, other: ShopServer, flow: MakeFlow, tmp_path: Path
) -> None:
    record([flow(BUY), flow(ORDER, "order")], shop.url, tmp_path / "r")
    other.orders = 41
    before = _content(tmp_path / "r")
    for url in (shop.url, other.url):
        report = verify(tmp_path / "r", url)
        assert [line for case in report.cases for line in case.failures] == []
        assert (report.exit_code, report.passed) == (0, 9)
    assert _content(tmp_path / "r") == before


def test_values_are_threaded_live(
    shop: ShopServer, other: ShopServer, flow: MakeFlow, tmp_path: Path
) -> None:
    record(flow(ORDER, "order"), shop.url, tmp_path / "r")
    other.orders = 41
    verify(tmp_path / "r", other.url)
    assert [path for _, path, _, _ in other.seen] == ["/orders", "/orders/42", "/form", "/form"]


@pytest.mark.parametrize(
    ("fault", "path", "kind", "steps"),
    [
        ("renamed", "body.items", "removed", 3),
        ("text", "body.count", "type_changed", 3),
        ("zone", "body.at", "value_changed", 3),
        ("extra", "body.debug", "added", 3),
    ],
)
def test_a_changed_field_is_named(
    fault: str,
    path: str,
    kind: str,
    steps: int,
    shop: ShopServer,
    other: ShopServer,
    flow: MakeFlow,
    tmp_path: Path,
) -> None:
    record(flow(BUY), shop.url, tmp_path / "r")
    other.faults.add(fault)
    report = verify(tmp_path / "r", other.url)
    assert report.exit_code == 1
    assert report.failed == steps
    case = next(case for case in report.cases if case.failed)
    assert (case.flow, case.step) == ("buy", "add tea")
    assert any(
        line.startswith(f"{path}: {kind}") and "expected" in line and "got" in line for line in case.failures
    )


def test_a_rule_accepts_and_is_named(
    shop: ShopServer, other: ShopServer, flow: MakeFlow, tmp_path: Path
) -> None:
    record(flow(BUY), shop.url, tmp_path / "r")
    other.faults.add("extra")
    rules = parse_rules(
        '[[rule]]\nid = "debug"\nowner = "ops"\nexpires = 2030-01-01\npath = "body.debug"\nop = "ignore"\n'
    )
    report = verify(tmp_path / "r", other.url, rules, today=date(2029, 12, 31))
    assert report.exit_code == 0
    assert report.rules_used == {"debug"}
    assert {case.comparison.verdict for case in report.cases} == {Verdict.MATCH, Verdict.ACCEPTED}
    assert verify(tmp_path / "r", other.url, rules, today=date(2030, 1, 2)).exit_code == 1


def test_a_side_that_is_down_is_undetermined(shop: ShopServer, flow: MakeFlow, tmp_path: Path) -> None:
    record(flow(BUY), shop.url, tmp_path / "r")
    report = verify(tmp_path / "r", f"http://127.0.0.1:{free_port()}")
    assert report.exit_code == 2
    assert report.undetermined == len(report.cases) == 5
    assert "cannot be reached" in report.cases[0].failures[0]
    assert "not played" in report.cases[1].failures[0]


def test_nothing_recorded_is_no_success(shop: ShopServer, tmp_path: Path) -> None:
    assert verify(tmp_path, shop.url).exit_code == 2
    assert verify(tmp_path / "nowhere", shop.url).exit_code == 2


@pytest.mark.parametrize(
    "url", ["127.0.0.1:80", "ftp://x", "http://", "http://h:0", "http://h/?a=b", "http://h:x"]
)
def test_a_wrong_address_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(GoldenError, match="no address"):
        verify(tmp_path, url)


def test_a_corrupt_file_is_named_and_the_others_go_on(
    shop: ShopServer, flow: MakeFlow, tmp_path: Path
) -> None:
    record([flow(BUY), flow(ORDER, "order")], shop.url, tmp_path / "r")
    broken = tmp_path / "r" / "buy" / "04-look.json"
    broken.write_bytes(broken.read_bytes()[:100])
    report = verify(tmp_path / "r", shop.url)
    assert report.exit_code == 2
    assert any(str(broken) in str(problem) and "cut off" in str(problem) for problem in report.problems)
    assert [case.passed for case in report.cases if case.flow == "order"] == [True] * 4
    assert [case.passed for case in report.cases if case.flow == "buy"] == [True, True, True, False]


def test_one_flow_fails_and_the_others_go_on(shop: ShopServer, flow: MakeFlow, tmp_path: Path) -> None:
    bad = flow('[[step]]\nname = "t"\npath = "/token"\nextract = { x = "json:nothing.here" }\n', "bad")
    endless = flow('[[step]]\nname = "e"\npath = "/endless"\n', "endless")
    report = record([bad, endless, flow(BUY)], shop.url, tmp_path / "r", deadline=0.4)
    assert report.exit_code == 2
    assert report.count("created") == 5
    messages = [str(problem) for problem in report.problems]
    assert "bad.toml: step 't': json:nothing.here found nothing for {x}" in messages[0]
    assert "endless.toml: step 'e':" in messages[1]
    assert "had not finished its answer after 0.4 s" in messages[1]
    assert not (tmp_path / "r" / "bad").exists()


def test_a_flow_that_breaks_off_overwrites_nothing(
    shop: ShopServer, other: ShopServer, flow: MakeFlow, tmp_path: Path
) -> None:
    recorded = flow(BUY)
    record(recorded, shop.url, tmp_path / "r")
    before = _content(tmp_path / "r")
    shop.faults.add("renamed")
    broken = flow(BUY + '[[step]]\nname = "last"\npath = "/token"\nextract = { x = "header:Nothing" }\n')
    report = record(broken, shop.url, tmp_path / "r")
    assert report.exit_code == 2
    assert _content(tmp_path / "r") == before


def test_files_of_steps_that_are_gone_are_reported_and_removed_only_when_asked(
    shop: ShopServer, flow: MakeFlow, tmp_path: Path
) -> None:
    record(flow(BUY), shop.url, tmp_path / "r")
    shorter = flow(BUY.rpartition("[[step]]")[0])
    left = tmp_path / "r" / "buy" / "05-without-token.json"
    assert record(shorter, shop.url, tmp_path / "r").count("stale") == 1
    assert left.exists()
    report = verify(tmp_path / "r", shop.url, flows=[shorter])
    assert report.exit_code == 2
    assert "stale" in str(report.problems[0])
    assert record(shorter, shop.url, tmp_path / "r", prune=True).count("removed") == 1
    assert not left.exists()


def test_a_folder_that_cannot_be_written_is_a_problem(
    shop: ShopServer, flow: MakeFlow, tmp_path: Path
) -> None:
    (tmp_path / "r").write_text("a file where the folder should be")
    report = record(flow(BUY), shop.url, tmp_path / "r")
    assert report.exit_code == 2
    assert "cannot be written" in str(report.problems[0])


def test_another_key_is_undetermined_not_a_difference(
    shop: ShopServer, flow: MakeFlow, tmp_path: Path
) -> None:
    record(flow(BUY), shop.url, tmp_path / "r", key=b"one key")
    report = verify(tmp_path / "r", shop.url, key=b"another key")
    assert report.exit_code == 2
    assert "recorded with another key" in report.cases[0].failures[0]


def test_progress_reaches_the_end(shop: ShopServer, flow: MakeFlow, tmp_path: Path) -> None:
    steps: list[tuple[int, int, str]] = []
    record(flow(BUY), shop.url, tmp_path / "r", progress=lambda *step: steps.append(step))
    assert steps[-1] == (5, 5, "buy/without token")
    steps.clear()
    verify(tmp_path / "r", shop.url, progress=lambda *step: steps.append(step))
    assert steps[-1] == (5, 5, "buy/05-without-token")


def test_the_environments_proxy_is_not_asked(
    shop: ShopServer, flow: MakeFlow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    assert record(flow(BUY), shop.url, tmp_path / "r").exit_code == 0


def test_a_name_that_became_a_secret_later_still_matches(
    shop: ShopServer, flow: MakeFlow, tmp_path: Path
) -> None:
    record(flow(BUY), shop.url, tmp_path / "r")
    rules = parse_rules('[redact]\nnames = ["item"]\n')
    assert verify(tmp_path / "r", shop.url, rules).exit_code == 0
