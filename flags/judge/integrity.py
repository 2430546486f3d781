"""Whether the evidence can be trusted at all: the share of keys, and the judge's own self-test. It must not
know limits; it can only hold.

Share of keys (sample-ratio mismatch). The dial says which share of all users is on the new side. When the
users that are there are not split so, something other than the dial decides (a cache, a lost cookie, a
crash before counting), and no comparison of the two sides means anything. Two-sided, a row of `odds` for
each dial.

Self-test (A/A). Legacy's erring users are split by one bit of their mark, which nothing else uses: two
halves of one and the same side. Evidence that they differ says that errors of users are not independent
coins, or that users are counted more than once, and that the comparison with the new side could be as
wrong.

Sources: A. Fabijan et al., "Diagnosing sample ratio mismatch in online controlled experiments", KDD 2019,
2156-2164; M. Lindon, A. Malek, as in `comparing` (the test at every moment); R. Kohavi, D. Tang, Y. Xu,
"Trustworthy online controlled experiments", Cambridge University Press, 2020 (A/A tests).
"""

from __future__ import annotations

from flags.judge.case import Case, capped
from flags.judge.comparing import rows_by_share, thinning
from flags.judge.counts import Start
from flags.judge.judgement import Finding, Outcome, first
from flags.judge.odds import Row, log_two_sided
from flags.judge.starts import log_blended
from flags.judge.users import UserSample

__all__ = ["halves", "keys", "self_test", "skewed"]


def keys(case: Case) -> Finding:
    """Whether the share of users on the new side is the dial's."""
    sample = case.whole.everything.keys if case.whole else UserSample()
    rows = rows_by_share(sample)
    evidence = log_blended(case.starts, skewed)
    new, users = sum(row.hits for row in rows), sum(row.hits + row.misses for row in rows)
    expected = sum(row.base * (row.hits + row.misses) for row in rows)
    said = f"{new} of {users} sampled users were on the new side, {expected:.4g} expected from the dial"
    outcome, reason = first(
        (evidence >= case.log_bar("keys"), Outcome.HOLD, f"the split of users is not the dial's: {said}"),
        (not sample.users, Outcome.HOLD, "no user was counted, so the split cannot be checked"),
        (True, Outcome.PASS, said if users else "everyone is on one side"),
    )
    return Finding(
        "keys",
        outcome,
        reason,
        value=new / users if users else None,
        limit=expected / users if users else None,
        samples=users,
        evidence=capped(evidence),
        bar=1.0 / case.alpha("keys"),
    )


def self_test(case: Case) -> Finding:
    """Whether two halves of legacy's erring users differ, which they must not."""
    evidence = log_blended(case.starts, _lopsided)
    row = halves(case.whole.everything.erring if case.whole else UserSample())
    said = f"legacy's users with an error, split by chance: {row.hits} and {row.misses}"
    outcome, reason = first(
        (
            evidence >= case.log_bar("self_test"),
            Outcome.HOLD,
            f"the comparison of errors cannot be trusted; {said}",
        ),
        (True, Outcome.PASS, said),
    )
    return Finding(
        "self_test",
        outcome,
        reason,
        samples=row.hits + row.misses,
        evidence=capped(evidence),
        bar=1.0 / case.alpha("self_test"),
    )


def halves(sample: UserSample) -> Row:
    """Legacy's users, split by the first bit of their mark."""
    legacy = [mark >> 63 for mark, seen in sample.users.items() if not seen.new]
    return Row(0.5, sum(legacy), len(legacy) - sum(legacy))


def skewed(start: Start) -> float:
    """The logarithm of the evidence, since one window, that users are not split as the dial has it."""
    sample = start.everything.keys
    return thinning(sample.level) + log_two_sided(rows_by_share(sample))


def _lopsided(start: Start) -> float:
    sample = start.everything.erring
    return thinning(sample.level) + log_two_sided([halves(sample)])
