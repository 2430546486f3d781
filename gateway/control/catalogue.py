"""Every metric by name: its kind, its labels, its help, and how a gauge of several processes becomes one
number.

The only place where metric names meet label names; it must not know where the numbers come from.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["CATALOGUE", "Metric"]


class Metric(NamedTuple):
    """One metric family. `kind` is counter, gauge or histogram; `merge` (sum, max or min) is for gauges
    only."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str
    merge: str = "sum"


_ALL: Final = (
    Metric(
        "banyan_requests_total",
        "counter",
        ("feature", "side", "cause", "code"),
        "Requests answered, by the side that answered and the cause of that choice.",
    ),
    Metric(
        "banyan_request_duration_seconds",
        "histogram",
        ("feature", "side"),
        "From the head of a request to the last byte of its answer.",
    ),
    Metric(
        "banyan_fallbacks_total",
        "counter",
        ("feature", "reason"),
        "Requests that the new side failed and legacy was asked for instead.",
    ),
    Metric(
        "banyan_gateway_errors_total",
        "counter",
        ("reason",),
        "Answers that the gateway itself made, apart from the applications' own.",
    ),
    Metric(
        "banyan_force_ignored_total",
        "counter",
        ("reason",),
        "Values of Banyan-Force that were not believed: unsigned or expired.",
    ),
    Metric(
        "banyan_capture_total",
        "counter",
        ("feature", "outcome"),
        "Exchanges that were eligible for the shadow, and what became of them.",
    ),
    Metric(
        "banyan_shadow_total",
        "counter",
        ("feature", "verdict"),
        "Exchanges of the shadow that came to an end, by verdict: compared, or why not.",
    ),
    Metric(
        "banyan_shadow_hung_total",
        "counter",
        (),
        "Shadow processes that hung and were replaced.",
    ),
    Metric(
        "banyan_shadow_not_kept_total",
        "counter",
        (),
        "Findings that the result store could not keep.",
    ),
    Metric(
        "banyan_shadow_given_up_total",
        "counter",
        ("work",),
        "Work of the shadow that took too long and was given up: a pair, or an explanation.",
    ),
    Metric(
        "banyan_golden_live_total",
        "counter",
        ("feature", "side", "verdict"),
        "Comparisons of live answers with the recorded truth, by verdict.",
    ),
    Metric(
        "banyan_alerts_total",
        "counter",
        ("channel", "outcome"),
        "Deliveries of alerts: sent, failed (one try), dropped (given up).",
    ),
    Metric(
        "banyan_breaker_state",
        "gauge",
        ("feature",),
        "The worst breaker of any worker: 0 closed, 1 half-open, 2 open.",
        "max",
    ),
    Metric(
        "banyan_shadow_queue",
        "gauge",
        (),
        "Exchanges that wait for the shadow, over all shadow processes.",
    ),
    Metric(
        "banyan_shadow_in_flight",
        "gauge",
        ("feature",),
        "Eligible exchanges that have come to no verdict yet.",
    ),
    Metric(
        "banyan_shadow_sample_percent",
        "gauge",
        (),
        "How much of the configured sample of sessions is taken where the shadow is busiest, 0 to 100.",
        "min",
    ),
    Metric(
        "banyan_shared_shadow_exchanges",
        "gauge",
        ("feature", "outcome"),
        "The shadow's books of all gateways that share a Redis, the same on each: not to be added up.",
    ),
    Metric(
        "banyan_stream_unreachable",
        "gauge",
        (),
        "1 when the Redis of the shared streams cannot be used by the control process, else 0.",
    ),
    Metric(
        "banyan_stream_entries",
        "gauge",
        (),
        "Entries of the shared streams that wait or are at work, over all machines.",
    ),
    Metric("banyan_stream_bytes", "gauge", (), "Bytes of these entries."),
    Metric("banyan_stream_oldest_seconds", "gauge", (), "Age of the oldest of them."),
    Metric(
        "banyan_stream_processes",
        "gauge",
        (),
        "Shadow processes that take exchanges from the shared streams, on all machines.",
    ),
    Metric(
        "banyan_stream_shards",
        "gauge",
        ("state",),
        "Shards of the shared streams: held by a shadow process, or free.",
    ),
    Metric("banyan_dial_percent", "gauge", ("feature",), "The dial of a feature, 0 to 100."),
    Metric(
        "banyan_guard_outcome",
        "gauge",
        ("feature", "guard"),
        "What the judge says of a guard: 0 pass, 1 hold, 2 fail; the same on machines that share a Redis.",
    ),
    Metric(
        "banyan_guard_samples",
        "gauge",
        ("feature", "guard"),
        "What a guard has seen since the dial last moved, on all machines that share a Redis.",
    ),
    Metric(
        "banyan_plan_phase",
        "gauge",
        ("plan", "phase"),
        "1 for how a plan stands (not_started, running, paused, done), else 0.",
    ),
    Metric(
        "banyan_plan_step",
        "gauge",
        ("plan",),
        "The step that a plan stands at, from 1; 0 below the first.",
    ),
    Metric("banyan_raises_frozen", "gauge", (), "1 while all raises are frozen, else 0."),
    Metric(
        "banyan_source_age_seconds",
        "gauge",
        ("source",),
        "Seconds since the source of the dials last confirmed what is in force; absent when it never did.",
    ),
    Metric(
        "banyan_source_alert",
        "gauge",
        ("source",),
        "1 when the source of the dials cannot be reached or believed, else 0.",
    ),
    Metric("banyan_state_revision", "gauge", ("worker",), "The revision that a worker decides by."),
    Metric(
        "banyan_state_age_seconds",
        "gauge",
        ("worker",),
        "Seconds since a worker last confirmed that its state is the current one.",
    ),
    Metric(
        "banyan_rollback_seconds", "gauge", (), "How long the last rollback took to reach the last worker."
    ),
)

CATALOGUE: Final[dict[str, Metric]] = {metric.name: metric for metric in _ALL}
