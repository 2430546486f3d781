"""What the control desk answers, as frozen values with stable keys: the JSON of the admin API and of
`--json`.

Percentages are numbers from 0 to 100, durations seconds, times ISO 8601 in UTC. Knows nothing of how it
is found out.
"""

from __future__ import annotations

import msgspec

from flags import SourceView

__all__ = [
    "Convergence",
    "DialAnswer",
    "Explanation",
    "FeatureReport",
    "FeatureStatus",
    "GoldenNumbers",
    "GoldenSides",
    "LatchAnswer",
    "ShadowNumbers",
    "SideNumbers",
    "Status",
    "WorkerStatus",
    "percent_number",
]


def percent_number(hundredths: int) -> int | float:
    """Hundredths of a percent as a number for people: 1000 is 10, 1 is 0.01."""
    return hundredths / 100 if hundredths % 100 else hundredths // 100


class Convergence(msgspec.Struct, frozen=True):
    """Who has a change. `lagging` are process numbers of live workers that had not said so when the wait
    ended.
    """

    workers: int
    seconds: float
    complete: bool
    lagging: tuple[int, ...] = ()


class DialAnswer(msgspec.Struct, frozen=True):
    """A dial that was moved. `latched`: the feature is rolled back, so the dial counts only after a
    restore. `source`: where it was written, dial or unleash; `note`: what is still to come.
    """

    feature: str
    old: int | float
    new: int | float
    revision: int
    workers: int
    seconds: float
    complete: bool
    lagging: tuple[int, ...]
    latched: bool
    source: str = "dial"
    note: str = ""


class LatchAnswer(msgspec.Struct, frozen=True):
    """A rollback (`latched` true) or a restore. `feature` null is everything. `already`: nothing had to
    change.

    `recorded` false: it holds for every request, but state file or ledger could not be written yet;
    `problem` says why. `direct`: done on the machine itself, without the control process.
    `everything_latched` and `latched_features`: which latches hold afterwards.
    """

    feature: str | None
    latched: bool
    already: bool
    revision: int
    workers: int
    seconds: float
    complete: bool
    lagging: tuple[int, ...]
    recorded: bool
    problem: str = ""
    direct: bool = False
    everything_latched: bool = False
    latched_features: tuple[str, ...] = ()


class GoldenNumbers(msgspec.Struct, frozen=True):
    """Live answers of one side held against recordings. `compared` counts those with a clear answer."""

    compared: int = 0
    match: int = 0
    accepted: int = 0
    mismatch: int = 0
    unknown: int = 0


class GoldenSides(msgspec.Struct, frozen=True):
    """The same for both sides: a witness also where one of them is switched off."""

    legacy: GoldenNumbers = GoldenNumbers()
    new: GoldenNumbers = GoldenNumbers()


class FeatureStatus(msgspec.Struct, frozen=True):
    """One feature. `side`: legacy, new or split, as users get it now: latches and breakers count. `breaker`:
    the worst of any worker. `plan`: the ramp's step, if any. `rule`: what the source goes by beside the
    percentage, if anything.
    """

    name: str
    percent: int | float
    side: str
    latched: bool
    breaker: str
    routes: tuple[str, ...]
    fallback: str
    shadow_percent: int | float
    plan: str | None = None
    golden: GoldenSides = GoldenSides()
    rule: str = ""


class WorkerStatus(msgspec.Struct, frozen=True):
    """One live worker. `age_seconds`: since it last confirmed its state. `current`: it has the newest one."""

    worker: str
    pid: int
    revision: int
    age_seconds: float
    current: bool


class Status(msgspec.Struct, frozen=True):
    """The whole gateway at a glance. `warnings` are sentences for a person. `source`: who says the dials."""

    revision: int
    everything_latched: bool
    features: tuple[FeatureStatus, ...]
    workers: tuple[WorkerStatus, ...]
    rollback_seconds: float | None
    started_at: str
    traffic: str
    admin: str
    warnings: tuple[str, ...] = ()
    source: SourceView = SourceView()


class Explanation(msgspec.Struct, frozen=True):
    """Why a request goes where it goes. `position` and `percent` are null where no feature or no key is
    involved.
    """

    method: str
    path: str
    side: str
    cause: str
    feature: str | None
    route: str | None
    key: str | None
    position: int | float | None
    percent: int | float | None
    revision: int
    breaker: str
    note: str = ""


class SideNumbers(msgspec.Struct, frozen=True):
    """What users got from one side. Rates from 0 to 1, percentiles in seconds, null without requests.

    `requests` and `errors` (5xx) are the answers of this side. `fallbacks`: requests that it failed, so that
    legacy answered in its place; they count in `error_rate` = (errors + fallbacks) / (requests + fallbacks).
    """

    requests: int
    errors: int
    error_rate: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    fallbacks: int = 0


class ShadowNumbers(msgspec.Struct, frozen=True):
    """What the comparisons said. `compared` counts only those with a clear answer; the rest stays apart.

    `eligible` = `not_sampled` + `in_flight` + `unknown` + `compared`, at all times; `unknown` is the sum of
    dropped, shadow_error, shadow_timeout and undetermined, and `unknown_rate` its share of what has ended.
    `mismatch_lower` and `mismatch_upper` are 95 % confidence bounds of the mismatch rate, each one-sided:
    0 and 1 without any comparison. `sample_percent`: how much of the configured sample is taken now.
    """

    compared: int
    match: int
    noise: int
    accepted: int
    mismatch: int
    undetermined: int
    shadow_error: int
    shadow_timeout: int
    dropped: int
    mismatch_rate: float | None
    mismatch_upper: float
    mismatch_lower: float = 0.0
    eligible: int = 0
    not_sampled: int = 0
    in_flight: int = 0
    unknown: int = 0
    unknown_rate: float | None = None
    sample_percent: float = 100.0


class FeatureReport(msgspec.Struct, frozen=True):
    """The A/B report of one feature. `verdict`: ready or not_ready, with every reason that holds it."""

    feature: str
    since: str
    percent: int | float
    latched: bool
    verdict: str
    reasons: tuple[str, ...]
    legacy: SideNumbers
    new: SideNumbers
    fallbacks: int
    shadow: ShadowNumbers
    guard: dict[str, float]
    golden: GoldenSides = GoldenSides()
