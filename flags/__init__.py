"""Who gets the new side: features, dials, latches, and the memory in which processes share them.

The map, in the order data takes:

    state_file   StateFile, StoredState      the truth on the disk: checksummed, replaced atomically
    opening      open_state                  file, surviving page and seeds brought to one state at start
    page         StatePage                   shared memory: stamp, latches, dials, workers' rows
                 layout: numbers; page_file: making, mapping, locking; slots: names, latches; rows: workers
    snapshot     FlagSnapshot, FeatureState  what a worker reads from the page when the stamp has moved
    live         LiveFlags                   the snapshot that one worker decides by
    plan         consider → Move             whether a plan takes its next step now: pure
    position     position                    where a sticky key falls, 0…9999
    evaluation   evaluate → Evaluation       what the dial says about that key: pure, for every request
    rule         Rule, Context               what may decide in its place, and what that is told
    ledger       Ledger, Entry, Head         who changed what, why; chain: its hashes and seals; tail: its end
    actors       AUTOMATIC, NO_PERSON        who in the ledger is no person
    secret_file  SecretFile                  a key of this machine, for its owner alone
    whole_file   replace_whole, …            files that are replaced or made in one step
    percent      to_hundredths, …            percentages are whole hundredths everywhere
    judge        weigh → Judgement           whether the evidence lets a dial go on: a package of its own
    sources      SourceView, Wanted, Said    how another source of dials is, and what it wants
    secret       Secret                      where a token or a password is
    last_good    LastGood                    what a source said last, on the disk
    providers    (not offered here)          other sources of dials; named only where a process is wired up

A change goes to the ledger and the file at once, then to the page; a rollback goes page first. It knows
nothing of the gateway, shadow or golden.
"""

from flags.actors import AUTOMATIC, BY_GUARD, BY_PLAN, NO_PERSON
from flags.chain import readable
from flags.errors import (
    DialMoved,
    FlagsError,
    LatchMoved,
    LedgerDamaged,
    MovedInPart,
    PageBusy,
    PageCorrupt,
    PageError,
    PageFull,
    PageMissing,
    PlanMoved,
    RaisesFrozen,
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
from flags.ledger import DIRECT, Entry, Head, Ledger
from flags.live import LiveFlags
from flags.opening import PAGE_NAME, OpenedState, open_state, snapshot_of
from flags.page import StatePage, revision_of
from flags.percent import FULL, format_percent, to_hundredths
from flags.plan import (
    Act,
    Move,
    Phase,
    PlanState,
    PlanStep,
    Standing,
    consider,
    plan_words,
    step_after,
    step_at,
)
from flags.position import POSITIONS, position
from flags.rows import FRESH, WorkerRow
from flags.rule import Context, Rule
from flags.secret import Secret, SecretMissing
from flags.secret_file import SecretFile
from flags.snapshot import FeatureState, FlagSnapshot
from flags.sources import Said, SourceView, Wanted
from flags.state_file import StateFile, StoredState
from flags.whole_file import make_private, replace_private, replace_whole

__all__ = [
    "AUTOMATIC",
    "BY_GUARD",
    "BY_PLAN",
    "DIRECT",
    "FRESH",
    "FULL",
    "NO_PERSON",
    "PAGE_NAME",
    "POSITIONS",
    "WINDOW_SECONDS",
    "Act",
    "Context",
    "DialMoved",
    "Entry",
    "Evaluation",
    "EvidenceHistory",
    "EvidenceWindow",
    "FeatureState",
    "Finding",
    "FlagSnapshot",
    "FlagsError",
    "GuardLimits",
    "Head",
    "Judgement",
    "LatchMoved",
    "Ledger",
    "LedgerDamaged",
    "LiveFlags",
    "Move",
    "MovedInPart",
    "OpenedState",
    "Outcome",
    "PageBusy",
    "PageCorrupt",
    "PageError",
    "PageFull",
    "PageMissing",
    "Phase",
    "PlanMoved",
    "PlanState",
    "PlanStep",
    "RaisesFrozen",
    "RevisionNotNewer",
    "Rule",
    "Said",
    "Secret",
    "SecretFile",
    "SecretMissing",
    "Seen",
    "SideCounts",
    "SourceUnwritable",
    "SourceView",
    "Standing",
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
    "consider",
    "evaluate",
    "format_percent",
    "make_private",
    "open_state",
    "plan_words",
    "position",
    "readable",
    "replace_private",
    "replace_whole",
    "revision_of",
    "snapshot_of",
    "step_after",
    "step_at",
    "to_hundredths",
    "user_mark",
    "weigh",
]
