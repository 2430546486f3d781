"""What everybody has written down in Redis, for the control process of one machine: who is there, what waits,
the books of every gateway. Sweeps away what nobody has worked on for too long. Knows no metric.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gateway.streams import scripts
from gateway.streams.names import GROUP, Names
from gateway.streams.origin import BOOKS_TTL, OriginBooks, read_books

if TYPE_CHECKING:
    from gateway.streams.client import StreamClient

SWEPT_AT_ONCE = 200


class Said(msgspec.Struct, frozen=True):
    """What a process or a gateway has written down, and how many seconds ago."""

    name: str
    age: float
    data: bytes


class ShardView(msgspec.Struct, frozen=True):
    """One shard: whether somebody works on it, entries that wait or are at work, the age of the oldest in
    seconds.
    """

    held: bool
    waiting: int
    oldest: float


class StreamsView(msgspec.Struct, frozen=True):
    """All of it, as of one moment; ``now`` in seconds by Redis' clock."""

    processes: tuple[Said, ...]
    gateways: tuple[Said, ...]
    shards: tuple[ShardView, ...]
    bytes: int
    refused: int
    now: float


class StreamDesk:
    """Every method raises `RedisTrouble`. ``kept``: seconds for which the books of an ended gateway are
    kept.
    """

    def __init__(self, client: StreamClient, names: Names, shards: int, kept: float) -> None:
        self._client, self._names, self._shards, self._kept = client, names, shards, int(kept * 1000)

    async def view(self) -> StreamsView:
        """Everything at a glance."""
        names = self._names
        keys = [names.processes, names.said, names.gateways, names.gateway_times, names.meta]
        processes, gateways, shards, held, refused, now = await self._client.run(
            scripts.VIEW, keys, [self._shards, names.base]
        )
        return StreamsView(
            tuple(Said(name.decode(), age / 1000, data) for name, age, data in processes),
            tuple(Said(name.decode(), age / 1000, data) for name, age, data in gateways),
            tuple(ShardView(bool(held), waiting, oldest / 1000) for held, waiting, oldest in shards),
            max(0, int(held)),
            int(refused),
            now / 1000,
        )

    async def publish(self, gateway: str, books: bytes) -> None:
        """Write down one gateway's books, in place of what it wrote before."""
        keys = [self._names.gateways, self._names.gateway_times]
        await self._client.run(scripts.PUBLISH, keys, [gateway, books, self._kept])

    async def carry(self, gateway: str, before: bytes, books: bytes) -> None:
        """Carry on the books of a gateway that has ended, unless somebody else was faster."""
        await self._client.run(scripts.CARRY, [self._names.gateways], [gateway, before, books])

    async def closed(self, origin: str) -> OriginBooks | None:
        """Let nothing more be added for an origin: where it stands; None when it is not known."""
        fields = await self._client.run(
            scripts.CLOSE, [self._names.origin(origin), self._names.marks, self._names.mark_times], [origin]
        )
        return read_books(fields) if fields else None

    async def sweep(self, before: float) -> int:
        """Drop what was added before (seconds since 1970, by Redis' clock): how many entries."""
        swept = 0
        for shard in range(self._shards):
            names = self._names
            keys = [names.stream(shard), names.begun(shard), names.meta]
            words = [shard, GROUP, names.base, BOOKS_TTL, f"{int(before * 1000)}", SWEPT_AT_ONCE]
            swept += await self._client.run(scripts.SWEEP, keys, words)
        return swept

    async def close(self) -> None:
        """Let go of the connection."""
        await self._client.close()
