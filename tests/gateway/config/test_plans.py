"""The steps of a plan, as they are written: what is accepted, and what is said of the rest."""

from __future__ import annotations

import pytest

from flags import PlanStep
from gateway.config import Config, ConfigError, parse_config
from gateway.config.model import Plan

LEAST = '[upstreams.legacy]\nurl = "http://127.0.0.1:5001"\n[upstreams.new]\nurl = "http://127.0.0.1:5002"\n'
EXPECTED = "expected a list of rising steps, each a percentage or a table such as"


def parse(plan: str, more: str = "", **env: str) -> Config:
    return parse_config(f'{LEAST}[[feature]]\nname = "orders"\nplan = {plan}\n{more}', "banyan.toml", env)


def refusal(plan: str, more: str = "") -> str:
    with pytest.raises(ConfigError) as refused:
        parse(plan, more)
    return "\n".join(map(str, refused.value.problems))


def test_a_step_has_what_the_plan_has_unless_it_says_otherwise() -> None:
    written = '{ steps = [1, { percent = 10, hold = "2d", samples = 50 }, { percent = 50, person = true }], '
    found = parse(written + 'hold = "4h", samples = 7 }').features[0].plan
    assert found.steps == (
        PlanStep(100, 4 * 3600.0, 7),
        PlanStep(1000, 2 * 86_400.0, 50),
        PlanStep(5000, 4 * 3600.0, 7, True),
    )


def test_without_one_a_feature_is_dialled_by_hand() -> None:
    assert parse("{}").features[0].plan == Plan()
    assert Plan().hold == 3600.0


def test_a_variable_gives_steps_too() -> None:
    found = parse("{}", BANYAN_FEATURE__ORDERS__PLAN__STEPS='[1, {percent = 2, hold = "1m"}]').features[0]
    assert [step.percent for step in found.plan.steps] == [100, 200]


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ('"1, 10"', EXPECTED),
        ("[1, 1]", "step 2 is 1: expected a percentage above that of the step before"),
        ("[10, 1]", "step 2 is 1: expected a percentage above that of the step before"),
        ("[101]", "step 1 is 101: expected a percentage from 0 to 100"),
        ("[true]", "step 1 is True: expected a percentage"),
        (
            '[{ percent = 1, hald = "1h" }]',
            "expected a table with percent, and of percent, hold, samples, person",
        ),
        ('[{ hold = "1h" }]', "expected a table with percent"),
        ('[{ percent = 1, hold = "91d" }]', "expected for hold a time from 0s to 90d"),
        ("[{ percent = 1, samples = -1 }]", "expected for samples a whole number from 0"),
        ('[{ percent = 1, person = "ann" }]', "expected for person true or false"),
    ],
)
def test_a_step_that_cannot_be_meant_is_named(steps: str, said: str) -> None:
    assert said in refusal(f"{{ steps = {steps} }}")


@pytest.mark.parametrize(
    ("plan", "other", "said"),
    [
        ('{ journey = "pay" }', "{}", "expected steps, as there is a journey"),
        (
            '{ steps = [1], journey = "pay" }',
            '{ steps = [2], journey = "pay" }',
            "expected what feature[0].plan has, which is in the same journey",
        ),
        ('{ steps = [1], journey = "carts" }', "{}", "expected a name that no feature has"),
        ('{ steps = [1], journey = "Pay!" }', "{}", "a name of 1 to 64 characters"),
    ],
)
def test_a_journey_is_one_plan(plan: str, other: str, said: str) -> None:
    assert said in refusal(plan, f'[[feature]]\nname = "carts"\nplan = {other}\n')


@pytest.mark.parametrize(
    ("key", "value"), [("alpha", "0"), ("beta", "1"), ("on_failure", '"page"'), ("window", '"0s"')]
)
def test_a_guard_that_cannot_be_meant_is_refused(key: str, value: str) -> None:
    assert f"feature[0].guard.{key}" in refusal("{}", f"guard = {{ {key} = {value} }}\n")
