"""The keys in Redis, and which shard a session belongs to. Pure.

All keys carry one hash tag, so that a script may touch several of them on a Redis cluster too.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final, NamedTuple
from zlib import crc32

GROUP: Final = "shadow"
"""The consumer group of every stream."""


class Names(NamedTuple):
    """``prefix`` tells one migration from another in the same Redis."""

    prefix: str = "banyan"

    @property
    def base(self) -> str:
        """What every key begins with."""
        return f"{{{self.prefix}:shadow}}:"

    def stream(self, shard: int) -> str:
        """The stream of one shard."""
        return f"{self.base}stream:{shard}"

    def lease(self, shard: int) -> str:
        """Who works on one shard; gone when nobody does."""
        return f"{self.base}lease:{shard}"

    def begun(self, shard: int) -> str:
        """Entries of one shard whose copy has been sent, or may have been: only those with an effect."""
        return f"{self.base}begun:{shard}"

    def untouched(self, shard: int) -> str:
        """Entries of one shard that were read, never worked on, and given back."""
        return f"{self.base}untouched:{shard}"

    def origin(self, origin: str) -> str:
        """One worker's part of the books."""
        return f"{self.base}origin:{origin}"

    def mirror(self, key: str) -> str:
        """What is known of the sessions of one sticky key on the other side. The key itself stays out of
        it.
        """
        return (
            f"{self.base}mirror:{blake2b(key.encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()}"
        )

    @property
    def meta(self) -> str:
        """Bytes in the streams, the number of shards, and which copy of the data this is."""
        return f"{self.base}meta"

    @property
    def fences(self) -> str:
        """The fencing token of each shard."""
        return f"{self.base}fences"

    @property
    def levels(self) -> str:
        """The share of the sampled sessions that each shard can take, in hundredths."""
        return f"{self.base}levels"

    @property
    def outs(self) -> str:
        """Which sessions of each shard were out of the sample, and until when."""
        return f"{self.base}outs"

    @property
    def processes(self) -> str:
        """The shadow processes by the time they were last heard of."""
        return f"{self.base}processes"

    @property
    def said(self) -> str:
        """What each shadow process says of itself."""
        return f"{self.base}said"

    @property
    def gateways(self) -> str:
        """The books of each gateway, as it wrote them down last."""
        return f"{self.base}gateways"

    @property
    def gateway_times(self) -> str:
        """When each gateway wrote them down."""
        return f"{self.base}gateway-times"

    @property
    def marks(self) -> str:
        """Until which time of day each origin has added all that it had."""
        return f"{self.base}marks"

    @property
    def mark_times(self) -> str:
        """When each origin said so."""
        return f"{self.base}mark-times"

    @property
    def unsure(self) -> str:
        """There for a moment after somebody has come, or come back."""
        return f"{self.base}unsure"

    @property
    def agreed(self) -> str:
        """How many shards there are, for as long as anybody is there."""
        return f"{self.base}shards"

    @property
    def store(self) -> str:
        """What the keys of the shared findings begin with."""
        return f"{{{self.prefix}:findings}}:"


def shard_of(key: str, shards: int) -> int:
    """Where the session of this sticky key belongs: everywhere and at all times the same."""
    return crc32(key.encode("utf-8", "surrogatepass")) % shards
