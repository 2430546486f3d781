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
import gc
import logging
import os
import random
import resource
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import uvloop

from flags import FULL, PAGE_NAME, FlagsError, FlagSnapshot, LiveFlags, SecretFile, StatePage
from gateway.capture import Capture, CaptureCounts, ExchangeChannel, FeatureCapture, Gaps, Way
from gateway.config import Config, Feature
from gateway.control import (
    IN_FLIGHT,
    SAMPLE,
    CounterRow,
    HistogramRow,
    Report,
    ReportSender,
    gauge_key,
    incarnation,
)
from gateway.core.breaker import Breaker, BreakerLimits
from gateway.core.context import ContextReader, Place
from gateway.core.decision import Side
from gateway.core.forcing import Forcing
from gateway.core.forwarding import is_trusted
from gateway.core.kept import KeyHash
from gateway.core.route import RouteTable
from gateway.door import Door
from gateway.keys import force_key, sticky_key
from gateway.machine import REPLACED
from gateway.notes import read_config
from gateway.proxy import Proxy
from gateway.room import Room, share
from gateway.sessions import Beginnings, CarriedKeys, StickyKeys
from gateway.sinks import DecisionSamples, WorkerCounters, configure_logging
from gateway.tls import CertificateWatch, listen_context
from gateway.traffic import FeaturePolicy
from gateway.upstreams import limits_of, origins_of, pool_of, pseudonym, upstream_of
from gateway.wire import ListenLimits, Sweeper

if TYPE_CHECKING:
    from gateway.streams.way import StreamWay

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
        self._counters = WorkerCounters({one.name: one.guard.window for one in config.features})
        self._sweeper = Sweeper(self._loop)
        self._captured = counts = CaptureCounts()
        self._streams = _streams(config, counts) if config.state.redis_url else None
        self._channels = [
            ExchangeChannel(str(runtime / f"shadow-{i}.sock"), counts.settled)
            for i in range(0 if self._streams else config.shadow.processes)
        ]
        self._ways: Sequence[Way] = self._streams.shards if self._streams else self._channels
        self._capture = Capture({f.name: _capture_of(f) for f in config.features}, self._ways, counts)
        for channel in self._channels:
            channel.to_another = partial(self._capture.to_another, channel)
        self._flags = LiveFlags(self._page, self._row, self._flags_changed, _rules_of(config))
        self._tls = listen_context(config.listen)
        if self._tls is not None:
            CertificateWatch(self._tls, config.listen, self._sweeper)
        hashes = KeyHash(_secret(sticky_key(config.state.dir)))
        self._samples = DecisionSamples(config.explain.per_second, f"worker-{index}", hashes)
        self._proxy = self._build_proxy()
        self._sender = ReportSender(runtime)
        self._ticker: asyncio.TimerHandle | None = None
        self._incarnation = incarnation()

    def _build_proxy(self) -> Proxy:
        config = self._config
        listen = config.listen
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
                hosts=frozenset(host.encode() for host in listen.hosts),
            ),
            sweeper=self._sweeper,
            routes=RouteTable((feature.name, feature.match) for feature in config.features),
            policies={
                feature.name: FeaturePolicy(
                    feature.fallback, Breaker(_breaker_limits(feature), random.random)
                )
                for feature in config.features
            },
            flags=self._flags.current,
            sticky=StickyKeys(
                [f"{key.source}:{key.name}" for key in config.sticky.keys],
                config.sticky.cookie,
                lambda: os.urandom(16).hex(),
                CarriedKeys(secret) if (secret := _secret(sticky_key(config.state.dir))) else None,
            ),
            pools={side: pool_of(config, side, self._sweeper, limits[side]) for side in Side},
            origins=tuple(origin for side in Side for origin in origins_of(upstream_of(config, side))),
            capture=self._capture,
            sink=self._counters,
            pseudonym=pseudonym(config),
            new_id=_random_ids().__next__,
            is_trusted=lambda peer: is_trusted(peer, networks, unix=unix),
            contexts=ContextReader(
                (Place(one.property, one.source, one.name) for one in config.flags.unleash.properties),
                lambda peer: is_trusted(peer, networks, unix=unix),
            ),
            expose_decision=listen.expose_decision,
            repeat_bound=listen.max_repeated_body,
            copy_bound=config.shadow.max_body,
            samples=self._samples,
            beginnings=_beginnings(config),
            forcing=Forcing(_secret(force_key(config.state.dir))),
            scheme=b"https" if self._tls is not None else b"http",
        )

    async def serve(self, listening: socket.socket, leave: asyncio.Event, stop: asyncio.Event) -> None:
        """Accept connections until ``leave`` is set, then let what is in flight finish; ``stop`` as well: be
        quick about it."""
        self._sweeper.start()
        for channel in self._everything_sent_by():
            channel.start()
        self._sender.start(self._report)
        self._tick()
        door = Door(self._proxy, self._tls, self._config.listen.drain_timeout)
        gc.collect()
        gc.freeze()  # what is there now stays: no collection walks through it in the middle of a request
        await door.open(listening)
        await leave.wait()
        await door.leave(stop)
        for channel in self._everything_sent_by():
            await channel.close(SETTLING)
        if self._ticker is not None:
            self._ticker.cancel()
        self._sweeper.stop()
        await self._sender.close()
        self._page.release_row(self._row)
        self._page.close()

    def _everything_sent_by(self) -> Sequence[ExchangeChannel | StreamWay]:
        return [self._streams] if self._streams else self._channels

    def _flags_changed(self, snapshot: FlagSnapshot) -> None:
        self._proxy.state_changed(snapshot)

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
                "banyan_force_ignored_total": [
                    CounterRow((key,), value) for key, value in counters.forces_ignored.items()
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
            }
            | {SAMPLE: min((way.level for way in self._ways), default=FULL) / 100},
            evidence=counters.evidence.totals(self._captured.verdicts),
            users=counters.evidence.samples(),
            decisions=self._samples.told(),
            passage=self._streams.passage() if self._streams else None,
        )


