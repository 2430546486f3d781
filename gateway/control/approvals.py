"""A second person for a dial that goes far up: one asks, another agrees, then it is done. Knows no HTTP.

The ledger is where it is kept: `dial_asked` is the question, its number the number of the question; a `dial`
or a `dial_declined` whose evidence says `asked` is the answer. So a question survives a restart, and nobody
can slip one in. Who asks and who agrees are told apart by their tokens, not by the names they give. Lowering
and rolling back never ask anybody.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from flags import DialMoved, Entry, FlagsError, Ledger, format_percent, to_hundredths
from gateway.control.answers import DialAnswer, PendingDial, percent_number
from gateway.control.errors import Invalid, NotFound, Refused, Unavailable

if TYPE_CHECKING:
    from gateway.config import Config

__all__ = ["Approvals", "Only"]

_ASKED: Final = "dial_asked"
_DECLINED: Final = "dial_declined"
_MOVED: Final = "The dial has moved since it was asked; ask again."
_FAR: Final = 10_000  # entries that are looked through
Only = Callable[[Mapping[str, int]], None]
"""Raises `DialMoved` where a dial may not be moved, as dials (hundredths) are when it is."""
Move = Callable[[str, float, str, str, dict[str, Any], Only], Awaitable[DialAnswer]]


class _Asked(msgspec.Struct, frozen=True):
    """The question as its entry has it."""

    old: int | float
    new: int | float
    token: str
    until: Annotated[datetime, msgspec.Meta(tz=True)]


class Approvals:
    """`move` puts a dial in force: feature, percentage, reason, actor, evidence, and what is asked when it
    is moved. `in_force`: the dial of a feature in hundredths. `clock`: seconds since 1970.
    """

    def __init__(
        self,
        ledger: Ledger,
        config: Callable[[], Config],
        in_force: Callable[[str], int],
        move: Move,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ledger = ledger
        self._config = config
        self._in_force = in_force
        self._move = move
        self._clock = clock
        self._known: tuple[PendingDial, ...] = ()
        self._one = asyncio.Lock()

    def needed(self, feature: str, percent: object) -> bool:
        """Whether this dial needs a second person. One that cannot be meant does not: it is refused later."""
        try:
            new = to_hundredths(percent)
        except ValueError:
            return False
        return self._is_far(new, self._in_force(feature))

    def one_person(self, feature: str, percent: object) -> Only:
        """What must hold when a dial is moved that was not asked about: somebody may have lowered it in
        between.
        """
        looked = self._in_force(feature)

        def only(dials: Mapping[str, int]) -> None:
            new, now = to_hundredths(percent), dials.get(feature, looked)
            if self._is_far(new, now):
                raise DialMoved(
                    f"It has been lowered to {format_percent(now)} % in the meantime, and from there "
                    f"{format_percent(new)} % needs a second person; ask again."
                )

        return only

    def _is_far(self, new: int, old: int) -> bool:
        return new > old and new > self._config().admin.second_person_above

    async def ask(self, feature: str, percent: object, *, reason: str, actor: str, token: str) -> PendingDial:
        """Write the question down. Raises Invalid, Unavailable."""
        if not reason.strip():
            raise Invalid("reason", "a reason, for whoever reads the ledger later")
        until = datetime.fromtimestamp(self._clock() + self._config().admin.approval_time, UTC)
        evidence = {"token": token, "until": until.isoformat(timespec="seconds")}
        old, new = percent_number(self._in_force(feature)), percent_number(to_hundredths(percent))
        entry = await self._write(Entry(actor, _ASKED, feature, old, new, reason, evidence))
        return await self._find(entry.seq)

    async def look(self) -> tuple[PendingDial, ...]:
        """What waits, oldest first, from the ledger."""
        try:
            entries = await asyncio.to_thread(self._ledger.entries, _FAR)
        except OSError as error:
            raise Unavailable(f"The ledger cannot be read: {error.strerror}.") from error
        answered = [one.evidence["asked"] for one in entries if _answers(one)]
        asked = [one for one in reversed(entries) if one.action == _ASKED and one.seq not in answered]
        self._known = tuple(filter(None, map(_pending, asked)))
        return self.waiting()

    def waiting(self) -> tuple[PendingDial, ...]:
        """The same as far as it is known, without what has expired."""
        now = datetime.fromtimestamp(self._clock(), UTC)
        return tuple(one for one in self._known if datetime.fromisoformat(one.until) > now)

    async def agree(self, number: int, *, reason: str, actor: str, token: str) -> DialAnswer:
        """A second person says yes: it is done.

        Raises:
            NotFound: for a number that does not wait.
            Refused: for who has asked, and when the dial is no longer where it was.
        """
        async with self._one:
            asked = await self._find(number)
            if asked.token == token:
                raise Refused(
                    f"A second person has to agree, with another token than {token!r}, which has asked."
                )
            looked = self._in_force(asked.feature)

            def only(dials: Mapping[str, int]) -> None:
                if percent_number(dials.get(asked.feature, looked)) != asked.old:
                    raise DialMoved(_MOVED)

            if percent_number(looked) != asked.old:
                raise Refused(_MOVED)
            evidence = {"asked": number, "asked_by": asked.asked_by, "asked_reason": asked.reason}
            done = await self._move(asked.feature, float(asked.new), reason, actor, evidence, only)
            await self.look()
            return done

    async def decline(self, number: int, *, reason: str, actor: str) -> PendingDial:
        """Somebody says no, or takes back the question. Raises NotFound, Unavailable."""
        if not reason.strip():
            raise Invalid("reason", "a reason, for whoever reads the ledger later")
        async with self._one:
            asked = await self._find(number)
            evidence = {"asked": number}
            entry = Entry(actor, _DECLINED, asked.feature, asked.new, asked.old, reason, evidence)
            await self._write(entry)
            await self.look()
        return asked

    async def _find(self, number: int) -> PendingDial:
        for one in await self.look():
            if one.id == number:
                return one
        raise NotFound(f"No dial waits under the number {number}; `banyan approve` lists those that do.")

    async def _write(self, entry: Entry) -> Entry:
        try:
            return await asyncio.to_thread(self._ledger.append, entry)
        except FlagsError as error:
            raise Unavailable(f"Nothing was done. {error}") from error


def _answers(entry: Entry) -> bool:
    return (
        entry.action in ("dial", _DECLINED) and isinstance(entry.evidence, dict) and "asked" in entry.evidence
    )


def _pending(entry: Entry) -> PendingDial | None:
    """None for an entry that is not as `ask` writes it: somebody has altered the ledger, and `verify` says
    so.
    """
    try:
        asked = msgspec.convert({"old": entry.old, "new": entry.new, **entry.evidence}, _Asked)
    except (msgspec.ValidationError, TypeError):
        return None
    return PendingDial(
        id=entry.seq,
        feature=entry.feature or "",
        old=asked.old,
        new=asked.new,
        reason=entry.reason,
        asked_by=entry.actor,
        token=asked.token,
        until=asked.until.isoformat(timespec="seconds"),
    )
