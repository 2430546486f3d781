"""What another source of dials says and how it is, as values. It must not know any source."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

__all__ = ["SourceView", "Wanted"]


class SourceView(msgspec.Struct, frozen=True):
    """How the source in charge is. `age_seconds`: since it last confirmed what is in force; 0 for the dial of
    this machine, null when it never did. `problem`: one sentence, "" when it is fine. `alert`: somebody
    should look.
    """

    name: str = "dial"
    age_seconds: float | None = 0.0
    problem: str = ""
    alert: bool = False


class Wanted(NamedTuple):
    """What should be in force. `dials` in hundredths by feature; `rules` for `FlagSnapshot.rules`; `absent`:
    features that the source does not know.
    """

    dials: dict[str, int]
    rules: bytes
    absent: tuple[str, ...] = ()
