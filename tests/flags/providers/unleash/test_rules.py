"""A worker's rules: the position agrees with Unleash's own core, answers are remembered within bounds, and
what cannot be used never keeps a rollback out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flags import Context, FeatureState, FlagSnapshot, position
from flags.providers.unleash import UnleashRules, rules
from flags.providers.unleash.engine import Engine
from flags.providers.unleash.payload import feature_of, read_payload, rules_of
from flags.providers.unleash.plan import plan_of, refined
from tests.flags.providers.unleash.deciding import Deciding, body, feature, rollout

CONSTRAINT = {"contextName": "userId", "operator": "STR_STARTS_WITH", "values": ["a"]}
TIMED = {"contextName": "currentTime", "operator": "DATE_AFTER", "value": "2020-01-01T00:00:00Z"}


@pytest.fixture
def worker(tmp_path: Path) -> Deciding:
    return Deciding(tmp_path, ("a", "b"))


@given(
    key=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40),
    group=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    percent=st.integers(0, 100),
    stickiness=st.sampled_from(["default", "userId", "sessionId"]),
)
@settings(max_examples=300, deadline=None)
def test_the_position_alone_says_what_the_core_says(
    key: str, group: str, percent: int, stickiness: str
) -> None:
    """Both ways of deciding the same feature."""
    answer = body(feature("a", rollout(percent, group=group, stickiness=stickiness)))
    found = plan_of(feature_of(read_payload(answer).features["a"]), {})
    assert found.bound == percent * 100
    if not found.by:
        assert found.group == group
        assert (position(group, key) < found.bound) is Engine(answer).enabled("a", Context(key, key))


@pytest.mark.parametrize("percent", ["", "12.5", "-1", "101", "x", "1e1", None, True])
def test_a_rollout_that_is_no_whole_percentage_is_left_to_the_core(worker: Deciding, percent: object) -> None:
    """And never lets everybody in by mistake of ours."""
    strategy = rollout(0)
    strategy["parameters"]["rollout"] = percent
    answer = body(feature("a", strategy))
    worker.take(answer)
    engine = Engine(answer)
    for key in map(str, range(50)):
        assert worker.ask("a", key).selected is engine.enabled("a", Context(key, key))


@pytest.mark.parametrize(
    ("local", "bound", "dial"),
    [
        (1250, 1300, 1250),
        (1300, 1300, 1300),
        (1200, 1300, 1300),
        (1201, 1300, 1201),
        (1301, 1300, 1300),
        (50, 0, 0),
        (50, 100, 50),
        (0, 100, 100),
        (10_000, 10_000, 10_000),
    ],
)
def test_steps_below_a_percent_only_take_away(local: int, bound: int, dial: int) -> None:
    """What Unleash has is the most there is; 0 there is 0 here."""
    assert refined(local, bound) == dial


@pytest.mark.parametrize("constraints", [[], [{**CONSTRAINT, "values": list("0123456789abcdef")}]])
def test_a_step_below_a_percent_holds_with_and_without_the_core(
    worker: Deciding, constraints: list[dict[str, Any]]
) -> None:
    worker.take(body(feature("a", rollout(13, group="a", constraints=constraints))), a=1250)
    keys = [f"{number:x}" for number in range(3000)]
    selected = {key for key in keys if worker.ask("a", key).selected}
    assert selected == {key for key in keys if position("a", key) < 1250}
    assert worker.ask("a", "7").percent == 1250


def test_a_feature_that_is_absent_or_off_is_nobodys(worker: Deciding) -> None:
    """Whatever dial the page has for it."""
    worker.take(body(feature("a", rollout(100), enabled=False)), a=10_000, b=10_000)
    for name in ("a", "b"):
        assert not any(worker.ask(name, str(key)).selected for key in range(50))
        assert worker.live.current().feature(name).percent == 0


def test_without_any_rules_everything_is_legacys(tmp_path: Path) -> None:
    """A page that a dial was written to before Unleash was put in charge."""
    worker = Deciding(tmp_path, ("a",))
    worker.page.publish(FlagSnapshot(1, False, {"a": FeatureState(10_000)}))
    assert not worker.ask("a", "k").selected


@pytest.mark.parametrize("with_constraint", [False, True])
def test_random_lasts_for_a_person(worker: Deciding, with_constraint: bool) -> None:
    """The share is Unleash's; who is in it does not change from request to request."""
    more = {"constraints": [{**CONSTRAINT, "inverted": True, "values": ["never"]}]} if with_constraint else {}
    worker.take(
        body(
            feature("a", rollout(50, group="a", stickiness="random", **more)),
            feature("b", {"name": "gradualRolloutRandom", "parameters": {"percentage": "50"}}),
        )
    )
    keys = [str(number) for number in range(400)]
    for name in ("a", "b"):
        first = [worker.ask(name, key).selected for key in keys]
        worker.take(body(*read_payload(worker.live.current().rules or b"").features.values()))
        assert [worker.ask(name, key).selected for key in keys] == first
        assert first == [position(name, key) < 5000 for key in keys]


