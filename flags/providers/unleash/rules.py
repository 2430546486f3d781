"""The rules of a snapshot, ready to decide: compiled once for each configuration, in every process that
decides. It must not know requests, or where a snapshot comes from.

- A feature that is a percentage alone costs its position, as with the dial of this machine.
- For any other the core is asked at the first sight of a key, and the answer remembered: the last
  `REMEMBERED` of a process, for as long as the configuration stays; where the clock matters, for a second.
- What the source does not know is nobody's.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import msgspec

from flags.position import POSITIONS, position
from flags.providers.unleash.engine import Engine
from flags.providers.unleash.payload import Feature, Payload, feature_of, read_payload
from flags.providers.unleash.plan import STANDARD, Plan, plan_of
from flags.rule import Context, Evaluation, Rule
from flags.snapshot import FeatureState, FlagSnapshot

__all__ = ["UnleashRules", "plans_of"]

REMEMBERED: Final = 32_768
_APP_NAME: Final = "banyan"
_NOBODY: Final = Evaluation(0, 0, False)
_LOG = logging.getLogger("banyan.flags")
_Remembered = Callable[[str, int, str, Context | None, int], Evaluation]


class UnleashRules:
    """`compiled` for `LiveFlags`. `environment` is what rules see as theirs where a context names none."""

    def __init__(self, environment: str, clock: Callable[[], float] = time.time) -> None:
        self._environment = environment
        self._clock = clock
        self._raw: bytes | None = None
        self._rules: dict[str, Rule] = {}
        self._engine: Engine | None = None

    def compiled(self, snapshot: FlagSnapshot) -> FlagSnapshot:
        """The same snapshot with a rule for every feature. Never raises: of a configuration that cannot be
        used the latches count all the same, and the rules of the one before stay.
        """
        if snapshot.rules != self._raw:
            self._raw = snapshot.rules
            try:
                self._compile(snapshot.rules)
            except Exception:  # noqa: BLE001 - whatever it was, a rollback must get through
                _LOG.exception("the rules of revision %d cannot be used", snapshot.revision)
        features = {name: self._with_rule(name, state) for name, state in snapshot.features.items()}
        return msgspec.structs.replace(snapshot, features=features)

    def variant(self, feature: str, context: Context) -> dict[str, Any]:
        """Which variant of a feature somebody gets, as the SDKs answer."""
        if self._engine is None:
            return {"name": "disabled", "enabled": False, "feature_enabled": False}
        return self._engine.variant(feature, self._seen(context))

    def _compile(self, rules: bytes | None) -> None:
        if not rules:
            self._rules, self._engine = {}, None
            return
        plans = plans_of(read_payload(rules))
        engine = Engine(rules)
        full = {name: _ByEngine(name, plan, self._asking(engine)) for name, plan in plans.items() if plan.by}

        # One memory for all features of a process, so that it is bounded however many there are.
        @lru_cache(REMEMBERED)
        def remembered(
            feature: str, percent: int, key: str, context: Context | None, moment: int
        ) -> Evaluation:
            return full[feature].decide(percent, key, context)

        for rule in full.values():
            rule.remember(remembered, self._clock)
        self._engine = engine
        self._rules = {name: full.get(name) or _ByPosition(plan) for name, plan in plans.items()}

    def _asking(self, engine: Engine) -> Callable[[str, Context], bool]:
        return lambda feature, context: engine.enabled(feature, self._seen(context))

    def _with_rule(self, name: str, state: FeatureState) -> FeatureState:
        rule = self._rules.get(name, _OFF)
        bound = rule.plan.bound if isinstance(rule, _ByPosition | _ByEngine) else 0
        return FeatureState(min(state.percent, bound), state.latched, rule)

    def _seen(self, context: Context) -> Context:
        return context._replace(
            environment=context.environment or self._environment, app_name=context.app_name or _APP_NAME
        )


def plans_of(payload: Payload) -> dict[str, Plan]:
    """Every feature's plan, by name."""
    segments = {number: segment["constraints"] for number, segment in payload.segments.items()}
    features = {name: feature_of(feature) for name, feature in payload.features.items()}
    plans = {name: plan_of(feature, segments) for name, feature in features.items()}
    return {name: _with_parents(plan, features[name], features, plans) for name, plan in plans.items()}


