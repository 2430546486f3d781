"""Where a sticky key falls on the scale from 0 to 100 %. It must not know dials, latches or requests.

The hash is the one that every Unleash client shares (murmur3, 32 bits, seed 0, over `group:key`), so that a
key is on the new side at a whole percentage here exactly when it is there: Unleash enables when `h % 100 + 1
<= rollout`. The two digits behind the point come from `h // 100`, which are independent of the first two.
"""

from __future__ import annotations

from functools import lru_cache

import mmh3

__all__ = ["POSITIONS", "position"]

POSITIONS = 10_000
"""How many positions there are: hundredths of a percent."""


@lru_cache(maxsize=4096)
def position(feature: str, key: str) -> int:
    """The position of `key` for `feature`, 0…9999 in hundredths of a percent; on the new side when below the
    dial.

    Never raises: text that is not valid Unicode (lone surrogates) is hashed too.
    """
    h = mmh3.hash(f"{feature}:{key}".encode("utf-8", "surrogatepass"), 0, signed=False)
    return (h % 100) * 100 + (h // 100) % 100