@pytest.mark.parametrize("constraints", [[], [{**CONSTRAINT, "values": list("0123456789")}]])
def test_a_stickiness_of_its_own_goes_by_the_key_where_the_request_has_none(
    worker: Deciding, constraints: list[dict[str, Any]]
) -> None:
    worker.take(body(feature("a", rollout(50, group="a", stickiness="tenant", constraints=constraints))))
    for key in map(str, range(200)):
        assert worker.ask("a", key).selected is (position("a", key) < 5000)
        context = Context(properties=(("tenant", "one"),))
        assert worker.ask("a", key, context).selected is (position("a", "one") < 5000)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys that the core was asked about."""
    asked: list[str] = []
    enabled = Engine.enabled

    def count(self: Engine, name: str, context: Context) -> bool:
        asked.append(context.user_id)
        return enabled(self, name, context)

    monkeypatch.setattr(Engine, "enabled", count)
    return asked


def test_the_core_is_asked_once_for_a_key_and_again_for_another_configuration(
    worker: Deciding, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = counted(monkeypatch)
    worker.take(body(feature("a", rollout(50, constraints=[CONSTRAINT]))))
    for _ in range(3):
        worker.ask("a", "abc")
        worker.page.latch("b", True)  # a change of the page that says nothing new of the rules
    assert asked == ["abc"]
    worker.take(body(feature("a", rollout(51, constraints=[CONSTRAINT]))))
    worker.ask("a", "abc")
    assert asked == ["abc", "abc"]


def test_the_memory_has_an_end(worker: Deciding, monkeypatch: pytest.MonkeyPatch) -> None:
    """The longest unasked goes first."""
    monkeypatch.setattr(rules, "REMEMBERED", 3)
    asked = counted(monkeypatch)
    worker.take(body(feature("a", rollout(50, constraints=[CONSTRAINT]))))
    for key in ("1", "2", "3", "1", "4", "1", "2"):
        worker.ask("a", key)
    assert asked == ["1", "2", "3", "4", "2"]


def test_what_goes_by_the_clock_is_remembered_for_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    worker = Deciding(tmp_path, ("a",))
    worker.rules._clock = lambda: now[0]
    asked = counted(monkeypatch)
    worker.take(body(feature("a", rollout(100, segments=[1])), segments=[{"id": 1, "constraints": [TIMED]}]))
    for now[0] in (100.0, 100.5, 101.0):
        assert worker.ask("a", "k").selected
    assert asked == ["k", "k"]


@pytest.mark.parametrize("bad", [b"[]", b'{"features": 1}', b'{"features": [{"name": "a"}]}'])
def test_rules_that_cannot_be_used_never_keep_a_rollback_out(worker: Deciding, bad: bytes) -> None:
    """The rules before them stay, and the latch that came with them counts."""
    worker.take(body(feature("a", rollout(100))))
    assert worker.ask("a", "k").selected
    worker.page.publish(FlagSnapshot(9, False, dict(worker.live.current().features), bad))
    worker.page.latch("a", True)
    snapshot = worker.live.current()
    assert snapshot.latched("a")
    assert worker.ask("a", "k").selected
    assert snapshot.revision == 9


def test_only_what_is_needed_goes_to_the_workers() -> None:
    """Our features, those they depend on, and their segments."""
    parent = feature("parent", rollout(50, segments=[2]), description="long")
    child = feature("a", rollout(50, segments=[1]), dependencies=[{"feature": "parent"}])
    segments: list[dict[str, Any]] = [{"id": number, "constraints": []} for number in (1, 2, 3)]
    found = read_payload(
        rules_of(read_payload(body(parent, child, feature("c", rollout(1)), segments=segments)), ["a", "x"])
    )
    assert set(found.features) == {"a", "parent"}
    assert set(found.segments) == {1, 2}
    assert "description" not in found.features["parent"]


def test_words_say_what_a_rule_goes_by(worker: Deciding) -> None:
    worker.take(
        body(
            feature("a", rollout(5), {"name": "userWithId", "parameters": {"userIds": "x"}}),
            feature("b", rollout(5, constraints=[CONSTRAINT])),
        )
    )
    rules_in_force = [worker.live.current().feature(name).rule for name in ("a", "b")]
    assert [rule.words for rule in rules_in_force if rule] == ["2 strategies", "constraints"]


def test_environment_and_name_are_what_rules_see() -> None:
    seen = UnleashRules("production")._seen(Context("u"))
    assert (seen.environment, seen.app_name) == ("production", "banyan")
