"""The control desk: everything an operator may ask or do, without HTTP; wired up by the control process.

Told which page, files, board and result store to use; it opens none of them, and knows no port.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from flags import (
    Entry,
    FlagsError,
    FlagSnapshot,
    Head,
    Ledger,
    PageCorrupt,
    SecretFile,
    SourceView,
    StatePage,
    StateUnwritable,
)
from gateway.control.ab_report import feature_report
from gateway.control.answers import (
    DialAnswer,
    Elsewhere,
    Explanation,
    FeatureReport,
    LatchAnswer,
    PendingDial,
    Status,
)
from gateway.control.approvals import Approvals, Only
from gateway.control.board import MetricsBoard
from gateway.control.errors import Invalid, NoSuchFeature, Unavailable
from gateway.control.evidence_book import EvidenceBook
from gateway.control.explanation import Sent, explain
from gateway.control.findings import FindingsDesk
from gateway.control.following import Follower
from gateway.control.gauges import GaugeRow, judging_gauges, own_gauges
from gateway.control.judging import JudgeDesk
from gateway.control.machines import Machines
from gateway.control.past import PastDecisions
from gateway.control.planning import PlanDesk
from gateway.control.shared_shadow import SharedShadow
from gateway.control.sharing import Sharing
from gateway.control.status import breaker_word, build_status
from gateway.control.switch import Switch
from gateway.control.telling import Teller
from gateway.control.testers import Testers
from shadow import Results

if TYPE_CHECKING:
    from gateway.config import Config, Feature

__all__ = ["ControlService"]


class Alerting(Protocol):
    """Tells people, as `gateway.alerts` does."""

    async def test(self, actor: str) -> list[dict[str, Any]]: ...

    def warnings(self) -> tuple[str, ...]: ...


class ControlService:
    """Everything behind the admin API. `started_at`: when the counting began. `follower`: of the source in
    charge, where that is not this machine; `sharing`: with other machines; `compiled` gives features that
    source's rules, as in a worker. `shadow`: the one that several machines share, if they do; `machines`:
    those that share what is in force.
    """

    def __init__(
        self,
        *,
        config: Config,
        page: StatePage,
        switch: Switch,
        ledger: Ledger,
        board: MetricsBoard,
        book: EvidenceBook,
        results: Results,
        started_at: datetime,
        force_key: SecretFile,
        past: PastDecisions,
        follower: Follower | None = None,
        sharing: Sharing | None = None,
        alerts: Alerting | None = None,
        teller: Teller | None = None,
        compiled: Callable[[FlagSnapshot], FlagSnapshot] | None = None,
        shadow: SharedShadow | None = None,
        machines: Machines | None = None,
    ) -> None:
        self._config = config
        self._page = page
        self._steady: tuple[tuple[StatePage, bytes], FlagSnapshot] | None = None
        self._switch = switch
        self._ledger = ledger
        self._board = board
        self._book = book
        self._judge = JudgeDesk(book)
        self.plans = PlanDesk(
            config=lambda: self._config,
            snapshot=self._steady_snapshot,
            switch=switch,
            book=book,
            judge=self._judge,
            clock=time.time,
        )
        self.findings = FindingsDesk(results, ledger, lambda: self._config)
        self.testers = Testers(force_key, ledger, lambda: self._config, time.time)
        self.past = past
        self.approvals = Approvals(ledger, lambda: self._config, self._percent_of, self._move)
        self._started_at = started_at.astimezone(UTC).isoformat(timespec="seconds")
        self._warnings: tuple[str, ...] = ()
        self._follower = follower
        self._sharing = sharing
        self._alerts = alerts
        self._teller = teller
        self._compiled = compiled
        self._shadow = shadow
        self._machines = machines

    # --- changing ---------------------------------------------------------------------------------

    async def dial(
        self, feature: str, percent: object, *, reason: str, actor: str, token: str = ""
    ) -> DialAnswer | PendingDial:
        """Move a dial; see `Switch.dial`. The evidence of the moment goes into the ledger with it. Where that
        needs a second person, it is only asked. `token`: the name of the one that vouches for the actor.
        """
        self._feature(feature)
        if self.approvals.needed(feature, percent):
            return await self.approvals.ask(feature, percent, reason=reason, actor=actor, token=token)
        only = self.approvals.one_person(feature, percent)
        return await self._dial(feature, percent, reason, actor, self._evidence_of(feature), only)

    async def rollback(self, feature: str | None, *, reason: str, actor: str) -> LatchAnswer:
        """Take a feature, or everything, back; see `Switch.rollback`."""
        if self._machines is None:
            return await self._switch.rollback(feature, reason=reason, actor=actor)
        asked = time.monotonic()
        # It holds here before anybody looks at the others, who are looked at while a disk may hang.
        here = asyncio.create_task(self._switch.rollback(feature, reason=reason, actor=actor))
        there = asyncio.create_task(self._machines.after_rollback(asked))
        try:
            done = await here
            return msgspec.structs.replace(done, elsewhere=await there)
        finally:
            there.cancel()

    def write_down(self, entry: Entry) -> None:
        """Something that was changed elsewhere, into the ledger. Raises Unavailable."""
        try:
            self._ledger.append(entry)
        except FlagsError as error:
            raise Unavailable(str(error)) from error

    async def restore(self, feature: str | None, *, reason: str, actor: str) -> LatchAnswer:
        """Clear a latch; see `Switch.restore`. Its plans are paused, so that nobody but a person goes on."""
        asked = time.monotonic()
        await self.plans.rolled_back(feature)
        done = await self._switch.restore(feature, reason=reason, actor=actor)
        return msgspec.structs.replace(done, elsewhere=await self._elsewhere(asked))

    async def renew(self, feature: str, *, reason: str, actor: str) -> FeatureReport:
        """Begin the evidence of a feature anew → its report."""
        self._feature(feature)
        await self.plans.renew(feature, reason=reason, actor=actor)
        return self.report(feature)

    def reload(self, config: Config) -> None:
        """Go on with a new configuration; the page lists its features already."""
        self._config = config

    async def test_alerts(self, actor: str) -> list[dict[str, Any]]:
        """Send one alert on every channel now → what became of each."""
        return await self._alerts.test(actor) if self._alerts else []

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
            self._judge,
            self._snapshot(),
            started_at=self._started_at,
            rollback_seconds=self._switch.rollback_seconds,
            warnings=self._all_warnings(),
            source=self._source(),
            shared=self._sharing.view() if self._sharing else None,
            plans=self.plans.views.words(),
            frozen=self.plans.views.frozen(),
            shadow=self._shadow.status() if self._shadow else None,
            machines=self._machines.views() if self._machines else (),
        )

    def explain(self, method: str, target: str, key: str | None, sent: Sent | None = None) -> Explanation:
        """Why a request goes where it goes."""
        snapshot, sent = self._snapshot(), sent or Sent()
        found = explain(self._config, snapshot, "closed", method, target, key, sent)
        if found.feature is None or breaker_word(self._board, found.feature) == "closed":
            return found
        breaker = breaker_word(self._board, found.feature)
        return explain(self._config, snapshot, breaker, method, target, key, sent)

    def report(self, feature: str) -> FeatureReport:
        """The A/B report of one feature, judged against its guard."""
        return feature_report(
            self._feature(feature),
            self._snapshot(),
            self._board,
            self._judge,
            self._book.step(feature),
            since=self._started_at,
            others=self._shadow.others(feature) if self._shadow else (),
        )

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

    def ledger_problems(self, head: str = "") -> list[str]:
        """Where the ledger's chain does not hold; empty when nothing was altered. `head`: one that was kept
        elsewhere, "" for none.
        """
        kept = Head.parse(head.strip()) if head else None
        if head and kept is None:
            raise Invalid("head", "a head as `banyan ledger head` prints it")
        try:
            return self._ledger.verify(begun=True, head=kept)
        except StateUnwritable as error:
            raise Unavailable(str(error)) from error
        except OSError as error:
            raise Unavailable(f"The ledger cannot be read: {error.strerror}.") from error

    def ledger_head(self) -> Head:
        """How long the ledger is, sealed."""
        try:
            return self._ledger.head()
        except StateUnwritable as error:
            raise Unavailable(str(error)) from error
        except OSError as error:
            raise Unavailable(f"The ledger cannot be read: {error.strerror}.") from error

    def ready(self) -> bool:
        """Whether as many workers are up, with a state, as were asked for."""
        return len(self._page.rows()) >= self._config.listen.workers

    def metrics(self) -> tuple[bytes, str]:
        """The text of `/metrics` and its media type."""
        # Imported here: workers import this package for the report channel and need no metrics library.
        from gateway.control.exposition import CONTENT_TYPE, exposition  # noqa: PLC0415

        snapshot, judging = None, {}
        with contextlib.suppress(Unavailable):
            snapshot = self._snapshot()
            judging = self._judging(snapshot)
        seconds = self._switch.rollback_seconds
        gauges = own_gauges(self._config, self._page, seconds, snapshot, self.views())
        shared = self._shadow.gauges() if self._shadow else {}
        return exposition(self._board, gauges | judging | shared), CONTENT_TYPE

    def views(self) -> tuple[SourceView, ...]:
        """How the source in charge is, and what is shared with other machines."""
        found = (self._source(), *([self._sharing.view()] if self._sharing else []))
        return tuple({view.name: view for view in found}.values())

    def divergence(self) -> tuple[tuple[str, str], ...]:
        """Where the source in charge says another thing than what is in force: feature and sentence."""
        return self._follower.divergence() if self._follower else ()

    # --- inside -----------------------------------------------------------------------------------

    def _judging(self, snapshot: FlagSnapshot) -> dict[str, list[GaugeRow]]:
        judged = {one.name: self._judge.judgement(one, snapshot) for one in self._config.features}
        return judging_gauges(judged, self.plans.views.all(), self.plans.views.frozen())

    def _percent_of(self, name: str) -> int:
        return self._snapshot().feature(name).percent

    async def _move(
        self, feature: str, percent: float, reason: str, actor: str, evidence: dict[str, Any], only: Only
    ) -> DialAnswer:
        found = {**(self._evidence_of(feature) or {}), **evidence}
        return await self._dial(feature, percent, reason, actor, found, only)

    async def _dial(
        self, feature: str, percent: object, reason: str, actor: str, evidence: Any, only: Only
    ) -> DialAnswer:
        asked = time.monotonic()
        done = await self._switch.dial(
            feature, percent, reason=reason, actor=actor, evidence=evidence, only=only
        )
        return msgspec.structs.replace(done, elsewhere=await self._elsewhere(asked, done.source))

    async def _elsewhere(self, asked: float, source: str = "") -> Elsewhere | None:
        """How far what was changed has come on the other machines, if there are any."""
        if self._machines is None:
            return None
        if source == "unleash":
            return Elsewhere(problem="Each machine asks Unleash itself.")
        return await self._machines.after_change(asked)

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
                "guards": msgspec.to_builtins(report.guards),
            }
        return None

    def _all_warnings(self) -> tuple[str, ...]:
        followed = self._follower.warnings() if self._follower else ()
        shared = self._sharing.warnings() if self._sharing else ()
        shadow = self._shadow.warnings() if self._shadow else ()
        told = filter(None, [self._teller.problem if self._teller else ""])
        waiting = (
            f"{one.feature}: {one.old} -> {one.new} %, asked by {one.asked_by}, waits for a second person "
            f"until {one.until} (`banyan approve {one.id}`)."
            for one in self.approvals.waiting()
        )
        untold = self._alerts.warnings() if self._alerts else ()
        return tuple(dict.fromkeys((*self._warnings, *followed, *shared, *told, *shadow, *untold, *waiting)))

    def _source(self) -> SourceView:
        return self._follower.view() if self._follower else SourceView()

    def _steady_snapshot(self) -> FlagSnapshot:
        """The same, read anew when it has changed: for who asks four times a second."""
        now = self._page, self._page.stamp()
        if self._steady is None or self._steady[0] != now:
            self._steady = now, self._snapshot()
        return self._steady[1]

    def _snapshot(self) -> FlagSnapshot:
        try:
            snapshot = self._page.read()
            return _as_dialled(self._compiled(snapshot), snapshot) if self._compiled else snapshot
        except PageCorrupt as error:
            raise Unavailable(str(error)) from error


def _as_dialled(compiled: FlagSnapshot, page: FlagSnapshot) -> FlagSnapshot:
    """What is rolled back may be switched off at its source for that very reason: its dial is the page's."""
    features = {
        name: msgspec.structs.replace(state, percent=page.feature(name).percent)
        if page.latched(name)
        else state
        for name, state in compiled.features.items()
    }
    return msgspec.structs.replace(compiled, features=features)
