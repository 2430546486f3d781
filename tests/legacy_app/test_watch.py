"""Watching two speakers, through the front door."""

import pytest

from legacy_app.texts import HISTORY_MAX
from tests.legacy_app.servers import WATCH, Person, fault, invalid


def test_the_speakers_alternate(person: Person) -> None:
    lines = [person.said("/api/watch/start", WATCH)["message"]]
    lines += [person.said("/api/watch/next")["message"] for _ in range(4)]
    assert [line.split(": ")[0] for line in lines] == ["太郎", "花子", "太郎", "花子", "太郎"]
    assert len(set(lines)) == 5
    history = person.history("watch")
    assert [f"{entry['speaker']}: {entry['message']}" for entry in history] == lines
    assert set(history[0]) == {"speaker", "message", "timestamp"}


def test_the_body_of_next_is_not_read(person: Person) -> None:
    person.said("/api/watch/start", WATCH)
    answer = person.post("/api/watch/next", content=b"{", headers={"X-CSRF-Token": person.token()})
    assert answer.status_code == 200


def test_next_is_refused_before_the_start_and_after_clearing(person: Person) -> None:
    assert fault(person.ask("/api/watch/next")) == invalid()
    person.said("/api/watch/start", WATCH)
    person.said("/api/clear_history", {"mode": "watch"})
    assert fault(person.ask("/api/watch/next")) == invalid()


@pytest.mark.parametrize("field", list(WATCH))
@pytest.mark.parametrize("value", [None, "nobody", 1])
def test_start_needs_every_field(person: Person, field: str, value: object) -> None:
    assert fault(person.ask("/api/watch/start", {**WATCH, field: value})) == invalid(field)


def test_starting_again_begins_anew(person: Person) -> None:
    person.said("/api/watch/start", WATCH)
    person.said("/api/watch/next")
    person.said("/api/watch/start", WATCH)
    assert [entry["speaker"] for entry in person.history("watch")] == ["太郎"]


def test_fifty_lines_are_kept(person: Person) -> None:
    person.said("/api/watch/start", WATCH)
    for _ in range(HISTORY_MAX):
        person.said("/api/watch/next")
    history = person.history("watch")
    assert (len(history), history[0]["speaker"]) == (50, "花子")
