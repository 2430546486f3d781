"""What the control desk answers instead of doing as asked; each is one sentence for a person, and knows
no HTTP.

ControlError
├── Refused             the answer is no: nothing was changed
│   ├── NoSuchFeature   carries the names there are
│   ├── NoSuchPlan      carries the names there are
│   ├── NotFound        no such thing to show
│   ├── Overtaken       somebody did the opposite at the same time
│   └── Invalid         `.field` and what was expected there
└── Unavailable         it could not be done or told now: a disk, a store
"""

from __future__ import annotations

__all__ = [
    "ControlError",
    "Invalid",
    "NoSuchFeature",
    "NoSuchPlan",
    "NotFound",
    "Overtaken",
    "Refused",
    "Unavailable",
]


class ControlError(Exception):
    """Root of the tree; `str()` is one sentence."""


class Refused(ControlError):
    """The answer is no."""


class NoSuchFeature(Refused):
    """`.feature` is the name asked for, `.known` the names there are."""

    def __init__(self, feature: str, known: tuple[str, ...]) -> None:
        self.feature = feature
        self.known = known
        listed = ", ".join(known) if known else "none is configured"
        super().__init__(f"There is no feature {feature!r}; known features: {listed}.")


class NoSuchPlan(Refused):
    """`.name` is the name asked for, `.known` the names there are."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        self.name = name
        self.known = known
        listed = ", ".join(known) if known else "none is configured (feature.plan.steps)"
        super().__init__(f"There is no plan {name!r}; plans: {listed}.")


class NotFound(Refused):
    """There is nothing of that name or number."""


class Overtaken(Refused):
    """Somebody did the opposite at the same time, and that holds."""


class Invalid(Refused):
    """A value that cannot be meant; `.field` names it."""

    def __init__(self, field: str, expected: str) -> None:
        self.field = field
        super().__init__(f"{field}: expected {expected}.")


class Unavailable(ControlError):
    """Something that this needs does not work now; the sentence says what."""
