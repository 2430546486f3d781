"""What becomes of features by a plan or a guard, as lines of the log with fields that a program can read."""

from __future__ import annotations

import logging

__all__ = ["log_moved"]

_LOG = logging.getLogger("banyan.control")


def log_moved(event: str, features: tuple[str, ...], reason: str, level: int = logging.WARNING) -> None:
    """One line for all of them; `event` is a word from the code."""
    fields = {"event": event, "features": features}
    _LOG.log(level, "%s: %s", ", ".join(features), reason, extra={"banyan_fields": fields})
