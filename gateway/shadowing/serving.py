"""Which workers of this machine may serve requests: those that have a row in the state page, which is claimed
before the first request and given back after the last."""

from __future__ import annotations

from pathlib import Path

from flags import PAGE_NAME, FlagsError, StatePage


class ServingWorkers:
    """Reads the page in ``state``, also when it is replaced."""

    def __init__(self, state: Path) -> None:
        self._path = state / PAGE_NAME
        self._page: StatePage | None = None

    def __call__(self) -> set[int] | None:
        """Their processes; None when there is no page to tell."""
        try:
            page = self._current()
            return {row.pid for row in page.all_rows()}
        except FlagsError:
            return None

    def _current(self) -> StatePage:
        page = self._page
        if page is None or not (page.is_at(self._path) and page.is_whole()):
            if page is not None:
                page.close()
                self._page = None
            page = self._page = StatePage.open(self._path)
        return page
