"""`python -m tests.gateway.stubs.launch CONFIG`: a real supervisor and control process over stub workers."""

from __future__ import annotations

import asyncio
import os
import sys

import msgspec

from gateway.config import load_config
from gateway.sinks import configure_logging
from gateway.supervisor import Modules, Ready, StartError, Supervisor

MODULES = Modules(worker="tests.gateway.stubs.worker", shadow="tests.gateway.stubs.shadow")


def tell(ready: Ready) -> None:
    sys.stdout.write("READY " + msgspec.json.encode(ready).decode() + "\n")
    sys.stdout.flush()


async def main() -> None:
    await Supervisor(load_config(sys.argv[1], os.environ), tell, MODULES).run()


if __name__ == "__main__":
    configure_logging("supervisor")
    try:
        asyncio.run(main())
    except StartError as refused:
        sys.stdout.write(f"REFUSED {refused}\n")
        sys.exit(2)
