"""The shadow that several machines share, as the control process of one of them sees it: the books of all
gateways, who works on what, and what waits. Redis is asked in the background; what is answered is what was
seen last.

It carries on the books of workers and gateways that have ended, until everything of theirs is settled.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final

import msgspec

from gateway.control.accounting import ShadowBooks, added_up, in_flight_of, inherited, shadow_books
from gateway.control.answers import ShadowProcessView, SharedShadowStatus
from gateway.control.board import MetricsBoard
from gateway.control.gateway_books import GatewayBooks, books_of, continued
from gateway.control.gauges import GaugeRow
from gateway.control.understood import understood
from gateway.streams.desk import Said, StreamDesk, StreamsView
from gateway.streams.trouble import RedisTrouble

__all__ = ["SharedShadow"]

_LOG = logging.getLogger("banyan.control")
_INTERVAL: Final = 0.5
_ENDED: Final = 5.0
"""Seconds of silence after which nothing more is expected of a worker."""
_GONE: Final = 10.0
"""Seconds after which a gateway that writes nothing down has ended."""
_SWEEP_EVERY: Final = 5.0


class SharedShadow:
    """`gateway`: a name that no other run of a gateway has; `features`: those that are configured;
    `ttl`: seconds for which an exchange may wait.
    """

    def __init__(
        self,
        desk: StreamDesk,
        board: MetricsBoard,
        features: list[str],
        *,
        gateway: str,
        machine: str,
        started_at: str,
        ttl: float,
    ) -> None:
        self._desk, self._board, self.features = desk, board, features
        self._gateway, self._machine, self._started_at = gateway, machine, started_at
        self._ttl = ttl
        self._others: dict[str, GatewayBooks] = {}
        self._view: StreamsView | None = None
        self._seen = 0.0
        self._swept = 0.0
        self._problem = "not asked yet"

    async def run(self) -> None:
        """Stay in touch, until cancelled."""
        while True:
            try:
                await self._look()
                if self._problem:
                    _LOG.info("the shared Redis answers")
                self._problem = ""
            except RedisTrouble as error:
                if not self._problem or self._seen == 0.0:
                    _LOG.error("what other machines found cannot be read: %s", error)
                self._problem = str(error)
                self._seen = self._seen or -1.0
            except Exception:  # noqa: BLE001 - the desk goes on without it
                _LOG.exception("what several machines share could not be brought up to date")
            await asyncio.sleep(_INTERVAL)

    async def close(self) -> None:
        """Write this gateway's books down a last time."""
        try:
            await self._desk.publish(self._gateway, self._own())
        except RedisTrouble as error:
            _LOG.error("the last books could not be written down in Redis: %s", error)
        await self._desk.close()

    def others(self, feature: str) -> list[ShadowBooks]:
        """The books of the other gateways, as they wrote them down last."""
        return [books.features[feature] for books in self._others.values() if feature in books.features]

    def status(self) -> SharedShadowStatus:
        """Who is there, and what waits."""
        view = self._view
        if view is None:
            return SharedShadowStatus(problem=self._problem)
        return SharedShadowStatus(
            problem=self._problem,
            age_seconds=round(time.monotonic() - self._seen, 1),
            shards=len(view.shards),
            held=sum(one.held for one in view.shards),
            waiting=sum(one.waiting for one in view.shards),
            oldest_seconds=max((one.oldest for one in view.shards), default=0.0),
            bytes=view.bytes,
            refused=view.refused,
            processes=tuple(
                filter(None, (understood(said.data, ShadowProcessView) for said in view.processes))
            ),
            gateways=1 + len(self._others),
        )

    def gauges(self) -> dict[str, list[GaugeRow]]:
        """What all machines say alike. Nothing about what was never seen."""
        now = self.status()
        rows: list[GaugeRow] = []
        for feature in self.features:
            books = added_up([shadow_books(self._board, feature), *self.others(feature)])
            kept = {
                "eligible": books.eligible,
                "not_sampled": books.not_sampled,
                "in_flight": books.in_flight,
            }
            rows += [((feature, word), float(times)) for word, times in (kept | books.verdicts).items()]
        return {
            "banyan_shared_shadow_exchanges": rows,
            "banyan_stream_unreachable": [((), float(bool(now.problem)))],
            "banyan_stream_entries": [((), float(now.waiting))],
            "banyan_stream_bytes": [((), float(now.bytes))],
            "banyan_stream_oldest_seconds": [((), now.oldest_seconds)],
            "banyan_stream_processes": [((), float(len(now.processes)))],
            "banyan_stream_shards": [(("held",), float(now.held)), (("free",), float(now.shards - now.held))],
        }

    def warnings(self) -> tuple[str, ...]:
        """What a person should know."""
        now = self.status()
        if now.problem:
            return (f"shadow: the shared Redis cannot be used: {now.problem}",)
        if now.waiting and not now.processes:
            return (f"shadow: {now.waiting} exchanges wait in Redis, and no shadow process is there",)
        return ()

    # --- inside -----------------------------------------------------------------------------------

    async def _look(self) -> None:
        await self._carry_on_workers()
        await self._desk.publish(self._gateway, self._own())
        view = await self._desk.view()
        others = {}
        for said in view.gateways:
            if said.name != self._gateway and (books := understood(said.data, GatewayBooks)) is not None:
                others[said.name] = await self._carried_on(said, books)
        self._others, self._view, self._seen = others, view, time.monotonic()
        if self._seen - self._swept >= _SWEEP_EVERY:
            self._swept = self._seen
            if swept := await self._desk.sweep(view.now - self._ttl):
                _LOG.warning("%d entries waited longer than %g s in Redis and were dropped", swept, self._ttl)

    def _own(self) -> bytes:
        return msgspec.json.encode(books_of(self._board, self.features, self._machine, self._started_at))

    async def _carry_on_workers(self) -> None:
        for report in self._board.ended(_ENDED):
            if report.passage is not None and in_flight_of(report):
                in_redis = await self._desk.closed(report.passage.origin)
                self._board.carry_on(report, inherited(report, in_redis))

    async def _carried_on(self, said: Said, books: GatewayBooks) -> GatewayBooks:
        """The books of a gateway that has ended go on; those of one that is there are its own business."""
        if said.age < _GONE or not any(one.in_flight for one in books.features.values()):
            return books
        origins = [estate.passage.origin for estate in books.estates]
        by_origin = {origin: await self._desk.closed(origin) for origin in origins}
        following = continued(books, by_origin)
        if following != books:
            await self._desk.carry(said.name, said.data, msgspec.json.encode(following))
        return following
