"""What is noise: where the control differs from itself as often as from the candidate. Pure statistics.

The kind is part of the key: a timestamp that is noisy as a *value* does not hide that it changed *type*. What
is found is proposed as a rule with its evidence; nothing is excused before a person has accepted it.
"""

from __future__ import annotations

import hashlib
import re
from datetime import date

import msgspec

from shadow.comparison import Comparison
from shadow.statistics import wilson
from shadow.verdict import Kind, Verdict

MIN_RUNS = 30
"""Runs of a route, below which nothing is proposed."""
MIN_RATE = 0.01
"""The control must differ from itself in more than this share of the runs, for certain."""


class NoiseEvidence(msgspec.Struct, frozen=True):
    """Of ``runs`` times that the control was asked twice on this route: how often it differed from itself at
    this path in this way, how often the candidate differed from it, and in how many of these cases both
    values had the same type and format.
    """

    feature: str
    route: str
    path: str
    kind: str
    control: int
    candidate: int
    same_format: int
    runs: int

    @property
    def id(self) -> str:
        """Eight hexadecimal digits: a name for this place."""
        parts = f"{self.feature}\0{self.route}\0{self.path}\0{self.kind}"
        return hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()[:8]

    @property
    def control_bounds(self) -> tuple[float, float]:
        """Where the share of runs in which the control differs from itself lies, with 95 % confidence."""
        return wilson(self.control, self.runs)

    @property
    def candidate_bounds(self) -> tuple[float, float]:
        """The same for the candidate against the control."""
        return wilson(self.candidate, self.runs)

    @property
    def is_noise(self) -> bool:
        """Whether it differs from itself, and not less often than the candidate from it."""
        if self.runs < MIN_RUNS or self.control_bounds[0] <= MIN_RATE:
            return False
        return self.control_bounds[1] >= self.candidate_bounds[0]

    @property
    def op(self) -> str:
        """The narrowest operation that would have excused all that was seen."""
        always = self.same_format >= max(self.control, self.candidate)
        changed = self.kind in (Kind.VALUE_CHANGED, Kind.HEADER)
        return "same-type-and-format" if always and changed else "ignore"


def is_itself(comparison: Comparison, itself: Comparison) -> bool:
    """Whether a mismatch is noise: the control's own two answers differ at each of its paths in the same
    way.
    """
    if comparison.verdict is not Verdict.MISMATCH:
        return False
    own = {(each.path, each.kind) for each in itself.differences}
    return all((each.path, each.kind) in own for each in comparison.unexcused)


def as_rule(
    evidence: NoiseEvidence, owner: str, expires: date, *, op: str | None = None, why: str = ""
) -> str:
    """The proposal as it would stand in the rules file."""
    low, high = evidence.control_bounds
    name = re.sub(r"[^a-z0-9]+", "-", evidence.path.lower()).strip("-")[:40] or "noise"
    reason = (
        f"control differs from itself in {evidence.control} of {evidence.runs} runs "
        f"({low * 100:.1f} to {high * 100:.1f} %), candidate in {evidence.candidate}"
    )
    return rule_text(
        name=f"noise-{name}-{evidence.id}",
        owner=owner,
        expires=expires,
        op=op or evidence.op,
        path=evidence.path,
        kinds=[evidence.kind],
        feature=evidence.feature,
        route=evidence.route,
        reason=f"{why}; {reason}" if why else reason,
    )


def rule_text(
    *,
    name: str,
    owner: str,
    expires: date,
    op: str,
    path: str,
    kinds: list[str],
    feature: str,
    route: str,
    reason: str,
) -> str:
    """A ``[[rule]]`` table in TOML."""
    lines = ["[[rule]]", f"id = {_quoted(name)}", f"owner = {_quoted(owner)}", f"expires = {expires}"]
    lines += [f"op = {_quoted(op)}", f"path = {_quoted(path)}"]
    lines += [f"kinds = [{', '.join(map(_quoted, kinds))}]", f"feature = {_quoted(feature)}"]
    lines += [f"route = {_quoted(route)}", f"reason = {_quoted(reason)}"]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A basic string of TOML."""
    return msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")
