"""What an Unleash server tells its clients, checked, and cut down to what some features need. It must not
know where it came from.

Two rewritings make a person's side lasting, which a gateway needs and a library does not: the stickiness
`random` becomes `default`, and the old strategy `gradualRolloutRandom` a `flexibleRollout`. The share is the
same; who is in it no longer changes with every request.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

__all__ = ["Feature", "Garbage", "Payload", "Strategy", "feature_of", "read_payload", "rules_of"]


class Garbage(Exception):
    """Not what an Unleash server sends; `str()` says why, without a full stop."""


class Strategy(msgspec.Struct, frozen=True):
    """As much of a strategy as `plan` looks at; what is not named here goes to the engine unread."""

    name: str
    parameters: dict[str, Any] | None = None
    constraints: list[dict[str, Any]] | None = None
    segments: list[int] | None = None


class _Dependency(msgspec.Struct, frozen=True):
    feature: str


class Feature(msgspec.Struct, frozen=True):
    """As much of a feature."""

    name: str
    enabled: bool
    strategies: list[Strategy]
    dependencies: list[_Dependency] | None = None


class _Segment(msgspec.Struct, frozen=True):
    id: int
    constraints: list[dict[str, Any]]


class Payload(NamedTuple):
    """Features by name and segments by number, whole, as they came."""

    features: Mapping[str, dict[str, Any]]
    segments: Mapping[int, dict[str, Any]]


_KEPT = ("name", "type", "enabled", "strategies", "variants", "dependencies")


def read_payload(body: bytes) -> Payload:
    """Raises `Garbage` for anything but features and segments of the expected shape, each name once."""
    try:
        found = msgspec.json.decode(body)
        if not isinstance(found, dict) or not isinstance(found.get("features"), list):
            raise Garbage("it has no list of features")
        features = {feature_of(one).name: one for one in found["features"]}
        segments = {msgspec.convert(one, _Segment).id: one for one in found.get("segments") or []}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Garbage(str(error)) from error
    if len(features) != len(found["features"]):
        raise Garbage("it has two features of one name")
    return Payload(features, segments)


def feature_of(feature: dict[str, Any]) -> Feature:
    """The typed view of a feature. Raises msgspec's errors."""
    return msgspec.convert(feature, Feature)


def rules_of(payload: Payload, names: Iterable[str]) -> bytes:
    """The JSON that a worker needs for these features: they, those they depend on, and their segments."""
    wanted = _with_parents(payload, names)
    segments = sorted({number for name in wanted for number in _segments(payload.features[name])})
    state = {
        "version": 2,
        "features": [_cut(payload.features[name]) for name in sorted(wanted)],
        "segments": [payload.segments[number] for number in segments if number in payload.segments],
    }
    return msgspec.json.encode(state)


def _with_parents(payload: Payload, names: Iterable[str]) -> set[str]:
    wanted: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name in payload.features and name not in wanted:
            wanted.add(name)
            found = feature_of(payload.features[name])
            todo += [parent.feature for parent in found.dependencies or []]
    return wanted


def _segments(feature: dict[str, Any]) -> set[int]:
    return {number for strategy in feature_of(feature).strategies for number in strategy.segments or []}


def _cut(feature: dict[str, Any]) -> dict[str, Any]:
    kept = {name: feature[name] for name in _KEPT if name in feature}
    return {**kept, "strategies": [_lasting(one, feature["name"]) for one in feature["strategies"]]}


def _lasting(strategy: dict[str, Any], feature: str) -> dict[str, Any]:
    parameters = strategy.get("parameters") or {}
    if strategy["name"] == "gradualRolloutRandom":
        rollout = {"rollout": parameters.get("percentage"), "stickiness": "default", "groupId": feature}
        return {**strategy, "name": "flexibleRollout", "parameters": rollout}
    if strategy["name"] == "flexibleRollout" and parameters.get("stickiness") == "random":
        return {**strategy, "parameters": {**parameters, "stickiness": "default"}}
    return strategy
