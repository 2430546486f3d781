"""What a rule of another source may be told and what it answers. It must not know any source.

A feature without a rule is decided by its dial alone. A rule comes with the snapshot, from a source that says
more than a percentage.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import msgspec

__all__ = ["Context", "Evaluation", "Rule"]


class Evaluation(msgspec.Struct, frozen=True, gc=False):
    """`position` 0…9999 and `percent` 0…10000, both in hundredths; `selected`: the dial (or the rule) puts
    this key on the new side. `share`: the chance in hundredths with which it did so; 0 where a rule looks at
    more than a percentage, so that nobody knows.

    A structure because one is made for every request.
    """

    position: int
    percent: int
    selected: bool
    share: int = 0


class Context(NamedTuple):
    """What is known of who asks, beside the sticky key; "" is unknown. A tuple, so that answers can be
    remembered by it.
    """

    user_id: str = ""
    session_id: str = ""
    remote_address: str = ""
    properties: tuple[tuple[str, str], ...] = ()
    app_name: str = ""
    environment: str = ""
    current_time: str = ""


class Rule(Protocol):
    """Decides for one feature. Called on the path of a request: it must not wait for anything."""

    @property
    def words(self) -> str:
        """What it goes by beside the percentage, for people; "" when it is the percentage alone."""

    @property
    def wants(self) -> tuple[str, ...]:
        """What it looks at in a context, by Unleash's names, beside what the key stands for."""

    def evaluate(self, percent: int, key: str, context: Context | None) -> Evaluation:
        """`percent`: the dial in hundredths. `key` stands for the user and the session; with a context it
        fills only what that leaves open, and "" fills nothing.
        """
