"""Which features are a percentage alone, and what else the others go by: pure, from the payload's typed view.

    feature                                            decided by     its percentage is
    ------------------------------------------------   ------------   -----------------------------
    absent, or switched off                            nobody         0
    one `flexibleRollout` and nothing else             its position   the rollout
    one `flexibleRollout` with constraints,            the engine     the rollout
      segments or dependencies
    anything else                                      the engine     the largest of its strategies

Variants do not matter for who is on the new side. A rollout that is no whole percentage is left to the
engine.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from flags.percent import FULL
from flags.providers.unleash.payload import Feature, Strategy

__all__ = ["ABSENT", "Plan", "plan_of", "refined"]

STANDARD = frozenset({"", "default", "userId", "sessionId"})
"""The stickinesses that mean the sticky key itself."""

_ROLLOUT = "flexibleRollout"
_PERCENTAGE = re.compile(r"[0-9]{1,3}")
_SIMPLE = re.compile(r'[^"\\\x00-\x1f]*')  # the core reads other names in a way of its own, so it is asked


class Plan(NamedTuple):
    """`bound`: the highest dial in hundredths that this feature's source allows. `group` and `stickiness`:
    what a position is computed with, None where there is no single rollout. `by`: what the engine has to look
    at, () where it need not be asked. `timed`: an answer may change by the clock. `wants`: what it looks at
    in the context, beside what the sticky key and the gateway itself stand for.
    """

    bound: int
    group: str | None = None
    stickiness: str = ""
    by: tuple[str, ...] = ()
    timed: bool = False
    wants: tuple[str, ...] = ()


ABSENT = Plan(0)
"""A feature that the source does not know, or has switched off: nobody."""


def plan_of(feature: Feature, segments: dict[int, list[dict[str, Any]]]) -> Plan:
    """`segments`: constraints by the number of their segment."""
    return _plan_of(feature, segments)._replace(wants=_wants(feature, segments))


def _plan_of(feature: Feature, segments: dict[int, list[dict[str, Any]]]) -> Plan:
    if not feature.enabled:
        return ABSENT
    if not feature.strategies:  # Unleash's rule: on without a strategy is on for everybody
        return Plan(FULL, by=("dependencies",) if feature.dependencies else ("no strategy",))
    timed = any(map(_is_timed, _all_constraints(feature, segments)))
    by = tuple(_words(feature))
    if len(feature.strategies) == 1 and (percentage := _percentage(feature.strategies[0])) is not None:
        parameters = feature.strategies[0].parameters or {}
        group, stickiness = (
            str(parameters.get("groupId", feature.name)),
            str(parameters.get("stickiness") or ""),
        )
        if not _SIMPLE.fullmatch(group + stickiness):
            return Plan(percentage, by=(*by, "an unusual name"), timed=timed)
        return Plan(percentage, group, stickiness, by, timed)
    return Plan(max(map(_bound, feature.strategies)), by=(*by, _listed(feature)), timed=timed)


def refined(local: int, bound: int) -> int:
    """The dial in force, in hundredths: Unleash counts in whole percents, and a dial between two of them is
    written there as the upper one. Steps below a percent only ever take users away from that.
    """
    return local if bound - 100 < local <= bound else bound


def _percentage(strategy: Strategy) -> int | None:
    """The rollout in hundredths; None where it is none that every client reads alike."""
    rollout = (strategy.parameters or {}).get("rollout")
    if strategy.name != _ROLLOUT or isinstance(rollout, bool | float):
        return None
    text = str(rollout)
    return int(text) * 100 if _PERCENTAGE.fullmatch(text) and int(text) <= 100 else None


def _bound(strategy: Strategy) -> int:
    percentage = _percentage(strategy)
    return FULL if percentage is None else percentage


def _words(feature: Feature) -> list[str]:
    found = []
    if any(strategy.constraints for strategy in feature.strategies):
        found.append("constraints")
    if any(strategy.segments for strategy in feature.strategies):
        found.append("segments")
    if feature.dependencies:
        found.append("dependencies")
    return found


def _listed(feature: Feature) -> str:
    names = [strategy.name for strategy in feature.strategies]
    return f"{len(names)} strategies" if len(names) > 1 else f"strategy {names[0]}"


def _all_constraints(feature: Feature, segments: dict[int, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for strategy in feature.strategies:
        found += strategy.constraints or []
        for number in strategy.segments or []:
            found += segments.get(number, [])
    return found


_STANDS_FOR = frozenset({"userId", "sessionId", "appName", "environment", "currentTime", *STANDARD})


def _wants(feature: Feature, segments: dict[int, list[dict[str, Any]]]) -> tuple[str, ...]:
    found = {str(one.get("contextName", "")) for one in _all_constraints(feature, segments)}
    for strategy in feature.strategies:
        if strategy.name == _ROLLOUT:
            found.add(str((strategy.parameters or {}).get("stickiness") or ""))
        if strategy.name == "remoteAddress":
            found.add("remoteAddress")
    return tuple(sorted(found - _STANDS_FOR - {"random"}))


def _is_timed(constraint: dict[str, Any]) -> bool:
    return constraint.get("contextName") == "currentTime" or str(constraint.get("operator")).startswith(
        "DATE"
    )
