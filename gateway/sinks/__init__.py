"""Where events go: counters and histograms kept by each process, and structured lines for people and
machines.

- ``counters``  the totals of one worker, as a report for the control process
- ``log``       one JSON object per line on standard error
"""

from gateway.sinks.counters import WorkerCounters
from gateway.sinks.log import configure_logging, log_event

__all__ = ["WorkerCounters", "configure_logging", "log_event"]
