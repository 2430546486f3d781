"""The border to Unleash's evaluation core, the one its SDKs share. It must not know pages, keys or dials."""

from __future__ import annotations

from typing import Any, Final

from yggdrasil_engine.engine import UnleashEngine, YggdrasilError

from flags.rule import Context

__all__ = ["Engine", "EngineRefused"]

_FIELDS: Final = (
    ("user_id", "userId"),
    ("session_id", "sessionId"),
    ("remote_address", "remoteAddress"),
    ("app_name", "appName"),
    ("environment", "environment"),
    ("current_time", "currentTime"),
)


class EngineRefused(Exception):
    """The core does not take a configuration; `str()` says why."""


class Engine:
    """One configuration in the core. Not across a fork; costs some 20 µs for an answer."""

    def __init__(self, rules: bytes) -> None:
        """Raises `EngineRefused`."""
        self._core = UnleashEngine()
        try:
            problem = self._core.take_state(rules.decode())
        except (YggdrasilError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise EngineRefused(str(error) or type(error).__name__) from error
        if problem:
            raise EngineRefused(str(problem))

    def enabled(self, feature: str, context: Context) -> bool:
        """Whether it is on; False for one that the configuration does not have."""
        return bool(self._core.check_enabled(feature, _plain(context)).is_enabled)

    def variant(self, feature: str, context: Context) -> dict[str, Any]:
        """The variant as the specification writes it: name, enabled, feature_enabled, payload if any."""
        found = self._core.check_variant(feature, _plain(context)).variant
        answer = {"name": found.name, "enabled": found.enabled, "feature_enabled": found.feature_enabled}
        return answer if found.payload is None else {**answer, "payload": found.payload}


def _plain(context: Context) -> dict[str, Any]:
    found: dict[str, Any] = {
        outside: value for inside, outside in _FIELDS if (value := getattr(context, inside))
    }
    found["properties"] = dict(context.properties)
    return found
