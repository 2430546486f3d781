"""What of the shared state is kept on the disk, so that an older copy is known as one. It must not know how
copies are merged.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from flags.last_good import LastGood

__all__ = ["Kept", "kept_in"]


class Kept(msgspec.Struct, frozen=True):
    """`confirmed_at`: seconds since 1970, None when Redis never confirmed it; `told`: by feature ("" for
    everything), where this machine's latch stood when Redis was told of it.
    """

    state: msgspec.Raw
    confirmed_at: float | None
    told: dict[str, int]


def kept_in(dir: Path | str, key: str) -> LastGood[Kept]:
    """The file `redis.json` of a state folder; of another key than `key` it is not believed."""
    return LastGood(Path(dir) / "redis.json", Kept, of=key, what="The copy of the shared state")
