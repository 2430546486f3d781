"""Every seeded regression, switched on while the application runs, and seen from outside."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from new_app.faults import FAULTS, Faults, UnknownFaultError, parse_faults
from tests.new_app.servers import new_app
from tests.new_app.visitor import PRO, Visitor


class Switch:
    """An application that runs on while its faults come and go."""

    def __init__(self, url: str, file: Path) -> None:
        self.url, self._file = url, file

    @contextmanager
    def on(self, text: str) -> Iterator[Visitor]:
        part = self._file.with_suffix(".part")
        part.write_text(text, "utf-8")
        part.replace(self._file)
        try:
            with Visitor(self.url) as visitor:
                yield visitor
        finally:
            self._file.unlink()

    @contextmanager
    def off(self) -> Iterator[Visitor]:
        with Visitor(self.url) as visitor:
            yield visitor


@pytest.fixture(scope="module")
def switch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Switch]:
    folder = tmp_path_factory.mktemp("faults")
    with new_app(folder, NEW_APP_FAULTS_FILE=str(folder / "faults")) as url:
        yield Switch(url, folder / "faults")


def history_is_cut(visitor: Visitor) -> bool:
    visitor.start_chat()
    for n in range(22):
        visitor.say(f"{n}番目")
    kept = visitor.history()
    assert kept[-1]["human"] == "21番目"
    return len(kept) == 20


def field_is_renamed(visitor: Visitor) -> bool:
    visitor.start_chat()
    body = visitor.say("はい").json()
    assert len(body) == 1
    return set(body) == {"reply"}


def number_is_text(visitor: Visitor) -> bool:
    return bool(visitor.get("/api/csrf-token").json()["expires_in"] == "3600")


def html_is_not_escaped(visitor: Visitor) -> bool:
    visitor.start_chat()
    said = [
        visitor.say("<b>太字</b>").json()["response"],
        visitor.post("/api/scenario_chat", {"scenario_id": "scenario1", "message": "<b>太字</b>"}).json()[
            "response"
        ],
    ]
    assert len({"<b>" in words for words in said}) == 1
    return "<b>" in said[0]


def status_is_wrong(visitor: Visitor) -> bool:
    return visitor.start_chat().status_code == 201


def every_answer_is_slow(visitor: Visitor) -> bool:
    """A busy machine may delay any of them without a fault, but hardly all."""
    return all(visitor.get("/api/models").elapsed.total_seconds() >= 0.3 for _ in range(8))


def one_answer_in_fifty_is_an_error(visitor: Visitor) -> bool:
    statuses = [visitor.get("/api/models").status_code for _ in range(150)]
    assert statuses.count(200) + statuses.count(500) == 150
    assert [visitor.get("/health").status_code for _ in range(60)] == [200] * 60
    return statuses.count(500) == 3


def a_session_key_is_dropped(visitor: Visitor) -> bool:
    visitor.start_chat(model=PRO)
    keys = visitor.session_keys()
    assert {"chat_settings", "chat_history", "csrf_token"} <= set(keys)
    return "chat_model" not in keys


SEEN: dict[str, Callable[[Visitor], bool]] = {
    "history-cut": history_is_cut,
    "field-renamed": field_is_renamed,
    "number-as-text": number_is_text,
    "unescaped-html": html_is_not_escaped,
    "wrong-status": status_is_wrong,
    "slow": every_answer_is_slow,
    "errors": one_answer_in_fifty_is_an_error,
    "session-key-dropped": a_session_key_is_dropped,
}


def test_every_fault_has_its_test() -> None:
    assert list(SEEN) == list(FAULTS)


@pytest.mark.parametrize("name", SEEN)
def test_a_fault_comes_and_goes_while_the_application_runs(switch: Switch, name: str) -> None:
    with switch.on(name) as visitor:
        assert SEEN[name](visitor)
    with switch.off() as visitor:
        assert not SEEN[name](visitor)


def test_names_are_listed_with_commas_or_lines_and_bad_ones_are_left_out(switch: Switch) -> None:
    with switch.on("typo, number-as-text\nwrong-status\n") as visitor:
        assert number_is_text(visitor)
        assert status_is_wrong(visitor)


def test_faults_from_the_start_stay_on(tmp_path: Path) -> None:
    with new_app(tmp_path, NEW_APP_FAULTS="wrong-status, errors") as url, Visitor(url) as visitor:
        assert status_is_wrong(visitor)
        assert not number_is_text(visitor)
        broken = next(x for x in (visitor.get("/api/models") for _ in range(50)) if x.status_code == 500)
        assert broken.json()["error"]["code"] == "INTERNAL_ERROR"
        assert broken.headers["x-app-version"]
        assert 'endpoint="unknown",method="GET",status="500"' in visitor.get("/metrics").text


def test_a_bad_name_in_the_file_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "faults"
    faults = Faults(frozenset({"slow"}), file)
    assert faults.active() == {"slow"}
    file.write_text("typo,errors", "utf-8")
    assert [faults.active() for _ in range(5)] == [{"slow", "errors"}] * 5
    assert [record.getMessage().count("'typo'") for record in caplog.records] == [1]
    file.write_bytes(b"\xff\xff")
    os.utime(file, (1, 1))
    assert faults.active() == {"slow"}
    file.unlink()
    assert faults.active() == {"slow"}


def test_an_unknown_name_at_the_start_is_refused_with_the_valid_ones() -> None:
    with pytest.raises(UnknownFaultError) as refused:
        parse_faults("slow, sloww")
    assert "sloww" in str(refused.value)
    assert all(name in str(refused.value) for name in FAULTS)
