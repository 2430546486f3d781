"""A worker's path in a test: a configuration goes through page and snapshot, and `evaluate` decides."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from flags import Context, Evaluation, FeatureState, FlagSnapshot, LiveFlags, StatePage, evaluate
from flags.providers.unleash import UnleashRules
from flags.providers.unleash.payload import read_payload, rules_of
from flags.providers.unleash.plan import ABSENT, refined
from flags.providers.unleash.rules import plans_of


def rollout(percent: object, **more: Any) -> dict[str, Any]:
    """A `flexibleRollout` strategy as a client gets it."""
    parameters = {
        "rollout": str(percent),
        "stickiness": more.pop("stickiness", "default"),
        "groupId": more.pop("group", "g"),
    }
    return {"name": "flexibleRollout", "parameters": parameters, "constraints": [], **more}


def feature(name: str, *strategies: dict[str, Any], enabled: bool = True, **more: Any) -> dict[str, Any]:
    """A feature as a client gets it."""
    return {"name": name, "enabled": enabled, "strategies": list(strategies), **more}


def body(*features: dict[str, Any], segments: list[dict[str, Any]] | None = None) -> bytes:
    """A whole answer of the server."""
    return json.dumps({"version": 2, "features": list(features), "segments": segments or []}).encode()


class Deciding:
    """One worker's flags, fed by a page of its own."""

    def __init__(self, folder: Path, names: tuple[str, ...], environment: str = "default") -> None:
        self.names = names
        self.page = StatePage.create(folder / "state.page", names)
        self.rules = UnleashRules(environment)
        row = self.page.claim_row(os.getpid())
        self.live = LiveFlags(self.page, row, compiled=self.rules.compiled)

    def take(self, answer: bytes, **local: int) -> None:
        """Publish what the server said; `local`: dials in force, for the steps below a percent."""
        payload = read_payload(answer)
        plans = plans_of(payload)
        dials = {
            name: FeatureState(refined(local.get(name, 0), plans.get(name, ABSENT).bound))
            for name in self.names
        }
        rules = rules_of(payload, self.names)
        self.page.publish(FlagSnapshot(self.page.revision() + 1, False, dials, rules))

    def ask(self, name: str, key: str = "", context: Context | None = None) -> Evaluation:
        """As the request path asks."""
        return evaluate(self.live.current().feature(name), name, key, context)
