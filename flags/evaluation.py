"""What the dial says about one sticky key: pure. It must not know latches' precedence: that is the decision's
business.
"""

from __future__ import annotations

from flags.position import position
from flags.rule import Context, Evaluation
from flags.snapshot import FeatureState

__all__ = ["Evaluation", "evaluate"]


def evaluate(
    state: FeatureState, feature: str, key: str, context: Context | None = None, began: int | None = None
) -> Evaluation:
    """Where `key` falls and what the dial makes of it, or the feature's rule where its source has one.

    A latch does not change the answer; the decision looks at it first. `context` is for rules that go by more
    than the key. `began`: the dial in hundredths under which the session began, where a raise takes only
    sessions that begin after it: the lower one counts.
    """
    rule = state.rule
    if rule is not None:
        return rule.evaluate(state.percent, key, context)
    where = position(feature, key)
    share = state.percent if began is None else min(began, state.percent)
    return Evaluation(where, state.percent, where < share, share)
