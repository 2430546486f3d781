"""Who says the dials, put together for the control process: this machine, several that share Redis, or
Unleash. It decides nothing.

With Redis, latches are shared whoever says the dials. With Unleash as well, Redis carries what Unleash cannot
say: the steps below a percent, which have to be the same on every machine.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from flags import FlagSnapshot, Secret, StatePage
from flags.providers.redis.evidence import EvidenceTable
from flags.providers.redis.last_good import kept_in
from flags.providers.redis.roll import MachineRoll
from flags.providers.redis.source import RedisSource
from flags.providers.redis.store import RedisStore
from flags.providers.redis.turns import Turns
from gateway.config import Config
from gateway.control import (
    Accord,
    EvidenceBook,
    Follower,
    Hand,
    InOrder,
    Machines,
    OwnAccord,
    Record,
    SharedAccord,
    SharedEvidence,
    SharedHand,
    Sharing,
    SourceHand,
    Teller,
)
from gateway.redis_link import redis_link

__all__ = ["Sources", "machine_name", "open_sources"]


class Sources(NamedTuple):
    """What the control process needs. `follower`: of the source in charge, None when that is this machine;
    `polled`: it has to be asked every `refresh` seconds; `sharing`: with other machines, if there are any;
    `compiled` gives features the rules of the source; `teller` tells it of rollbacks;
    `machines`: the others, and how far a change has come on them; `evidence`: what they have seen; `accord`:
    where plans and the freeze are kept, None when that is this machine.
    """

    follower: Follower | None = None
    hand: Hand | None = None
    polled: bool = False
    sharing: Sharing | None = None
    compiled: Callable[[FlagSnapshot], FlagSnapshot] | None = None
    teller: Teller | None = None
    machines: Machines | None = None
    evidence: SharedEvidence | None = None
    accord: Accord | None = None


class _Parts(NamedTuple):
    """What every source is put together from."""

    page: StatePage
    record: Record
    writing: asyncio.Lock


def open_sources(
    config: Callable[[], Config],
    page: StatePage,
    record: Record,
    writing: asyncio.Lock,
    boot: str,
    book: EvidenceBook,
) -> Sources:
    """Nothing is asked yet. `config`: the one in force; `boot`: when this gateway began; `book`: what this
    machine has seen. Raises `FlagsError`.
    """
    now, parts = config(), _Parts(page, record, writing)
    shared = _shared(config, page) if now.state.redis_url else None
    unleash = now.flags.source == "unleash"
    if shared is None:
        return _unleash(now, parts, None) if unleash else Sources()
    found = _unleash(now, parts, shared) if unleash else _redis(shared, parts)
    return found._replace(machines=_machines(now, page, found.sharing, boot), evidence=shared.evidence(book))


def _redis(shared: _Shared, parts: _Parts) -> Sources:
    follower = Follower(shared.source, *parts, knows_latches=True)
    sharing = Sharing(shared.source, follower, *parts, shared.store.listen)
    accord = shared.accord(parts, sharing, own_dials=False)
    hand = SharedHand(shared.source, accord, follower, parts.record, parts.writing)
    return Sources(follower, hand, False, sharing, accord=accord)


def _machines(config: Config, page: StatePage, sharing: Sharing | None, boot: str) -> Machines | None:
    """Over a connection of its own, so that nothing waits behind it."""
    if sharing is None:
        return None
    machine = machine_name()
    roll = MachineRoll(redis_link(config.state), f"{config.state.redis_prefix}:machines", f"{machine}@{boot}")
    return Machines(roll, page, sharing, machine=machine, clock=time.monotonic)


class _Shared:
    """What is shared over one Redis."""

    def __init__(self, source: RedisSource, store: RedisStore, config: Callable[[], Config]) -> None:
        self.source = source
        self.store = store
        self._config = config
        self._evidence: SharedEvidence | None = None

    def evidence(self, book: EvidenceBook) -> SharedEvidence:
        """Over a connection of its own, so that nothing waits behind it."""
        state = self._config().state
        key = f"{state.redis_prefix}:evidence"
        table = EvidenceTable(redis_link(state), key, book.name, secrets.token_hex(8))
        self._evidence = SharedEvidence(
            book, table, lambda: [feature.name for feature in self._config().features]
        )
        return self._evidence

    def accord(self, parts: _Parts, sharing: Sharing, *, own_dials: bool) -> SharedAccord:
        """`own_dials`: another source says them."""
        state = self._config().state
        return SharedAccord(
            self.source,
            Turns(redis_link(state), f"{state.redis_prefix}:turn"),
            parts.record,
            parts.writing,
            blind=lambda: self._evidence.blind() if self._evidence else "",
            tell_others=sharing.tell_others,
            own_dials=own_dials,
        )


def _shared(config: Callable[[], Config], page: StatePage) -> _Shared:
    state = config().state
    store = RedisStore(redis_link(state), f"{state.redis_prefix}:state")

    def first() -> Mapping[str, int]:
        """Of a feature that nobody shares yet: its dial here, else the configured one."""
        live = page.read()
        known = {name: live.feature(name).percent for name in page.dialled()}
        return {one.name: known.get(one.name, one.percent) for one in config().features}

    source = RedisSource(
        store,
        kept_in(state.dir, store.key),
        machine=machine_name(),
        first=first,
        clock=time.time,
        new_name=lambda: secrets.token_hex(8),
    )
    return _Shared(source, store, config)


def _unleash(config: Config, parts: _Parts, shared: _Shared | None) -> Sources:
    from flags.providers.unleash import UnleashRules  # noqa: PLC0415 - loads a core that others do not need
    from flags.providers.unleash.opening import open_unleash  # noqa: PLC0415

    unleash = config.flags.unleash
    admin_token = Secret("flags.unleash.admin_token", unleash.admin_token_env, unleash.admin_token_file)
    opened = open_unleash(
        config.state.dir,
        url=unleash.url,
        project=unleash.project,
        environment=unleash.environment,
        token=Secret("flags.unleash.token", unleash.token_env, unleash.token_file),
        admin_token=admin_token,
        clock=time.time,
    )
    local = shared.source.dials if shared else None
    follower = Follower(opened.source, *parts, local)
    sharing, writer = None, InOrder(opened.admin)
    accord: Accord = OwnAccord(parts.record, parts.writing)
    if shared:
        sharing = Sharing(shared.source, follower, *parts, shared.store.listen)
        writer = InOrder(shared.source, opened.admin)
        accord = shared.accord(parts, sharing, own_dials=True)
    hand = SourceHand(writer, accord, follower, parts.record, parts.writing)
    teller = None
    if admin_token.configured:
        teller = Teller(opened.admin, follower, *parts, Path(config.state.dir))
        follower.hold(teller.held)
        opened.admin.leave_off(teller.off)
    compiled = UnleashRules(unleash.environment).compiled
    return Sources(follower, hand, True, sharing, compiled, teller, accord=accord)


def machine_name() -> str:
    """How people know this gateway among others: the host, and the supervisor's process."""
    return f"{socket.gethostname()}:{os.getppid()}"
