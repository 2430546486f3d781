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
    "Elsewhere",
    "Explanation",
    "FeatureReport",
    "FeatureStatus",
    "ForceAnswer",
    "FreezeAnswer",
    "GoldenNumbers",
    "GoldenSides",
    "GuardView",
    "LatchAnswer",
    "MachineView",
    "PastDecision",
    "PendingDial",
    "PlanStepView",
    "PlanView",
    "ShadowNumbers",
    "ShadowProcessView",
    "SharedShadowStatus",
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


class Elsewhere(msgspec.Struct, frozen=True):
    """How far a change has come on the other machines that share what is in force, within the second that was
    waited for it. `machines` are known, `have` of them said that all their workers have it, the last one
    `seconds` after the command; null while `missing` have not. `problem`: why nothing is known, else "".
    """

    machines: int = 0
    have: int = 0
    seconds: float | None = None
    complete: bool = False
    missing: tuple[str, ...] = ()
    problem: str = ""


class DialAnswer(msgspec.Struct, frozen=True):
    """A dial that was moved. `latched`: the feature is rolled back, so the dial counts only after a
    restore. `source`: where it was written, dial, redis or unleash; `note`: what is still to come.
    `elsewhere`: the other machines; null on one that stands alone.
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
    elsewhere: Elsewhere | None = None


class PendingDial(msgspec.Struct, frozen=True):
    """A dial that waits for a second person: it was not moved. `token`: whose question it is."""

    id: int
    feature: str
    old: int | float
    new: int | float
    reason: str
    asked_by: str
    token: str
    until: str
    pending: bool = True


class LatchAnswer(msgspec.Struct, frozen=True):
    """A rollback (`latched` true) or a restore. `feature` null is everything. `already`: nothing had to
    change.

    `recorded` false: it holds for every request, but state file or ledger could not be written yet;
    `problem` says why. `direct`: done on the machine itself, without the control process.
    `everything_latched` and `latched_features`: which latches hold afterwards.
    `elsewhere`: the other machines; null on one that stands alone, and where `direct`.
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
    elsewhere: Elsewhere | None = None


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


class GuardView(msgspec.Struct, frozen=True):
    """What one guard says: `outcome` pass, hold or fail, and why. `value` was seen, the truth lies between
    `low` and `high` at any time; null where nothing can be said. `samples` of `needed`. `evidence` against
    the new side, which is proof at `bar`. Rates from 0 to 1, durations in seconds: docs/judge.md.
    """

    guard: str
    outcome: str
    reason: str
    value: float | None
    low: float | None
    high: float | None
    limit: float | None
    samples: int
    needed: int
    evidence: float
    bar: float


