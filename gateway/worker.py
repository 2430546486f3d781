"""One worker: wires the request path together and serves the listening socket it was given. Decides
nothing itself.

Started by the supervisor as ``python -m gateway.worker``. It ends, after what is in flight, on SIGTERM or
when the supervisor is gone, and with more patience on SIGUSR1, when another one has taken its place; the
state page and the report channel are its only ties to the other processes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import random
import resource
import signal
import socket
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path

import msgspec
import uvloop

from flags import PAGE_NAME, FlagSnapshot, LiveFlags, StatePage
from gateway.capture import Capture, CaptureCounts, ExchangeChannel, FeatureCapture
from gateway.config import Config, Feature
from gateway.control import IN_FLIGHT, CounterRow, HistogramRow, Report, ReportSender, gauge_key, incarnation
from gateway.core.breaker import Breaker
from gateway.core.decision import Side
from gateway.core.forwarding import is_trusted
from gateway.core.route import RouteTable
from gateway.door import Door
from gateway.machine import REPLACED
from gateway.proxy import Proxy
from gateway.room import Room, share
from gateway.sessions import StickyKeys
from gateway.sinks import WorkerCounters, configure_logging
from gateway.tls import CertificateWatch, listen_context
from gateway.traffic import FeaturePolicy
from gateway.upstreams import limits_of, origins_of, pool_of, pseudonym, upstream_of
from gateway.wire import ListenLimits, Sweeper

TICK = 0.025
"""Seconds between two looks at the state page when no request comes: what an acknowledgement waits for at
most."""

SETTLING = 2.0
"""Seconds that a worker which leaves waits for the verdicts of what it has handed over."""

_log = logging.getLogger("banyan.worker")
_SIDES = {
    "both": frozenset(Side),
    "legacy-to-new": frozenset({Side.LEGACY}),
    "new-to-legacy": frozenset({Side.NEW}),
}


class Worker:
    """One process's share of the traffic, from start to drain."""

    def __init__(self, config: Config, index: int, runtime: Path) -> None:
        self._config = config
        self._index = index
        self._loop = asyncio.get_running_loop()
        self._page = StatePage.open(Path(config.state.dir) / PAGE_NAME)
        self._row = self._page.claim_row(os.getpid())
        self._counters = WorkerCounters()
        self._sweeper = Sweeper(self._loop)
        self._captured = counts = CaptureCounts()
        self._channels = [
            ExchangeChannel(str(runtime / f"shadow-{i}.sock"), counts.settled)
            for i in range(config.shadow.processes)
        ]
        self._capture = Capture({f.name: _capture_of(f) for f in config.features}, self._channels, counts)
        self._flags = LiveFlags(self._page, self._row, self._flags_changed, _rules_of(config))
        self._tls = listen_context(config.listen)
        if self._tls is not None:
            CertificateWatch(self._tls, config.listen, self._sweeper)
        self._proxy = self._build_proxy()
        self._sender = ReportSender(runtime)
        self._ticker: asyncio.TimerHandle | None = None
        self._incarnation = incarnation()

    def _build_proxy(self) -> Proxy:
        config = self._config
        listen = config.listen
        random_bits = random.Random(os.urandom(16))
        room = _room(config)
        limits = {
            side: limits_of(upstream_of(config, side))._replace(connections=most)
            for side, most in zip(Side, room.upstreams, strict=True)
        }
        unix = bool(listen.traffic.path) and "unix" in listen.trusted_proxies
        networks = tuple(ip_network(network) for network in listen.trusted_proxies if network != "unix")
        return Proxy(
            limits=ListenLimits(
                request_line=listen.max_request_line,
                field=listen.max_field,
                fields_bytes=listen.max_fields_bytes,
                fields=listen.max_fields,
                body=listen.max_body,
                head_timeout=listen.head_timeout,
                body_rate=listen.body_rate,
                body_window=listen.body_rate_window,
                idle_timeout=listen.idle_timeout,
                connections=room.clients,
                turned_away=room.turned_away,
            ),
            sweeper=self._sweeper,
            routes=RouteTable((feature.name, feature.match) for feature in config.features),
            policies={
                feature.name: FeaturePolicy(
                    feature.fallback, Breaker(feature.breaker.failures, feature.breaker.open_seconds)
                )
                for feature in config.features
            },
            flags=self._flags.current,
            sticky=StickyKeys(
                [f"{key.source}:{key.name}" for key in config.sticky.keys],
                config.sticky.cookie,
                lambda: os.urandom(16).hex(),
            ),
            pools={side: pool_of(config, side, self._sweeper, limits[side]) for side in Side},
            origins=tuple(origin for side in Side for origin in origins_of(upstream_of(config, side))),
            capture=self._capture,
            sink=self._counters,
            pseudonym=pseudonym(config),
            new_id=lambda: random_bits.getrandbits(128),
            is_trusted=lambda peer: is_trusted(peer, networks, unix=unix),
            expose_decision=listen.expose_decision,
            keep_body=config.shadow.max_body,
            scheme=b"https" if self._tls is not None else b"http",
        )

    async def serve(self, listening: socket.socket, leave: asyncio.Event, stop: asyncio.Event) -> None:
        """Accept connections until ``leave`` is set, then let what is in flight finish; ``stop`` as well: be
        quick about it."""
        self._sweeper.start()
        for channel in self._channels:
            channel.start()
        self._sender.start(self._report)
        self._tick()
        door = Door(self._proxy, self._tls, self._config.listen.drain_timeout)
        await door.open(listening)
        await leave.wait()
        await door.leave(stop)
        for channel in self._channels:
            await channel.close(SETTLING)
        if self._ticker is not None:
            self._ticker.cancel()
        self._sweeper.stop()
        await self._sender.close()
        self._page.release_row(self._row)
        self._page.close()

    def _flags_changed(self, snapshot: FlagSnapshot) -> None:
        self._proxy.close_tunnels(snapshot)

    def _tick(self) -> None:
        self._ticker = self._loop.call_later(TICK, self._tick)
        self._flags.beat()

    def _report(self) -> Report:
        counters = self._counters
        return Report(
            source=f"worker-{self._index}",
            incarnation=self._incarnation,
            counters={
                "banyan_requests_total": [CounterRow(key, value) for key, value in counters.requests.items()],
                "banyan_fallbacks_total": [
                    CounterRow(key, value) for key, value in counters.fallbacks.items()
                ],
                "banyan_gateway_errors_total": [
                    CounterRow((key,), value) for key, value in counters.gateway_errors.items()
                ],
                "banyan_capture_total": [
                    CounterRow(key, value) for key, value in self._captured.outcomes.items()
                ],
                "banyan_shadow_total": [
                    CounterRow(key, value) for key, value in self._captured.verdicts.items()
                ],
            },
            histograms=[
                HistogramRow("banyan_request_duration_seconds", key, latency.counts, latency.sum)
                for key, latency in counters.latencies.items()
            ],
            gauges={
                gauge_key("banyan_breaker_state", name): float(policy.breaker.phase)
                for name, policy in self._proxy.policies.items()
            }
            | {
                gauge_key(IN_FLIGHT, name): float(waiting)
                for name, waiting in self._captured.in_flight().items()
            },
        )


