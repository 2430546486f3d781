"""A person's session in a real browser, recorded through the running gateway, replayed against both sides."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.migration import Migration, eventually
from tests.support.spawn import ROOT


@pytest.fixture(scope="module")
def migration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Migration]:
    """Both applications and the gateway in front of them."""
    with Migration(tmp_path_factory.mktemp("migration")) as running:
        yield running


@pytest.fixture
def fresh_migration(tmp_path: Path) -> Iterator[Migration]:
    """The same for one test that breaks something."""
    with Migration(tmp_path) as running:
        yield running


class Recording:
    """`banyan golden record --live` as a process of its own."""

    def __init__(self, migration: Migration, folder: Path, *options: str) -> None:
        command = [sys.executable, "-m", "gateway", "-c", str(migration.config), "--json", "golden", "record"]
        command += ["--live", migration.feature, "--dir", str(folder), "--seconds", "150", *options]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._order = migration.folder / "state" / "golden-live"
        while not list(self._order.glob("shadow-*.json")) or not self._taken_up():
            assert self._process.poll() is None, self._process.communicate()

    def _taken_up(self) -> bool:
        try:
            order = json.loads((self._order / "order.json").read_text())["id"]
            return any(
                json.loads(path.read_text())["order"] == order for path in self._order.glob("shadow-*")
            )
        except (OSError, ValueError):
            return False

    def end(self) -> tuple[int, dict[str, Any]]:
        """Its exit code and what it said."""
        out, problems = self._process.communicate(timeout=300)
        assert out, problems
        return self._process.returncode, json.loads(out)


def test_a_browser_session_is_recorded_and_replays(
    browser: Browser, migration: Migration, tmp_path: Path
) -> None:
    recordings, flows = tmp_path / "recordings", tmp_path / "flows"
    recording = Recording(
        migration, recordings, "--sessions", "1", "--idle", "2", "--write-flows", str(flows)
    )
    context = browser.new_context(locale="ja-JP")
    page = context.new_page()
    page.goto(migration.url + "/chat")
    page.get_by_role("button", name="会話を始める").click()
    bubbles = page.locator("#talk li:not(.waiting)")
    expect(bubbles).to_have_count(1)
    for turn in (1, 2):
        page.get_by_label("メッセージ").fill(f"週末は山に行きました {turn}")
        page.get_by_role("button", name="送信").click()
        expect(bubbles).to_have_count(1 + 2 * turn)
    cookies = {cookie["value"] for cookie in context.cookies()}
    context.close()
    code, said = recording.end()
    assert code == 0, said
    (written,) = said["written"]
    assert written["steps"] >= 5, written

    files = sorted((recordings / written["flow"]).glob("*.json"))
    token = next(json.loads(file.read_text()) for file in files if "csrf_token" in file.read_text())
    assert "csrf_token" in token["extract"] or token["references"], token
    text = "\n".join(file.read_text() for file in [*files, *flows.glob("*.toml")])
    for cookie in cookies:
        assert cookie not in text
    for url in (migration.legacy_url, migration.new_url):
        done = migration.banyan("golden", "verify", "--to", url, "--dir", str(recordings))
        assert done.code == 0, done.text

    done = migration.banyan("golden", "coverage", migration.feature, "--dir", str(recordings))
    assert done.code == 0, done.text
    evidence = {row["route"]: row["evidence"] for row in done.data["routes"]}
    assert evidence["POST /api/chat"] == "golden"
    assert evidence["/watch"] == "none"
    assert done.data["golden"] >= 4
    everything = ("golden", "coverage", "--dir", str(recordings), "--require", "golden")
    assert migration.banyan(*everything).code == 1

    # The flow that was written is a flow like any other: recorded again, it says the same.
    again = tmp_path / "again"
    done = migration.banyan(
        "golden", "record", "--from", migration.legacy_url, "--flow", str(flows), "--dir", str(again)
    )
    assert done.code == 0, done.text
    assert {file.name: file.read_text() for file in (again / written["flow"]).glob("*.json")} == {
        file.name: file.read_text() for file in files
    }


def test_what_was_recorded_already_is_left_out(migration: Migration, tmp_path: Path) -> None:
    planted = "planted-4711-secret@example.org"
    recording = Recording(migration, tmp_path, "--idle", "1", "--sessions", "2")
    for message in ("山に行きました", "山に行きました", f"海です {planted}"):
        with httpx.Client(base_url=migration.url, trust_env=False, timeout=60) as client:
            client.headers["X-CSRF-Token"] = client.get("/api/csrf-token").json()["csrf_token"]
            scene = {"partner_type": "boss", "situation": "morning", "topic": "work"}
            client.post("/api/start_chat", json=scene)
            client.post("/api/chat", json={"message": message, "password": planted})
    code, said = recording.end()
    assert code == 0, said
    assert len(said["written"]) == 2
    assert said["left_out"] == {"recorded already": 1}
    text = "\n".join(file.read_text() for file in tmp_path.rglob("*") if file.is_file())
    encoded = base64.b64encode(planted.encode()).decode()
    assert not any(form in text for form in (planted, quote(planted), quote(planted, safe=""), encoded))
    assert "GOLDEN_PASSWORD" in text  # whoever replays it says what it is


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--live", "nothing"), "no feature 'nothing'"),
        (("--live", "practice", "--from", "http://127.0.0.1:1"), "either"),
        ((), "either"),
    ],
)
def test_mistakes_are_one_sentence(migration: Migration, words: tuple[str, ...], said: str) -> None:
    done = migration.banyan("golden", "record", *words)
    assert done.code in (1, 2)
    assert said in done.text
    assert "Traceback" not in done.text


def test_live_answers_are_held_against_recordings_also_with_legacy_gone(fresh_migration: Migration) -> None:
    """Every step of the recorded journeys, done by users of the new side, with nobody left to shadow it."""
    migration = fresh_migration
    flows = str(ROOT / "legacy_app" / "goldens" / "flows")
    done = migration.banyan("golden", "record", "--from", migration.legacy_url, "--flow", flows)
    assert done.code == 0, done.text

    def golden() -> dict[str, Any]:
        report = migration.banyan("report", migration.feature).data
        found: dict[str, Any] = report["golden"] | {"reasons": report["reasons"]}
        return found

    def users_do_it() -> None:
        assert migration.banyan("golden", "verify", "--to", migration.url).code in (0, 1)

    def noticed() -> bool:
        users_do_it()
        return bool(golden()["legacy"]["compared"])

    assert eventually(noticed, 120)  # the running gateway reads the folder anew
    migration.dial(100)
    migration.kill_application("legacy")
    before = golden()["new"]["compared"]

    def held() -> bool:
        """An answer that comes before the body of its request leaves a session without a witness, and the
        folder may have been met half written: so they come until there is enough."""
        users_do_it()
        return bool(golden()["new"]["compared"] > before + 100)

    assert eventually(held, 240), golden()
    assert golden()["new"]["mismatch"] == 0, golden()
    migration.switch_fault("field-renamed")

    def told() -> bool:
        users_do_it()
        return bool(golden()["new"]["mismatch"])

    assert eventually(told, 240), golden()
    assert any("are not as recorded" in reason for reason in golden()["reasons"])
    status = migration.banyan("status").data["features"][0]
    assert status["golden"]["new"]["mismatch"] > 0