class FeatureStatus(msgspec.Struct, frozen=True):
    """One feature. `side`: legacy, new or split, as users get it now: latches and breakers count. `breaker`:
    the worst of any worker. `plan`: the ramp's step, if any. `rule`: what the source goes by beside the
    percentage, if anything. `outcome` of the judge, with the `reasons` for it, and what each guard says.
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
    outcome: str = "hold"
    reasons: tuple[str, ...] = ()
    guards: tuple[GuardView, ...] = ()


class PlanStepView(msgspec.Struct, frozen=True):
    """One step: its dial, how many seconds and samples it lasts at least, whether a person has to approve."""

    percent: int | float
    hold: float
    samples: int
    person: bool


class PlanView(msgspec.Struct, frozen=True):
    """The plan of a feature, or of the features of a journey. `phase`: not_started, running, paused, done.
    `percent` is where it stands, `since` when; `next` null behind the last step. `held`: what holds it, or
    why it is paused; `words` says all of that in one line. `frozen`: why all raises are, or "".
    """

    name: str
    features: tuple[str, ...]
    phase: str
    percent: int | float
    next: int | float | None
    since: str | None
    approved: bool
    held: tuple[str, ...]
    words: str
    frozen: str
    steps: tuple[PlanStepView, ...]


class FreezeAnswer(msgspec.Struct, frozen=True):
    """Whether all raises are frozen now, and why."""

    frozen: str


class WorkerStatus(msgspec.Struct, frozen=True):
    """One live worker. `age_seconds`: since it last confirmed its state. `current`: it has the newest one."""

    worker: str
    pid: int
    revision: int
    age_seconds: float
    current: bool


class MachineView(msgspec.Struct, frozen=True):
    """One of the machines that share what is in force, as it says of itself. `here`: the one that was asked.
    `version`: of what is shared, in force on all its workers; `current`: that is the newest one. `have` of
    its `workers` have its newest state; the last change took `seconds` from when it was heard of to the last
    worker. `state_age_seconds`: since it last knew that its state is the newest, null when it never did.
    `heard_seconds`: since it said so; `silent`: longer than five.
    """

    machine: str
    here: bool
    version: int
    current: bool
    workers: int
    have: int
    seconds: float
    state_age_seconds: float | None
    heard_seconds: float
    silent: bool


class ShadowProcessView(msgspec.Struct, frozen=True):
    """One shadow process that takes exchanges from the shared streams, as it says of itself. `under_way`:
    exchanges it has read and not settled; `sample_percent`: the lowest of its shards; `not_kept`: findings it
    could not store.
    """

    machine: str
    pid: int
    shards: int = 0
    under_way: int = 0
    settled: int = 0
    sample_percent: float = 100.0
    not_kept: int = 0


class SharedShadowStatus(msgspec.Struct, frozen=True):
    """The shadow that several machines share. `problem`: why it cannot be seen now, else empty; then the rest
    is `age_seconds` old. `held` of the `shards` are worked on; `waiting` entries, the oldest for
    `oldest_seconds`, take `bytes`; `refused`: exchanges that there was no room for; `gateways`: those whose
    books are added up.
    """

    problem: str = ""
    age_seconds: float | None = None
    shards: int = 0
    held: int = 0
    waiting: int = 0
    oldest_seconds: float = 0.0
    bytes: int = 0
    refused: int = 0
    processes: tuple[ShadowProcessView, ...] = ()
    gateways: int = 1


class Status(msgspec.Struct, frozen=True):
    """The whole gateway at a glance. `warnings` are sentences for a person. `source`: who says the dials.
    `shared`: how what several machines share is; null on one that stands alone.
    `frozen`: why no dial may be raised, "" when one may.
    `shadow`: the shadow that several machines share; null where they share none.
    `machines`: those that share what is in force, this one first; empty on one that stands alone.
    """

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
    shared: SourceView | None = None
    frozen: str = ""
    shadow: SharedShadowStatus | None = None
    machines: tuple[MachineView, ...] = ()


class ForceAnswer(msgspec.Struct, frozen=True):
    """What a tester sends: `header` is the whole line, `value` what stands behind its colon. `feature` null
    is every feature.
    """

    header: str
    value: str
    side: str
    feature: str | None
    until: str
    by: str


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


class PastDecision(msgspec.Struct, frozen=True):
    """A request that is over: which side answered, and why it was asked. `fell_back`: the new side was asked
    first. `key_matches` null where no key was asked about; the key itself is not kept. `status` 0: its client
    left.
    """

    time: str
    request: str
    method: str
    feature: str | None
    route: str | None
    side: str
    cause: str
    key_hash: str | None
    key_source: str | None
    key_matches: bool | None
    position: int | float | None
    percent: int | float | None
    revision: int
    worker: str
    status: int
    fell_back: bool


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
    `gateways`: how many share the shadow; the numbers are those of all of them.
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
    gateways: int = 1


class FeatureReport(msgspec.Struct, frozen=True):
    """The A/B report of one feature. `verdict`: ready or not_ready, with every reason that holds it.

    `outcome` is the judge's: pass, hold or fail, over the evidence of this `step` (since the dial last
    moved), and `guards` what each guard says. `legacy`, `new` and `shadow` count everything since `since`.
    """

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
    outcome: str = "hold"
    guards: tuple[GuardView, ...] = ()
    step_since: str = ""