def _rules_of(config: Config) -> Callable[[FlagSnapshot], FlagSnapshot] | None:
    """What gives features the rules of another source, if there is one."""
    if config.flags.source == "dial":
        return None
    from flags.providers.unleash import UnleashRules  # noqa: PLC0415 - loads a core that others do not need

    return UnleashRules(config.flags.unleash.environment).compiled


def _room(config: Config) -> Room:
    asked = tuple(upstream_of(config, side).max_connections for side in Side)
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    room = share(files, config.listen.max_connections, asked)
    if room.clients < config.listen.max_connections or room.upstreams != asked:
        _log.warning(
            "only %d files may be open: at most %d clients, and %s connections to the upstreams",
            files,
            room.clients,
            " and ".join(map(str, room.upstreams)),
        )
    return room


def _capture_of(feature: Feature) -> FeatureCapture:
    shadow = feature.shadow
    return FeatureCapture(shadow.percent, _SIDES[shadow.direction], shadow.writes == "isolated")


def main() -> None:
    """Entry of ``python -m gateway.worker``."""
    parser = argparse.ArgumentParser(prog="gateway.worker")
    parser.add_argument("--index", type=int, required=True)
    parser.add_argument("--runtime", type=Path, required=True)
    parser.add_argument("--listen-fd", type=int, required=True)
    parser.add_argument("--life-fd", type=int, required=True)
    arguments = parser.parse_args()
    configure_logging(f"worker-{arguments.index}")
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(_main(arguments))


async def _main(arguments: argparse.Namespace) -> None:
    config = msgspec.json.decode((arguments.runtime / "config.json").read_bytes(), type=Config)
    leave, stop = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        stop.set()
        leave.set()

    loop.add_signal_handler(signal.SIGTERM, end)
    loop.add_signal_handler(REPLACED, leave.set)
    loop.add_signal_handler(
        signal.SIGINT, lambda: None
    )  # Ctrl-C reaches the whole group; the supervisor decides
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    loop.add_reader(arguments.life_fd, end)
    worker = Worker(config, arguments.index, arguments.runtime)
    await worker.serve(socket.socket(fileno=arguments.listen_fd), leave, stop)


if __name__ == "__main__":
    main()
