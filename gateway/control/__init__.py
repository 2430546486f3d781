"""What the control process does, without HTTP.

In the order data takes:

- `reports`      the channel on which workers and shadow processes send their cumulative totals
- `board`        those totals, added up over all processes, dead ones included
- `accounting`   the shadow's books, which add up at any time
- `catalogue`    every metric by name; `gauges` and `exposition` turn board and page into what Prometheus
  reads
- `evidence`     the A/B report and its verdict, pure; `ab_report` gathers its numbers
- `switch`       dial, rollback, restore; `record` writes them down, `convergence` waits for the workers
- `hands`        what moves a dial: the state of this machine, or another source, told first
- `following`    keeping this machine in step with another source
- `status`       everything at a glance; `explanation` says why one request goes where it goes
- `findings`     what comparing found: signatures, samples, noise, the use of rules
- `samples`      one compared exchange, as a person reads it
- `service`      the desk: all of this as one object, for the admin API
- `answers`      what the desk answers; `errors` what it answers instead
"""

from typing import TYPE_CHECKING, Any

from gateway.control.accounting import IN_FLIGHT, ShadowBooks, bury, shadow_books
from gateway.control.answers import (
    Convergence,
    DialAnswer,
    Explanation,
    FeatureReport,
    FeatureStatus,
    LatchAnswer,
    ShadowNumbers,
    SideNumbers,
    Status,
    WorkerStatus,
    percent_number,
)
from gateway.control.board import Histogram, MetricsBoard
from gateway.control.catalogue import CATALOGUE, Metric
from gateway.control.convergence import wait_for_workers
from gateway.control.errors import (
    ControlError,
    Invalid,
    NoSuchFeature,
    NotFound,
    Overtaken,
    Refused,
    Unavailable,
)
from gateway.control.following import Follower
from gateway.control.hands import Hand, Moved, OwnHand, SourceHand
from gateway.control.record import Record
from gateway.control.reports import (
    CounterRow,
    HistogramRow,
    Report,
    ReportSender,
    ReportServer,
    gauge_key,
    incarnation,
)
from gateway.control.switch import Switch

if TYPE_CHECKING:
    from gateway.control.service import ControlService

__all__ = [
    "CATALOGUE",
    "IN_FLIGHT",
    "ControlError",
    "ControlService",
    "Convergence",
    "CounterRow",
    "DialAnswer",
    "Explanation",
    "FeatureReport",
    "FeatureStatus",
    "Follower",
    "Hand",
    "Histogram",
    "HistogramRow",
    "Invalid",
    "LatchAnswer",
    "Metric",
    "MetricsBoard",
    "Moved",
    "NoSuchFeature",
    "NotFound",
    "Overtaken",
    "OwnHand",
    "Record",
    "Refused",
    "Report",
    "ReportSender",
    "ReportServer",
    "ShadowBooks",
    "ShadowNumbers",
    "SideNumbers",
    "SourceHand",
    "Status",
    "Switch",
    "Unavailable",
    "WorkerStatus",
    "bury",
    "gauge_key",
    "incarnation",
    "percent_number",
    "shadow_books",
    "wait_for_workers",
]


def __getattr__(name: str) -> Any:
    # The desk reads stores and judges evidence; workers and a direct rollback need none of that, nor its
    # imports.
    if name == "ControlService":
        from gateway.control.service import ControlService  # noqa: PLC0415

        return ControlService
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
