"""What another source of dials says and how it is, as values. It must not know any source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

__all__ = ["Said", "SourceView", "Wanted"]


class SourceView(msgspec.Struct, frozen=True):
    """How the source in charge is. `age_seconds`: since it last confirmed what is in force; 0 for the dial of
    this machine, null when it never did. `problem`: one sentence, "" when it is fine. `alert`: somebody
    should look.
    """

    name: str = "dial"
    age_seconds: float | None = 0.0
    problem: str = ""
    alert: bool = False


class Said(NamedTuple):
    """Who wants something, why, and on which machine, where that is known."""

    actor: str
    reason: str
    machine: str = ""


class Wanted(NamedTuple):
    """What should be in force. `dials` in hundredths by feature; `rules` for `FlagSnapshot.rules`, None to
    leave those in force; `absent`: features that the source does not know; `said`: who moved a dial, where
    the source tells.
    """

    dials: dict[str, int]
    rules: bytes | None
    absent: tuple[str, ...] = ()
    said: Mapping[str, Said] = {}
