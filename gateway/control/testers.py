"""What a trusted tester is given: a value for `Banyan-Force`, sealed, for a while, and written down. Knows no
HTTP.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from flags import Entry, FlagsError, Ledger, SecretFile
from gateway.control.answers import ForceAnswer
from gateway.control.errors import Invalid, NoSuchFeature, Unavailable
from gateway.core.decision import Side
from gateway.core.forcing import Force, sealed

if TYPE_CHECKING:
    from gateway.config import Config

__all__ = ["Testers"]

_LONGEST: Final = 7 * 86_400
_SHORTEST: Final = 1


class Testers:
    """`clock`: seconds since 1970; `config`: the one of now."""

    def __init__(
        self, key: SecretFile, ledger: Ledger, config: Callable[[], Config], clock: Callable[[], float]
    ) -> None:
        self._key = key
        self._ledger = ledger
        self._config = config
        self._clock = clock

    def let(self, side: str, seconds: float, feature: str | None, *, reason: str, actor: str) -> ForceAnswer:
        """A value that asks for `side` for so many seconds. Blocking.

        Raises:
            Invalid, NoSuchFeature: for what cannot be meant.
            Unavailable: without a key, or when it cannot be written down.
        """
        if side not in tuple(Side):
            raise Invalid("side", "new or legacy")
        if not _SHORTEST <= seconds <= _LONGEST:
            raise Invalid("seconds", f"{_SHORTEST} to {_LONGEST} (seven days)")
        if not reason.strip():
            raise Invalid("reason", "a reason, for whoever reads the ledger later")
        known = tuple(sorted(one.name for one in self._config().features))
        if feature is not None and feature not in known:
            raise NoSuchFeature(feature, known)
        until = int(self._clock() + seconds)
        moment = datetime.fromtimestamp(until, UTC).isoformat(timespec="seconds")
        try:
            value = sealed(Force(Side(side), until, actor, feature or ""), self._key.ensure())
            self._ledger.append(
                Entry(actor, "force", feature, None, side, reason, evidence={"until": moment})
            )
        except FlagsError as error:
            raise Unavailable(f"No value was made. {error}") from error
        return ForceAnswer(f"Banyan-Force: {value}", value, side, feature, moment, actor)
