"""Unleash's own specification for clients, through the path that a worker uses: payload, page, snapshot,
`evaluate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flags import Context
from tests.flags.providers.unleash.deciding import Deciding

FOLDER = Path(__file__).resolve().parents[5] / "shared" / "corpora" / "unleash-client-specification"
EVALUATIONS = [*range(1, 19), 21, 22]  # 19 and 20 are about a way of transport that is not used
MISSING = "the corpus ../shared/corpora/unleash-client-specification is not here"

_FIELDS = {
    "userId": "user_id",
    "sessionId": "session_id",
    "remoteAddress": "remote_address",
    "appName": "app_name",
    "environment": "environment",
    "currentTime": "current_time",
}


def specification(number: int) -> dict[str, Any]:
    """One file of it."""
    if not FOLDER.is_dir():
        pytest.skip(MISSING)
    found = sorted(FOLDER.glob(f"{number:02}-*.json"))
    assert len(found) == 1
    return dict(json.loads(found[0].read_text(encoding="utf-8")))


def context_of(said: dict[str, Any]) -> Context:
    """A context as the specification writes it."""
    properties = {name: str(value) for name, value in said.get("properties", {}).items()}
    known = {_FIELDS[name]: value for name, value in said.items() if name != "properties"}
    return Context(**known, properties=tuple(sorted(properties.items())))


def deciding(tmp_path: Path, spec: dict[str, Any]) -> Deciding:
    """A worker that has the file's state."""
    asked = [test["toggleName"] for test in [*spec.get("tests", []), *spec.get("variantTests", [])]]
    worker = Deciding(tmp_path, tuple(sorted(set(asked))))
    worker.take(json.dumps(spec["state"]).encode())
    return worker


@pytest.mark.parametrize("number", EVALUATIONS)
def test_every_evaluation_answers_as_specified(tmp_path: Path, number: int) -> None:
    """With the context that the file gives, and no sticky key to fill it."""
    spec = specification(number)
    worker = deciding(tmp_path, spec)
    wrong = []
    for test in spec.get("tests", []):
        found = worker.ask(test["toggleName"], "", context_of(test["context"])).selected
        if found is not test["expectedResult"]:
            wrong.append(f"{test['description']}: {found}")
    assert wrong == []


@pytest.mark.parametrize("number", EVALUATIONS)
def test_every_variant_is_as_specified(tmp_path: Path, number: int) -> None:
    """Banyan does not go by variants; features that depend on one do."""
    spec = specification(number)
    worker = deciding(tmp_path, spec)
    worker.live.current()
    tests = spec.get("variantTests", [])
    found = [worker.rules.variant(test["toggleName"], context_of(test["context"])) for test in tests]
    assert found == [test["expectedResult"] for test in tests]


@pytest.mark.parametrize("number", EVALUATIONS)
def test_a_sticky_key_stands_for_the_user(tmp_path: Path, number: int) -> None:
    """Where the file names a user and nothing else, the key alone gives the same answer."""
    spec = specification(number)
    worker = deciding(tmp_path, spec)
    for test in spec.get("tests", []):
        if set(test["context"]) == {"userId"}:
            found = worker.ask(test["toggleName"], test["context"]["userId"])
            assert found.selected is test["expectedResult"], test["description"]


def test_the_specification_was_not_empty() -> None:
    """The tests above have asked something."""
    specs = [specification(number) for number in EVALUATIONS]
    asked = sum(len(spec.get("tests", [])) + len(spec.get("variantTests", [])) for spec in specs)
    assert asked >= 275
