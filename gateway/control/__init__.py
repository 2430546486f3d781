"""What the control process does, without HTTP.

In the order data takes:

- `reports`      the channel on which workers and shadow processes send their cumulative totals
- `board`        those totals, added up over all processes, dead ones included
- `accounting`   the shadow's books, which add up at any time
- `catalogue`    every metric by name; `gauges` and `exposition` turn board and page into what Prometheus
  reads
- `evidence_book` the judge's evidence by feature, made of reports; `judging` has it weighed, and
  `shared_evidence` tells other machines of it
- `planning`     the desk of the plans: what a person does with one. By themselves `plan_steps` climb and
  `broken_guards` take back; `plans` decides, `plan_standings` says how they stand, `plan_views` tells it
- `evidence`     the A/B report and its verdict, pure; `ab_report` gathers its numbers
- `switch`       dial, rollback, restore; `record` writes them down, `convergence` waits for the workers
- `approvals`    a second person for a dial that goes far up
- `accord`       where plans and the freeze are kept: here, or as agreed with other machines
- `hands`        what moves a dial: the state of this machine, or another source, told first
- `following`    keeping this machine in step with another source
- `telling`      after a rollback, another source is told
- `sharing`      keeping this machine and others at one state; `machines` says how far each of them is;
  `understood` reads what others have written down
- `status`       everything at a glance; `explanation` says why one request goes where it goes
- `past`         the same for a request that is over; `decisions` keeps some of those
- `gateway_books` what one gateway writes down for the others; `shared_shadow` the shadow that they share
- `findings`     what comparing found: signatures, samples, noise, the use of rules
- `testers`      what a trusted tester is given
- `samples`      one compared exchange, as a person reads it
- `service`      the desk: all of this as one object, for the admin API
- `aside`        work that nobody waits for; `plan_log` the lines of what plans and guards have moved
- `answers`      what the desk answers; `errors` what it answers instead
"""

from typing import TYPE_CHECKING, Any

from gateway.control.accord import Accord, OwnAccord, SharedAccord
from gateway.control.accounting import IN_FLIGHT, SAMPLE, ShadowBooks, bury, shadow_books
from gateway.control.answers import (
    Convergence,
    DialAnswer,
    Elsewhere,
    Explanation,
    FeatureReport,
    FeatureStatus,
    ForceAnswer,
    FreezeAnswer,
    LatchAnswer,
    MachineView,
    PastDecision,
    PendingDial,
    PlanView,
    ShadowNumbers,
    ShadowProcessView,
    SideNumbers,
    Status,
    WorkerStatus,
)
from gateway.control.board import Histogram, MetricsBoard
from gateway.control.catalogue import CATALOGUE, Metric
from gateway.control.convergence import wait_for_workers
from gateway.control.errors import (
    ControlError,
    Invalid,
    NoSuchFeature,
    NoSuchPlan,
    NotFound,
    Overtaken,
    Refused,
    Unavailable,
)
from gateway.control.evidence_book import EvidenceBook, keep
from gateway.control.explanation import Sent
from gateway.control.following import Follower
from gateway.control.hands import Hand, InOrder, Moved, OwnHand, SharedHand, SourceHand
from gateway.control.machines import Machines
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
from gateway.control.shared_evidence import SharedEvidence
from gateway.control.shared_shadow import SharedShadow
from gateway.control.sharing import SharedSource, Sharing
from gateway.control.switch import Switch
from gateway.control.telling import Teller

if TYPE_CHECKING:
    from gateway.control.service import ControlService

__all__ = [
    "CATALOGUE",
    "IN_FLIGHT",
    "SAMPLE",
    "Accord",
    "ControlError",
    "ControlService",
    "Convergence",
    "CounterRow",
    "DialAnswer",
    "Elsewhere",
    "EvidenceBook",
    "Explanation",
    "FeatureReport",
    "FeatureStatus",
    "Follower",
    "ForceAnswer",
    "FreezeAnswer",
    "Hand",
    "Histogram",
    "HistogramRow",
    "InOrder",
    "Invalid",
    "LatchAnswer",
    "MachineView",
    "Machines",
    "Metric",
    "MetricsBoard",
    "Moved",
    "NoSuchFeature",
    "NoSuchPlan",
    "NotFound",
    "Overtaken",
    "OwnAccord",
    "OwnHand",
    "PastDecision",
    "PendingDial",
    "PlanView",
    "Record",
    "Refused",
    "Report",
    "ReportSender",
    "ReportServer",
    "Sent",
    "ShadowBooks",
    "ShadowNumbers",
    "ShadowProcessView",
    "SharedAccord",
    "SharedEvidence",
    "SharedHand",
    "SharedShadow",
    "SharedSource",
    "Sharing",
    "SideNumbers",
    "SourceHand",
    "Status",
    "Switch",
    "Teller",
    "Unavailable",
    "WorkerStatus",
    "bury",
    "gauge_key",
    "incarnation",
    "keep",
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
