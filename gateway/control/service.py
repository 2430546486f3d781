"""The control desk: everything an operator may ask or do, without HTTP; wired up by the control process.

Told which page, files, board and result store to use; it opens none of them, and knows no port.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from flags import Entry, FlagSnapshot, Ledger, PageCorrupt, SourceView, StatePage
from gateway.control.ab_report import feature_report
from gateway.control.answers import DialAnswer, Explanation, FeatureReport, LatchAnswer, Status
from gateway.control.board import MetricsBoard
from gateway.control.errors import NoSuchFeature, Unavailable
from gateway.control.explanation import explain
from gateway.control.findings import FindingsDesk
from gateway.control.following import Follower
from gateway.control.gauges import own_gauges
from gateway.control.status import breaker_word, build_status
from gateway.control.switch import Switch
from shadow import ResultStore

if TYPE_CHECKING:
    from gateway.config import Config, Feature

__all__ = ["ControlService"]


class ControlService:
    """Everything behind the admin API. `started_at`: when the counting began. `follower`: of the source in
    charge, where that is not this machine; `compiled` gives features that source's rules, as in a worker.
    """

    def __init__(
        self,
        *,
        config: Config,
        page: StatePage,
        switch: Switch,
        ledger: Ledger,
        board: MetricsBoard,
        results: ResultStore,
        started_at: datetime,
        follower: Follower | None = None,
        compiled: Callable[[FlagSnapshot], FlagSnapshot] | None = None,
    ) -> None:
        self._config = config
        self._page = page
        self._switch = switch
        self._ledger = ledger
        self._board = board
        self.findings = FindingsDesk(results, ledger, lambda: self._config)
        self._started_at = started_at.astimezone(UTC).isoformat(timespec="seconds")
        self._warnings: tuple[str, ...] = ()
        self._follower = follower
        self._compiled = compiled

    # --- changing ---------------------------------------------------------------------------------

    async def dial(self, feature: str, percent: object, *, reason: str, actor: str) -> DialAnswer:
        """Move a dial; see `Switch.dial`. The evidence of the moment goes into the ledger with it."""
        evidence = self._evidence_of(feature)
        return await self._switch.dial(feature, percent, reason=reason, actor=actor, evidence=evidence)

    async def rollback(self, feature: str | None, *, reason: str, actor: str) -> LatchAnswer:
        """Take a feature, or everything, back; see `Switch.rollback`."""
        return await self._switch.rollback(feature, reason=reason, actor=actor)

    async def restore(self, feature: str | None, *, reason: str, actor: str) -> LatchAnswer:
        """Clear a latch; see `Switch.restore`."""
        return await self._switch.restore(feature, reason=reason, actor=actor)

    def reload(self, config: Config) -> None:
        """Go on with a new configuration; the page lists its features already."""
        self._config = config

    def warn(self, warnings: tuple[str, ...]) -> None:
        """What `status` says is wrong now, a sentence each."""
        self._warnings = warnings

    # --- asking -----------------------------------------------------------------------------------

    def status(self) -> Status:
        """The whole gateway at a glance."""
        return build_status(
            self._config,
            self._page,
            self._board,
            self._snapshot(),
            started_at=self._started_at,
            rollback_seconds=self._switch.rollback_seconds,
            warnings=(*self._warnings, *(self._follower.warnings() if self._follower else ())),
            source=self._source(),
        )

    def explain(self, method: str, target: str, key: str | None) -> Explanation:
        """Why a request goes where it goes."""
        snapshot = self._snapshot()
        found = explain(self._config, snapshot, "closed", method, target, key)
        if found.feature is None or breaker_word(self._board, found.feature) == "closed":
            return found
        return explain(self._config, snapshot, breaker_word(self._board, found.feature), method, target, key)

    def report(self, feature: str) -> FeatureReport:
        """The A/B report of one feature, judged against its guard."""
        return feature_report(self._feature(feature), self._snapshot(), self._board, since=self._started_at)

    def diffs(self, feature: str | None, limit: int = 50, *, examples: bool = False) -> list[dict[str, Any]]:
        """Signatures of mismatches; an empty list when nothing was ever compared."""
        if feature is not None:
            self._feature(feature)
        return self.findings.signatures(feature, limit, examples=examples)

    def noise(self, feature: str | None) -> list[dict[str, Any]]:
        """Where legacy differs from itself."""
        if feature is not None:
            self._feature(feature)
        return self.findings.noise(feature)

    def ledger(self, limit: int = 100) -> list[Entry]:
        """The last entries, newest first."""
        try:
            return self._ledger.entries(limit)
        except OSError as error:
            raise Unavailable(f"The ledger cannot be read: {error.strerror}.") from error

    def ledger_problems(self) -> list[str]:
        """Where the ledger's chain does not hold; empty when nothing was altered."""
        try:
            return self._ledger.verify(begun=True)
        except OSError as error:
            raise Unavailable(f"The ledger cannot be read: {error.strerror}.") from error

    def ready(self) -> bool:
        """Whether as many workers are up, with a state, as were asked for."""
        return len(self._page.rows()) >= self._config.listen.workers

    def metrics(self) -> tuple[bytes, str]:
        """The text of `/metrics` and its media type."""
        # Imported here: workers import this package for the report channel and need no metrics library.
        from gateway.control.exposition import CONTENT_TYPE, exposition  # noqa: PLC0415

        snapshot = None
        with contextlib.suppress(Unavailable):
            snapshot = self._snapshot()
        seconds = self._switch.rollback_seconds
        gauges = own_gauges(self._config, self._page, seconds, snapshot, self._source())
        return exposition(self._board, gauges), CONTENT_TYPE

    # --- inside -----------------------------------------------------------------------------------

    def _feature(self, name: str) -> Feature:
        for feature in self._config.features:
            if feature.name == name:
                return feature
        raise NoSuchFeature(name, tuple(sorted(feature.name for feature in self._config.features)))

    def _evidence_of(self, name: str) -> Any:
        with contextlib.suppress(NoSuchFeature, Unavailable):
            report = self.report(name)
            return {
                "verdict": report.verdict,
                "reasons": report.reasons,
                "new": msgspec.to_builtins(report.new),
            }
        return None

    def _source(self) -> SourceView:
        return self._follower.view() if self._follower else SourceView()

    def _snapshot(self) -> FlagSnapshot:
        try:
            snapshot = self._page.read()
            return self._compiled(snapshot) if self._compiled else snapshot
        except PageCorrupt as error:
            raise Unavailable(str(error)) from error
