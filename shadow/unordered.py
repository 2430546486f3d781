"""Puts lists whose order means nothing into one order on both sides, before the walk. It must not know
DeepDiff's ``ignore_order``, which calls ``[1, 1, 2]`` equal to ``[1, 2]`` and takes four times longer at each
doubling.

Elements are told apart by their canonical form without what the rules allow to differ; equal ones meet first,
repetitions count.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from shadow.parse import canonical
from shadow.paths import ANY_INDEX, Tokens
from shadow.rules import ActiveRules
from shadow.verdict import Kind
from shadow.walk import Found

_Orders: TypeAlias = dict[Tokens, list[list[bytes]]]  # the elements' forms, list by list, as they were found


def settle_order(control: Any, candidate: Any, rules: ActiveRules) -> tuple[Any, Any, list[Found]]:
    """Both values with their unordered lists in one order, and one ORDER difference for each path whose lists
    held the same elements in another order.
    """
    ours: _Orders = {}
    theirs: _Orders = {}
    settled = _settled(control, ("body",), rules, ours), _settled(candidate, ("body",), rules, theirs)
    return *settled, [Found(path, Kind.ORDER, None, None) for path in ours if _reordered(path, ours, theirs)]


def _reordered(path: Tokens, ours: _Orders, theirs: _Orders) -> bool:
    one, other = ours[path], theirs.get(path, [])
    return one != other and sorted(map(sorted, one)) == sorted(map(sorted, other))


def _settled(value: Any, path: Tokens, rules: ActiveRules, orders: _Orders) -> Any:
    if isinstance(value, dict):
        return {key: _settled(inner, (*path, key), rules, orders) for key, inner in value.items()}
    if not isinstance(value, list):
        return value
    below = (*path, ANY_INDEX)
    items = [_settled(inner, below, rules, orders) for inner in value]
    if not rules.unordered(path):
        return items
    keyed = [(canonical(_masked(item, below, rules)), item) for item in items]
    orders.setdefault(path, []).append([key for key, _ in keyed])
    return [item for _, item in sorted(keyed, key=lambda pair: (pair[0], canonical(pair[1])))]


def _masked(value: Any, path: Tokens, rules: ActiveRules) -> Any:
    """``value`` without what may differ by rule or profile."""
    if rules.loose(path):
        return None
    if isinstance(value, dict):
        return {key: _masked(inner, (*path, key), rules) for key, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner, (*path, ANY_INDEX), rules) for inner in value]
    return rules.profile.spelled(value)
