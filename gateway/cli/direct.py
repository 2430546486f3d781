"""A rollback with nobody else alive: writes the state page of this machine itself, and waits for the
workers in it.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any, Final

import msgspec

from flags import NO_PERSON, PAGE_NAME, FlagsError, Ledger, PageMissing, StateFile, StatePage
from gateway.cli.failures import CommandError
from gateway.control import ControlError, LatchAnswer, Record, Switch
from gateway.runtime_note import read_runtime

__all__ = ["direct_rollback"]

_PATIENCE: Final = 3.0
_POLL: Final = 0.05


def direct_rollback(
    folder: Path, feature: str | None, reason: str, by: str, trouble: CommandError | None = None
) -> dict[str, Any]:
    """Set the latch in the page of `folder` → the same answer as the admin API's. `trouble`: why the admin
    port did not do it, where it is not that nobody answers. Raises `CommandError`.
    """
    because = trouble.format_message().rstrip(".") if trouble else "nobody answers on the admin port"
    try:
        page = _page(folder)
    except PageMissing as error:
        if read_runtime(folder) is not None:
            raise CommandError(f"{because}, and {error} Start the gateway anew.") from error
        raise CommandError(
            f"{because}, and in {folder} there is no state page: no gateway has run here. "
            "Name its configuration with -c FILE, or its admin port with --admin URL."
        ) from error
    except FlagsError as error:
        raise CommandError(f"{because}, and {error}") from error
    loop = asyncio.new_event_loop()
    try:
        done = loop.run_until_complete(_rollback(page, folder, feature, reason, by))
    except ControlError as error:
        raise CommandError(str(error)) from error
    finally:
        loop.close()  # and not `asyncio.run`, which waits for a thread that a hanging disk keeps
        page.close()
    return {**msgspec.structs.asdict(done), "direct": True}


def _page(folder: Path) -> StatePage:
    """The page; one that was taken away is back within a moment where a gateway runs."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            return StatePage.open(folder / PAGE_NAME)
        except PageMissing:
            if read_runtime(folder) is None or time.monotonic() >= until:
                raise
        time.sleep(_POLL)


async def _rollback(page: StatePage, folder: Path, feature: str | None, reason: str, by: str) -> LatchAnswer:
    record = Record(page, StateFile(folder), Ledger(folder), time.time)
    switch = Switch(page, record, workers=lambda: 1 if read_runtime(folder) else 0)
    actor = f"{by}, said by hand" if by.strip() in NO_PERSON else by
    return await switch.rollback(feature, reason=reason, actor=actor)
