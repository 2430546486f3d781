"""The keys of each `[[feature]]`: its routes, dial, shadow, guards, plan and breaker."""

from __future__ import annotations

from gateway.config.key import COUNT, REQUIRED, TIME, WINDOW, Key
from gateway.config.kinds import (
    CHANCE,
    FACTOR,
    FEATURE_NAME,
    JOURNEY_NAME,
    PATTERNS,
    PERCENT,
    RATE,
    choice,
    duration,
    integer,
)
from gateway.config.plan_steps import HOLD, PLAN_STEPS

__all__ = ["FEATURE"]

FEATURE = (
    Key(
        "feature[].name",
        FEATURE_NAME,
        REQUIRED,
        "The feature's name, in commands, metrics and the hash of the position.",
    ),
    Key(
        "feature[].match",
        PATTERNS,
        [],
        "What belongs to it: an optional method, then a path with {name} and a final *.",
    ),
    Key("feature[].percent", PERCENT, 0, "The first dial; afterwards the live state rules."),
    Key(
        "feature[].fallback",
        choice("off", "safe", "idempotency-key"),
        "safe",
        "When the new side fails: never ask legacy; for safe methods; "
        "also for requests with an idempotency key.",
    ),
    Key("feature[].shadow.percent", PERCENT, 100, "Share of the exchanges that the other side is asked too."),
    Key(
        "feature[].shadow.direction",
        choice("both", "legacy-to-new", "new-to-legacy"),
        "both",
        "Whose answers are compared: legacy's with the new side's, the new side's with legacy's, or both.",
    ),
    Key(
        "feature[].shadow.writes",
        choice("skip", "isolated"),
        "skip",
        "Unsafe requests: not shadowed, or the other side is isolated.",
    ),
    Key(
        "feature[].move",
        choice("at-once", "new-sessions"),
        "at-once",
        "Whom a raise takes: everybody below the new dial, or only sessions that begin after it.",
    ),
    Key(
        "feature[].guard.max_error_rate",
        RATE,
        0.001,
        "Highest share of requests the new side failed: its 5xx answers, those it broke off, and fallbacks.",
    ),
    Key(
        "feature[].guard.max_p95", TIME, "200ms", "Highest 95th percentile of the new side's time to answer."
    ),
    Key(
        "feature[].guard.max_p95_ratio",
        FACTOR,
        1.1,
        "How many times legacy's 95th percentile the new side's may be, once both have min_samples.",
    ),
    Key("feature[].guard.max_mismatch_rate", RATE, 0.001, "Highest share of compared exchanges that differ."),
    Key(
        "feature[].guard.min_samples",
        integer(1, 1_000_000_000),
        500,
        "Fewest samples for a verdict; below, hold.",
    ),
    Key(
        "feature[].guard.on_failure",
        choice("rollback", "hold"),
        "rollback",
        "When a guard is proven broken with users on the new side: take the feature back, or only say so.",
    ),
    Key(
        "feature[].guard.window",
        duration("1s", "24h"),
        "1h",
        "In this time one user's errors count once; with each one the judge also looks afresh.",
    ),
    Key(
        "feature[].guard.alpha",
        CHANCE,
        0.01,
        "The chance that a feature within all limits and as good as legacy is ever failed: docs/judge.md.",
    ),
    Key(
        "feature[].guard.beta",
        CHANCE,
        0.05,
        "The chance that the mismatch rate is taken to be within its limit although it is not.",
    ),
    Key(
        "feature[].plan.steps",
        PLAN_STEPS,
        [],
        "What its dial climbs, rising: percentages, or tables with percent, hold, samples and person.",
    ),
    Key(
        "feature[].plan.hold",
        HOLD,
        "1h",
        "How long each step lasts at least, where it does not say so itself.",
    ),
    Key(
        "feature[].plan.samples",
        integer(0, 1_000_000_000),
        0,
        "Fewest requests of the new side at each step, beside what the guard wants; at 0 %, comparisons.",
    ),
    Key(
        "feature[].plan.journey",
        JOURNEY_NAME,
        "",
        "Features with the same one, and the same steps, climb together; a broken guard takes them all back.",
    ),
    Key(
        "feature[].breaker.failures",
        integer(1, 1_000_000),
        5,
        "Failures of the new side in a row that open the breaker.",
    ),
    Key(
        "feature[].breaker.open",
        TIME,
        "10s",
        "How long it stays open before one request is tried; longer when it opens again soon after.",
    ),
    Key(
        "feature[].breaker.failure_rate",
        RATE,
        0.5,
        "It also opens when more than this share of the requests failed; 1 for never.",
    ),
    Key(
        "feature[].breaker.min_requests",
        COUNT,
        20,
        "Fewest requests within window for failure_rate to count.",
    ),
    Key("feature[].breaker.window", WINDOW, "10s", "Time over which failure_rate is measured."),
    Key(
        "feature[].breaker.ramp",
        duration("0s", "1h"),
        "10s",
        "How long users take to come back, a tenth, a quarter, a half of them, when the tried request was "
        "answered.",
    ),
)
