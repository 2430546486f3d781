"""`banyan shadow` looks after its processes to the end, whatever it is at when the end comes."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from gateway.config import load_config
from gateway.launcher import Modules
from gateway.shadow_machine import ShadowMachine
from tests.gateway.running import write_config
from tests.gateway.streams.test_way import until
from tests.support.ports import LOOPBACK, free_port

PROCESSES = 3


def said(folder: Path, word: str) -> int:
    """How many processes have said this of themselves."""
    return len(list((folder / "var").glob(f"{word}-*")))


async def test_an_end_in_the_middle_of_a_reload_leaves_nobody_behind(tmp_path: Path) -> None:
    path = write_config(tmp_path, more=f'[state]\nredis_url = "redis://{LOOPBACK}:{free_port()}"\n')
    config = load_config(path, {})
    up = asyncio.Event()
    modules = Modules(shadow="tests.gateway.stubs.leaving_shadow")
    machine = ShadowMachine(config, PROCESSES, lambda _: up.set(), modules)
    task = asyncio.get_running_loop().create_task(machine.run())
    await asyncio.wait_for(up.wait(), 60)
    os.kill(os.getpid(), signal.SIGHUP)
    await until(lambda: said(tmp_path, "leaving"))
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(task, 60)
    assert said(tmp_path, "left") == PROCESSES