def _random_ids() -> Iterator[bytes]:
    """32 random hexadecimal digits each time; the system is asked once for many."""
    while True:
        digits = os.urandom(16 * 256).hex().encode()
        for at in range(0, len(digits), 32):
            yield digits[at : at + 32]


def _streams(config: Config, counts: CaptureCounts) -> StreamWay:
    """The way over the Redis that several machines share."""
    from gateway.stream_link import seal_of, stream_client, stream_names  # noqa: PLC0415 - a client others lack
    from gateway.streams.way import StreamWay  # noqa: PLC0415 - the same

    shadow = config.shadow
    return StreamWay(
        stream_client(config),
        stream_names(config),
        shadow.shards,
        counts.settled,
        Gaps().word_for,
        most=shadow.stream_max_bytes,
        ttl=shadow.stream_ttl,
        seal=seal_of(config),
    )


def _rules_of(config: Config) -> Callable[[FlagSnapshot], FlagSnapshot] | None:
    """What gives features the rules of another source, if there is one."""
    if config.flags.source == "dial":
        return None
    from flags.providers.unleash import UnleashRules  # noqa: PLC0415 - loads a core that others do not need

    return UnleashRules(config.flags.unleash.environment).compiled


def _secret(file: SecretFile) -> bytes | None:
    """A key of this machine; what needs it is left undone where there is none."""
    try:
        return file.read()
    except FlagsError as error:
        _log.error("%s", error)
        return None


def _beginnings(config: Config) -> Beginnings | None:
    names = frozenset(one.name for one in config.features if one.move == "new-sessions")
    if not names:
        return None
    return Beginnings(names, _secret(sticky_key(config.state.dir)), config.sticky.session)


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


def _breaker_limits(feature: Feature) -> BreakerLimits:
    return BreakerLimits(*msgspec.structs.astuple(feature.breaker))


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
    configure_logging(f"worker-{arguments.index}", private=True)
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(_main(arguments))


async def _main(arguments: argparse.Namespace) -> None:
    config = read_config(arguments.runtime)
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
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # see `launcher.spawn_child`
    loop.add_reader(arguments.life_fd, end)
    worker = Worker(config, arguments.index, arguments.runtime)
    await worker.serve(socket.socket(fileno=arguments.listen_fd), leave, stop)


if __name__ == "__main__":
    main()
