"""One failure ends nothing for good, and what cannot be kept is bounded and counted."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any, cast

import pytest

from gateway.shadowing import Findings, Keeper, in_rounds
from shadow import Batch, Results, Verdict
from shadow import batch as batches
from tests.shadow.test_stores import exchange


async def test_a_round_that_fails_is_not_the_last_and_costs_no_other_step(
    caplog: pytest.LogCaptureFixture,
) -> None:
    done = [0, 0]

    async def fails() -> None:
        done[0] += 1
        raise RuntimeError("nobody thought of this one")

    async def works() -> None:
        done[1] += 1

    task = asyncio.get_running_loop().create_task(in_rounds(0, fails, works))
    async with asyncio.timeout(60):
        while done[1] < 5:  # noqa: ASYNC110 - nothing tells when a round is over, which is what is tested
            await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert done[0] >= 5
    assert len([one for one in caplog.records if one.levelno == logging.ERROR]) == 1, "said when it begins"


class Broken:
    """A store and findings: the first batch cannot be written."""

    lost = 0

    def __init__(self) -> None:
        self.written: list[Batch] = []
        self.tries = 0

    def take_batch(self) -> Batch:
        found = Batch()
        found.verdicts["orders", Verdict.MATCH] = 3
        return found

    def write(self, batch: Batch, at: float) -> bool:
        self.tries += 1
        if self.tries == 1:
            raise RuntimeError("nobody thought of this one")
        self.written.append(batch)
        return True

    def close(self) -> None:
        """Nothing to close."""


async def test_a_batch_that_cannot_be_written_is_counted_and_the_next_one_is() -> None:
    store = Broken()
    keeper = Keeper(cast(Results, store), cast(Findings, store))
    for _ in range(2):
        await keeper.write()
    keeper.close()
    assert (keeper.lost, len(store.written)) == (3, 1)


def test_what_waits_to_be_written_is_bounded_and_the_rest_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that hangs, and a side whose every answer differs somewhere else."""
    monkeypatch.setattr(batches, "MOST_PLACES", 10)
    monkeypatch.setattr(batches, "MOST_SAMPLE_BYTES", 1000)
    batch = Batch()
    for number in range(100):
        each: Any = exchange(number, {f"place {number}": "x" * 30}, {f"place {number}": "y" * 30})
        found = batch.compared("orders", "GET /orders", "200/200", "", each.comparison, each.at)
        batch.keep(tuple(one.id for one in found), each)
    assert len(batch.occurrences) == 10
    assert 0 < len(batch.samples) <= 10
    assert batch.left_out == (100 - 10) + (100 - len(batch.samples))
    assert batch.verdicts["orders", Verdict.MISMATCH] == 100
