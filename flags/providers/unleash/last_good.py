"""What of Unleash's answer is kept on the disk. It must not know how it is judged."""

from __future__ import annotations

from pathlib import Path

import msgspec

from flags.last_good import LastGood

__all__ = ["Kept", "kept_in"]


class Kept(msgspec.Struct, frozen=True):
    """`body` as the server sent it; `confirmed_at`: seconds since 1970."""

    body: msgspec.Raw
    confirmed_at: float


def kept_in(dir: Path | str, url: str) -> LastGood[Kept]:
    """The file `unleash.json` of a state folder; of another server than `url` it is not believed."""
    return LastGood(Path(dir) / "unleash.json", Kept, of=url, what="The copy of the flags")
