"""What can go wrong with the state of the flags. It must not know who asks: each message is one sentence for
a person.

FlagsError
├── StateError
│   ├── StateCorrupt       the state file and the one before it cannot be believed
│   ├── StateUnwritable    a file of the state folder could not be written (or, for the ledger, locked)
│   ├── LedgerDamaged      the ledger lacks entries that it had
│   └── RevisionNotNewer   a state or a snapshot is not newer than the one it would replace
├── PageError
│   ├── PageMissing        no usable page file here
│   ├── PageCorrupt        a snapshot buffer does not match its checksum
│   ├── PageFull           more features, workers or bytes than the page has room for
│   ├── LatchMoved         somebody has rolled back since the one who restores looked
│   └── PageBusy           another process has held the page's lock for too long (never raised by a latch)
├── RaisesFrozen           a dial would be raised while all raises are frozen
├── PlanMoved              a plan is not as it was when somebody decided about it
├── DialMoved              a dial is not where it was when somebody decided about it
├── MovedInPart            of several dials that belong together some were moved; the cause says why not all
├── SourceUnwritable       another source of dials did not take a change
└── UnknownFeature         carries `.feature` and `.known`
"""

from __future__ import annotations

__all__ = [
    "DialMoved",
    "FlagsError",
    "LatchMoved",
    "LedgerDamaged",
    "MovedInPart",
    "PageBusy",
    "PageCorrupt",
    "PageError",
    "PageFull",
    "PageMissing",
    "PlanMoved",
    "RaisesFrozen",
    "RevisionNotNewer",
    "SourceUnwritable",
    "StateCorrupt",
    "StateError",
    "StateUnwritable",
    "UnknownFeature",
]


class FlagsError(Exception):
    """Root of the tree; `str()` is one sentence."""


class StateError(FlagsError):
    """Something about the persistent state."""


class StateCorrupt(StateError):
    """Neither the state file nor the one before it can be believed; the sentence says which file and what to
    do.
    """


class StateUnwritable(StateError):
    """A file of the state folder could not be written; nothing was changed."""


class LedgerDamaged(StateError):
    """Entries that were written are missing; the sentence says which and what to do."""


class RevisionNotNewer(StateError):
    """The revision offered is not above the one in force; read again and try again."""


class PageError(FlagsError):
    """Something about the shared page."""


class PageMissing(PageError):
    """There is no page file, or it is not one of ours, or it is cut short."""


class PageCorrupt(PageError):
    """The active snapshot does not match its checksum; keep the last good one."""


class PageFull(PageError):
    """No room left for another feature, worker or byte."""


class LatchMoved(PageError):
    """The latch does not stand where it was seen; nothing was changed."""


class PageBusy(PageError):
    """The page's lock could not be had in time; nothing was changed."""


class RaisesFrozen(FlagsError):
    """All raises are frozen; the sentence says why. Nothing was changed."""


class PlanMoved(FlagsError):
    """The plan has changed since it was looked at; nothing was changed."""


class DialMoved(FlagsError):
    """The dial has moved since it was looked at; nothing was changed."""


class MovedInPart(FlagsError):
    """A source that takes one dial at a time took some of those that belong together. Its cause says why not
    all."""


class SourceUnwritable(FlagsError):
    """Another source of dials did not take a change, or not wholly; the sentence says what it said."""


class UnknownFeature(FlagsError):
    """No such feature; `.feature` is the name asked for, `.known` the names there are, sorted."""

    def __init__(self, feature: str, known: tuple[str, ...]) -> None:
        self.feature = feature
        self.known = known
        listed = ", ".join(known) if known else "none is configured"
        super().__init__(f"There is no feature {feature!r}; known features: {listed}.")
