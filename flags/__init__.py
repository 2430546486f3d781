"""Who gets the new side: features, dials, latches, and the memory in which processes share them.

The map, in the order data takes:

    state_file   StateFile, StoredState      the truth on the disk: checksummed, replaced atomically
    opening      open_state                  file, surviving page and seeds brought to one state at start
    page         StatePage                   shared memory: stamp, latches, dials, workers' rows
                 layout: numbers; page_file: making, mapping, locking; slots: names, latches; rows: workers
    snapshot     FlagSnapshot, FeatureState  what a worker reads from the page when the stamp has moved
    live         LiveFlags                   the snapshot that one worker decides by
    position     position                    where a sticky key falls, 0…9999
    evaluation   evaluate → Evaluation       what the dial says about that key: pure, for every request
    rule         Rule, Context               what may decide in its place, and what that is told
    ledger       Ledger, Entry               who changed what, why; hash chain
    percent      to_hundredths, …            percentages are whole hundredths everywhere
    judge        weigh → Judgement           whether the evidence lets a dial go on: a package of its own
    sources      SourceView, Wanted          how another source of dials is, and what it wants
    providers    (not offered here)          other sources of dials; named only where a process is wired up

A change goes to the ledger and the file at once, then to the page; a rollback goes page first. It knows
nothing of the gateway, shadow or golden.
"""

from flags.errors import (
    FlagsError,
    LatchMoved,
    LedgerDamaged,
    PageBusy,
    PageCorrupt,
    PageError,
    PageFull,
    PageMissing,
    RevisionNotNewer,
    SourceUnwritable,
    StateCorrupt,
    StateError,
    StateUnwritable,
    UnknownFeature,
)
from flags.evaluation import Evaluation, evaluate
from flags.judge import (
    WINDOW_SECONDS,
    EvidenceHistory,
    EvidenceWindow,
    Finding,
    GuardLimits,
    Judgement,
    Outcome,
    Seen,
    SideCounts,
    Totals,
    UserRecorder,
    UserSample,
    user_mark,
    weigh,
)
from flags.ledger import DIRECT, Entry, Ledger
from flags.live import LiveFlags
from flags.opening import PAGE_NAME, OpenedState, open_state, snapshot_of
from flags.page import StatePage, revision_of
from flags.percent import FULL, format_percent, to_hundredths
from flags.position import POSITIONS, position
from flags.rows import FRESH, WorkerRow
from flags.rule import Context, Rule
from flags.snapshot import NO_FEATURE, FeatureState, FlagSnapshot
from flags.sources import SourceView, Wanted
from flags.state_file import StateFile, StoredState

__all__ = [
    "DIRECT",
    "FRESH",
    "FULL",
    "NO_FEATURE",
    "PAGE_NAME",
    "POSITIONS",
    "WINDOW_SECONDS",
    "Context",
    "Entry",
    "Evaluation",
    "EvidenceHistory",
    "EvidenceWindow",
    "FeatureState",
    "Finding",
    "FlagSnapshot",
    "FlagsError",
    "GuardLimits",
    "Judgement",
    "LatchMoved",
    "Ledger",
    "LedgerDamaged",
    "LiveFlags",
    "OpenedState",
    "Outcome",
    "PageBusy",
    "PageCorrupt",
    "PageError",
    "PageFull",
    "PageMissing",
    "RevisionNotNewer",
    "Rule",
    "Seen",
    "SideCounts",
    "SourceUnwritable",
    "SourceView",
    "StateCorrupt",
    "StateError",
    "StateFile",
    "StatePage",
    "StateUnwritable",
    "StoredState",
    "Totals",
    "UnknownFeature",
    "UserRecorder",
    "UserSample",
    "Wanted",
    "WorkerRow",
    "evaluate",
    "format_percent",
    "open_state",
    "position",
    "revision_of",
    "snapshot_of",
    "to_hundredths",
    "user_mark",
    "weigh",
]
