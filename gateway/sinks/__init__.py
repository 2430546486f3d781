"""Where events go: counters and histograms kept by each process, and structured lines for people and
machines.

- ``counters``  the totals of one worker, as a report for the control process
- ``decisions`` which requests are told of, for who asks later
- ``evidence``  what the judge needs of one process: totals by side, samples of users
- ``log``       one JSON object per line on standard error
"""

from gateway.sinks.counters import WorkerCounters
from gateway.sinks.decisions import DecisionSamples
from gateway.sinks.evidence import DifferingUsers, EvidenceCounters
from gateway.sinks.log import configure_logging, log_event

__all__ = [
    "DecisionSamples",
    "DifferingUsers",
    "EvidenceCounters",
    "WorkerCounters",
    "configure_logging",
    "log_event",
]
