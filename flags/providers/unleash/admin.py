"""Writes a percentage to an Unleash server, over its admin API. It must not know what is in force here.

1. the feature, made when there is none
2. its one `flexibleRollout` strategy at the percentage: changed, or added when there is no strategy at all
3. switched on, when it is not: last, because a feature that is on without a strategy is on for everybody; not
   while it is rolled back here and was switched off for that

Whatever else the strategy says (constraints, segments, stickiness, group) stays. A feature with several
strategies, or one of another kind, has no one percentage: that is refused, and left to Unleash's own
dashboard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final
from urllib.parse import quote

import httpx

from flags.errors import SourceUnwritable
from flags.providers.unleash.fetching import authorized, base_of
from flags.secret import SecretMissing
from flags.sources import Said

__all__ = ["WRITE_LIMIT", "UnleashAdmin", "whole_percent"]

WRITE_LIMIT: Final = 10.0
_STEP_LIMIT: Final = 5.0
_ROLLOUT: Final = "flexibleRollout"


def whole_percent(hundredths: int) -> int:
    """What is written for a dial: Unleash counts in whole percents, and the upper one holds everybody whom
    the steps below it let through.
    """
    return -(-hundredths // 100)


class UnleashAdmin:
    """One project and environment of a server. `token` is asked for each time."""

    def __init__(self, url: str, project: str, environment: str, token: Callable[[], str]) -> None:
        self._features = f"{base_of(url)}/api/admin/projects/{quote(project, safe='')}/features"
        self._environment = environment
        self._token = token
        self._off: Callable[[], frozenset[str]] = frozenset

    def leave_off(self, names: Callable[[], frozenset[str]]) -> None:
        """These stay switched off, whatever is written for them, until `switch` puts them on again."""
        self._off = names

    async def switch(self, feature: str, *, on: bool) -> None:
        """Switch `feature` off, or on again with the strategies that it has. Raises `SourceUnwritable`."""
        await self._within(self._switch(feature, on))

    async def write(self, feature: str, percent: int, by: Said | None = None) -> None:
        """Put `feature` at a dial, in hundredths, and switch it on unless it is to stay off; done twice it is
        the same as once. Raises `SourceUnwritable`.
        """
        await self._within(self._write(feature, str(whole_percent(percent))))

    async def _within(self, asking: Coroutine[Any, Any, None]) -> None:
        try:
            async with asyncio.timeout(WRITE_LIMIT):
                await asking
        except TimeoutError:
            raise SourceUnwritable(f"Unleash has not finished within {WRITE_LIMIT:g} s.") from None
        except httpx.HTTPError as error:
            raise SourceUnwritable(
                f"Unleash cannot be reached: {str(error) or type(error).__name__}."
            ) from error
        except SecretMissing as error:
            raise SourceUnwritable(f"Unleash cannot be written to: {error}.") from error
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            # No JSON, or not what its admin API answers: a page of a proxy in between, as a rule.
            raise SourceUnwritable("Unleash answered what its admin API does not.") from error

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            headers=authorized(self._token()), timeout=_STEP_LIMIT, follow_redirects=False, trust_env=False
        )

    async def _switch(self, feature: str, on: bool) -> None:
        async with self._client() as http:
            if on and not (await self._here(http, feature)).get("strategies"):
                raise SourceUnwritable(
                    f"{feature} has no strategy in Unleash any more: switched on, it would be on for "
                    "everybody; dial it, or switch it on there."
                )
            at = f"{self._at(feature)}/environments/{quote(self._environment, safe='')}"
            await _ask(http, "POST", f"{at}/{'on' if on else 'off'}", absent=not on)

    async def _write(self, feature: str, percent: str) -> None:
        async with self._client() as http:
            here = await self._here(http, feature)
            strategies = here.get("strategies") or []
            rollouts = [one for one in strategies if one.get("name") == _ROLLOUT]
            if len(strategies) > 1 or len(rollouts) != len(strategies):
                names = ", ".join(str(one.get("name")) for one in strategies)
                raise SourceUnwritable(
                    f"{feature} has no single percentage in Unleash (its strategies: {names}); "
                    "change it in Unleash itself."
                )
            at = f"{self._at(feature)}/environments/{quote(self._environment, safe='')}"
            if rollouts:
                changed = _changed(rollouts[0], percent)
                await _ask(http, "PUT", f"{at}/strategies/{rollouts[0]['id']}", changed)
            else:
                await _ask(http, "POST", f"{at}/strategies", _fresh(feature, percent))
            if not here.get("enabled") and feature not in self._off():
                await _ask(http, "POST", f"{at}/on")

    def _at(self, feature: str) -> str:
        return f"{self._features}/{quote(feature, safe='')}"

    async def _here(self, http: httpx.AsyncClient, feature: str) -> dict[str, Any]:
        """The feature as it is in our environment; made when there is none."""
        found = await _ask(http, "GET", self._at(feature), absent=True)
        if found is None:
            await _ask(http, "POST", self._features, {"name": feature, "type": "release"})
            found = await _ask(http, "GET", self._at(feature))
        if found.get("archived"):
            raise SourceUnwritable(f"{feature} is archived in Unleash; revive it there first.")
        for one in found.get("environments") or []:
            if one.get("name") == self._environment:
                return dict(one)
        raise SourceUnwritable(f"{feature} has no environment {self._environment!r} in Unleash.")


def _fresh(feature: str, percent: str) -> dict[str, Any]:
    parameters = {"rollout": percent, "stickiness": "default", "groupId": feature}
    return {"name": _ROLLOUT, "parameters": parameters, "constraints": []}


def _changed(strategy: dict[str, Any], percent: str) -> dict[str, Any]:
    kept = ("name", "title", "disabled", "constraints", "segments", "variants", "sortOrder")
    body = {name: strategy[name] for name in kept if strategy.get(name) is not None}
    return {**body, "parameters": {**(strategy.get("parameters") or {}), "rollout": percent}}


async def _ask(
    http: httpx.AsyncClient, method: str, address: str, body: Any = None, *, absent: bool = False
) -> Any:
    """The answer's JSON. `absent`: None for a 404. Raises `SourceUnwritable` with what the server says."""
    answer = await http.request(method, address, json=body)
    if absent and answer.status_code == httpx.codes.NOT_FOUND:
        return None
    if answer.is_success:
        return answer.json() if answer.content else None
    raise SourceUnwritable(f"Unleash answered {answer.status_code} to {method}: {_said(answer)}")


def _said(answer: httpx.Response) -> str:
    try:
        found = answer.json()
        text = found["details"][0]["message"] if found.get("details") else found["message"]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        text = answer.text
    return " ".join(str(text).split())[:200] or "nothing"