def _with_parents(plan: Plan, feature: Feature, features: dict[str, Feature], plans: dict[str, Plan]) -> Plan:
    """A feature that depends on others goes by what those look at too."""
    parents = [one.feature for one in feature.dependencies or [] if one.feature in plans]
    if not parents:
        return plan
    wants, timed, seen = set(plan.wants), plan.timed, set[str]()
    while parents:
        name = parents.pop()
        if name not in seen:
            seen.add(name)
            wants |= set(plans[name].wants)
            timed = timed or plans[name].timed
            parents += [one.feature for one in features[name].dependencies or [] if one.feature in plans]
    return plan._replace(wants=tuple(sorted(wants)), timed=timed)


class _ByPosition:
    """A percentage alone."""

    __slots__ = ("_group", "_stickiness", "plan", "wants")

    words = ""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.wants = plan.wants
        self._group = plan.group or ""
        self._stickiness = plan.stickiness

    def evaluate(self, percent: int, key: str, context: Context | None) -> Evaluation:
        if context is None:
            where = position(self._group, key)
            return Evaluation(where, percent, where < percent, percent)
        where = _place(self._group, self._stickiness, key, context)
        return Evaluation(max(where, 0), percent, 0 <= where < percent, percent)


class _ByEngine:
    """More than a percentage: the core's answer, and the steps below a percent on top of it."""

    __slots__ = ("_ask", "_clock", "_feature", "_own", "_remembered", "plan", "wants", "words")

    def __init__(self, feature: str, plan: Plan, ask: Callable[[str, Context], bool]) -> None:
        self.plan = plan
        self.wants = plan.wants
        self.words = ", ".join(plan.by)
        self._feature = feature
        self._ask = ask
        # A stickiness of the application's own: the sticky key stands in where the request has no such value.
        self._own = "" if plan.stickiness in STANDARD else plan.stickiness
        self._remembered: _Remembered | None = None
        self._clock: Callable[[], float] = time.time

    def remember(self, remembered: _Remembered, clock: Callable[[], float]) -> None:
        """Ask this memory first, which asks `decide`."""
        self._remembered, self._clock = remembered, clock

    def evaluate(self, percent: int, key: str, context: Context | None) -> Evaluation:
        if self._remembered is None:
            return self.decide(percent, key, context)
        moment = int(self._clock()) if self.plan.timed else 0
        return self._remembered(self._feature, percent, key, context, moment)

    def decide(self, percent: int, key: str, context: Context | None) -> Evaluation:
        """The same without a memory."""
        seen = self._filled(key, context)
        plan = self.plan
        selected = self._ask(self._feature, seen)
        where = _place(plan.group or self._feature, plan.stickiness, key, seen)
        if percent < plan.bound and plan.group is not None:
            selected = selected and 0 <= where < percent
        return Evaluation(max(where, 0), percent, selected)

    def _filled(self, key: str, context: Context | None) -> Context:
        own = ((self._own, key),) if self._own else ()
        if context is None:
            return Context(key, key, properties=own)
        if not key:
            return context
        missing = own if self._own not in dict(context.properties) else ()
        return context._replace(
            user_id=context.user_id or key,
            session_id=context.session_id or key,
            properties=context.properties + missing,
        )


class _Off:
    """Nobody."""

    words = "absent"
    wants: tuple[str, ...] = ()

    def evaluate(self, percent: int, key: str, context: Context | None) -> Evaluation:
        return _NOBODY


_OFF: Final = _Off()


def _place(group: str, stickiness: str, key: str, context: Context) -> int:
    """The position by the value that a stickiness names; -1 where it is missing, anywhere for `default`."""
    if stickiness in ("", "default"):
        value = context.user_id or context.session_id or key
        return position(group, value) if value else random.randrange(POSITIONS)
    known = {"userId": context.user_id, "sessionId": context.session_id}
    value = known.get(stickiness) or dict(context.properties).get(stickiness, "") or key
    return position(group, value) if value else -1
