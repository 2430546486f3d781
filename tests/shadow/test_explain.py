"""The explainer: DeepDiff in another process, killed when it takes too long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from shadow import Explainer, subjects
from shadow import explain as module
from tests.shadow.answers import as_json, compared, rule


@pytest.fixture
def explainer() -> Iterator[Explainer]:
    made = Explainer(limit=60)
    yield made
    made.close()


def nested(depth: int, leaf: Any) -> Any:
    for _ in range(depth):
        leaf = [leaf]
    return leaf


def test_it_says_what_differs(explainer: Explainer) -> None:
    result = explainer.explain_sync({"a": 1, "__b": [1]}, {"a": "1", "__b": [True]})
    assert result is not None
    assert set(result["type_changes"]) == {"root['a']", "root['__b'][0]"}
    assert (explainer.reason, explainer.kills) == ("", 0)


async def test_the_event_loop_goes_on_meanwhile(explainer: Explainer) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    ticking = asyncio.create_task(tick())
    for _ in range(20):  # in one of them this process does not stand still with all that is in it
        ticks = 0
        results = await asyncio.gather(*(explainer.explain({"a": number}, {"a": -1}) for number in range(3)))
        assert [result and result["values_changed"]["root['a']"]["old_value"] for result in results] == [
            0,
            1,
            2,
        ]
        if ticks > 5:
            break
        explainer.close()  # so that the next one has to start a process again
    ticking.cancel()
    assert ticks > 5


def test_one_that_takes_too_long_is_killed_and_the_next_is_answered() -> None:
    explainer = Explainer(limit=60)
    many = [{"id": index, "n": {"m": [index]}} for index in range(20_000)]
    assert explainer.explain_sync({"a": 1}, {"a": 2}) is not None
    explainer._limit = 0.05
    assert explainer.explain_sync(many, [{"id": -1, "n": {"m": [-1]}}, *many]) is None
    assert explainer.reason == "no answer within 50 ms"
    assert explainer.kills == 1
    explainer._limit = 60
    assert explainer.explain_sync({"a": 1}, {"a": 2}) is not None
    assert explainer.reason == ""
    explainer.close()


def test_a_helper_that_died_is_replaced(explainer: Explainer) -> None:
    explainer.explain_sync(1, 2)
    helper = explainer._helper
    assert helper is not None
    helper._process.kill()
    deadline = time.monotonic() + 60
    while helper.alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert explainer.explain_sync(1, 2) is not None


@pytest.mark.parametrize(
    ("control", "words"),
    [
        (nested(900, 1), "nested too deeply"),
        (object(), "TypeError"),
        ("x" * (module.MAX_QUESTION + 1), "longer"),
    ],
)
def test_no_explanation_comes_with_a_reason(control: Any, words: str, explainer: Explainer) -> None:
    assert explainer.explain_sync(control, nested(900, 2)) is None
    assert words in explainer.reason


def test_subjects_are_the_unexcused_excerpts() -> None:
    control = {"same": [1] * 100, "token": "one", "old": 1, "noise": 1}
    candidate = {"same": [1] * 100, "token": "two", "new": 1, "noise": 2}
    one, other = subjects(compared(as_json(control), as_json(candidate), rule(path="body.noise")))
    assert set(one) == {"body.token", "body.old"}
    assert set(other) == {"body.token", "body.new"}
    assert "one" not in str(one)


def test_the_helper_ends_with_its_owner() -> None:
    explainer = Explainer(limit=60)
    explainer.explain_sync(1, 2)
    helper = explainer._helper
    assert helper is not None
    explainer.close()
    assert not helper.alive()
