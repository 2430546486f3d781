"""Where a sticky key falls: the same place as with Unleash, and a rising dial moves nobody back."""

from __future__ import annotations

import json
from math import sqrt
from pathlib import Path
from typing import Any

import mmh3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flags import FULL, FeatureState, evaluate, position

CORPUS = Path(__file__).parents[3] / "shared" / "corpora" / "unleash-client-specification"


def unleash_says(group: str, key: str, rollout: int) -> bool:
    return mmh3.hash(f"{group}:{key}", 0, signed=False) % 100 + 1 <= rollout


def test_agrees_with_unleash_at_each_whole_percent_for_ten_thousand_keys() -> None:
    for number in range(10_000):
        key = f"user-{number}"
        where = position("checkout", key)
        normalised = mmh3.hash(f"checkout:{key}", 0, signed=False) % 100 + 1
        assert where // 100 + 1 == normalised
        for rollout in (0, 1, 10, 50, 99, 100, normalised - 1, normalised):
            assert (where < rollout * 100) == unleash_says("checkout", key, rollout)


def _rollout_cases() -> list[Any]:
    """The corpus's tests of features with only flexibleRollout strategies by user or session."""
    cases = []
    for file in sorted(CORPUS.glob("[0-9]*.json")):
        document = json.loads(file.read_text(encoding="utf-8"))
        features = {one["name"]: one for one in document.get("state", {}).get("features", [])}
        for test in document.get("tests", []):
            feature = features.get(test["toggleName"], {})
            strategies = feature.get("strategies") or []
            plain = all(
                one["name"] == "flexibleRollout"
                and not one.get("constraints")
                and not one.get("segments")
                and one["parameters"].get("stickiness") in ("userId", "sessionId", "default")
                for one in strategies
            )
            if strategies and plain and feature["enabled"] and not feature.get("dependencies"):
                cases.append(pytest.param(test, feature, id=f"{file.stem}: {test['description']}"))
    return cases


def _key(stickiness: str, context: dict[str, str]) -> str | None:
    if stickiness == "default":
        return context.get("userId") or context.get("sessionId")
    return context.get(stickiness)


@pytest.mark.parametrize(("test", "feature"), _rollout_cases() or [pytest.param(None, None, id="absent")])
def test_answers_the_rollout_cases_of_the_unleash_specification(test: Any, feature: Any) -> None:
    if test is None:
        pytest.skip(f"the corpus is not there: {CORPUS}")
    selected = False
    for strategy in feature["strategies"]:
        parameters = strategy["parameters"]
        rollout = int(parameters["rollout"])
        key = _key(parameters["stickiness"], test["context"])
        if key is None:
            if parameters["stickiness"] == "default" and rollout not in (0, 100):
                pytest.skip("without a key, Unleash throws dice")
            selected |= parameters["stickiness"] == "default" and rollout == 100
            continue
        group = parameters.get("groupId") or feature["name"]
        selected |= evaluate(FeatureState(percent=rollout * 100), group, key).selected
    assert selected == test["expectedResult"]


@pytest.mark.parametrize("percent", [1, 10, 50])
@pytest.mark.parametrize("feature", ["checkout", "search", "profile"])
def test_a_thousand_users_are_shared_out_within_the_binomial_bound(feature: str, percent: int) -> None:
    share = percent / 100
    chosen = sum(position(feature, f"user-{number}") < percent * 100 for number in range(1000))
    assert abs(chosen - 1000 * share) <= 4 * sqrt(1000 * share * (1 - share))


def test_a_fraction_of_a_percent_chooses_its_share() -> None:
    chosen = sum(position("checkout", f"user-{number}") < 25 for number in range(100_000))
    assert abs(chosen - 250) <= 4 * sqrt(250)


def test_features_are_independent_of_each_other() -> None:
    both = sum(position("a", str(n)) < 5000 and position("b", str(n)) < 5000 for n in range(4000))
    assert abs(both - 1000) <= 4 * sqrt(4000 * 0.25 * 0.75)


KEYS = st.text(st.characters(), max_size=60)


@given(feature=KEYS, key=KEYS, low=st.integers(0, FULL), high=st.integers(0, FULL))
def test_raising_the_dial_moves_nobody_back(feature: str, key: str, low: int, high: int) -> None:
    low, high = sorted((low, high))
    if evaluate(FeatureState(low), feature, key).selected:
        assert evaluate(FeatureState(high), feature, key).selected


@given(feature=KEYS, key=KEYS)
def test_nobody_is_new_at_zero_and_everybody_at_a_hundred(feature: str, key: str) -> None:
    assert 0 <= position(feature, key) < FULL
    assert not evaluate(FeatureState(0), feature, key).selected
    assert evaluate(FeatureState(FULL), feature, key).selected


def test_text_that_is_no_unicode_has_a_position_too() -> None:
    assert position("checkout", "\udcff") != position("checkout", "\udcfe")
