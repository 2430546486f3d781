"""Who in the ledger is no person. It must not know what they do."""

from __future__ import annotations

from typing import Final

__all__ = ["AUTOMATIC", "BY_GUARD", "BY_PLAN", "NO_PERSON"]

BY_GUARD: Final = "banyan (guard)"
BY_PLAN: Final = "banyan (plan)"
AUTOMATIC: Final = frozenset({BY_GUARD, BY_PLAN})
"""What the gateway does by itself."""
NO_PERSON: Final = AUTOMATIC | {"machine"}
"""A person who says such a name is never called by it alone."""
