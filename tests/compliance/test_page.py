"""The table of rules is whole, and the page made from it is up to date."""

from tests.compliance.differences import explained
from tests.compliance.record import load
from tests.compliance.rules import FOLDER, PAGE, RULES, cases, page


def test_the_page_is_up_to_date() -> None:
    """Else: ``python -m tests.compliance > docs/wire.md``."""
    assert PAGE.read_text() == page(), "run python -m tests.compliance > docs/wire.md"


def test_every_rule_has_tests_and_every_test_a_rule() -> None:
    """Twenty-two rules, the limits, the deadlines, and trust."""
    named = [rule.name for rule in RULES]
    assert named == [*(str(number) for number in range(1, 23)), "Limits", "Deadlines", "Trust"]
    modules = {module for rule in RULES for module in rule.modules}
    assert modules == {path.stem for path in FOLDER.glob("test_*.py")} - {"test_page"}
    assert all(cases(module) for module in modules)


def test_every_test_says_what_it_promises() -> None:
    """The page would have an empty line."""
    for rule in RULES:
        for module in rule.modules:
            assert all(case.promise for case in cases(module)), module


def test_the_gateways_own_record_has_no_miss() -> None:
    """The page would say so to everybody."""
    assert load("gateway").misses() == {}


def test_everything_that_envoy_does_otherwise_is_explained() -> None:
    """A new miss needs a reason beside it."""
    assert set(load("envoy").misses()) - set(explained()) == set()
