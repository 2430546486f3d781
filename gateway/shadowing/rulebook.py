"""The rules in force: read again when their file changes; a file that is wrong, or gone, is reported and
changes nothing."""

from __future__ import annotations

import logging
from datetime import date
from pathlib import Path

from shadow import DEFAULT_RULES, Rules, RulesError, load_rules

_log = logging.getLogger("banyan.shadow")


class RuleBook:
    """``rules`` are those that hold now. ``unknown``: there is a file that was never right so far, and nobody
    knows what it is to excuse.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self.rules: Rules = DEFAULT_RULES
        self.unknown = False
        self.refresh(at_start=True)

    def refresh(self, *, at_start: bool = False) -> bool:
        """Look at the file; whether other rules hold now."""
        stamp = self._look()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        if stamp is None:  # to let go of all rules takes an empty file
            _log.error("the rules file %s cannot be read; what held so far stays in force", self._path)
            return False
        try:
            self.rules = load_rules(self._path)
        except RulesError as error:
            self.unknown = self.unknown or at_start
            if self.unknown:
                _log.error("there are no rules to go by, so nothing is called a mismatch: %s", error)
            else:
                _log.error("the rules are not taken over, the old ones stay in force: %s", error)
            return False
        self.unknown = False
        return True

    def warn(self, today: date) -> None:
        """Say which rules no longer do what their author meant."""
        for problem in self.rules.problems(today):
            _log.warning("%s", problem)

    def _look(self) -> tuple[int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size
