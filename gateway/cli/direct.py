"""A rollback with nobody else alive: writes the state page of this machine itself, and waits for the
workers in it.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import msgspec

from flags import PAGE_NAME, FlagsError, Ledger, PageMissing, StateFile, StatePage
from gateway.cli.failures import CommandError
from gateway.control import ControlError, LatchAnswer, Record, Switch

__all__ = ["direct_rollback"]


def direct_rollback(folder: Path, feature: str | None, reason: str, by: str) -> dict[str, Any]:
    """Set the latch in the page of `folder` → the same answer as the admin API's. Raises `CommandError`."""
    try:
        page = StatePage.open(folder / PAGE_NAME)
    except PageMissing as error:
        raise CommandError(
            f"nobody answers on the admin port, and in {folder} there is no state page: no gateway has run "
            "here. Name its configuration with -c FILE, or its admin port with --admin URL."
        ) from error
    except FlagsError as error:
        raise CommandError(f"nobody answers on the admin port, and {error}") from error
    try:
        done = asyncio.run(_rollback(page, folder, feature, reason, by))
    except ControlError as error:
        raise CommandError(str(error)) from error
    finally:
        page.close()
    return {**msgspec.structs.asdict(done), "direct": True}


async def _rollback(page: StatePage, folder: Path, feature: str | None, reason: str, by: str) -> LatchAnswer:
    record = Record(page, StateFile(folder), Ledger(folder), time.time)
    return await Switch(page, record).rollback(feature, reason=reason, actor=by)
