"""What a process with users' requests at hand says of an exception holds none of them."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.support.spawn import ROOT

PROGRAM = """
import asyncio, logging, sys
from gateway.sinks import configure_logging
configure_logging("worker-0", private=sys.argv[1] == "private")
try:
    try:
        int("Sx-a-secret-of-a-user")
    except ValueError as error:
        raise RuntimeError("about Sx-a-secret-of-a-user") from error
except RuntimeError:
    logging.getLogger("banyan.shadow").exception("an exchange could not be shadowed")

def callback(data):
    raise KeyError(data)

async def main():
    asyncio.get_running_loop().call_soon(callback, b"Sx-a-secret-of-a-user")
    await asyncio.sleep(0.01)

asyncio.run(main())
"""


def said(kind: str) -> tuple[str, list[dict[str, str]]]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, kind],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stderr, [json.loads(line) for line in done.stderr.splitlines()]


def test_an_exception_is_told_by_its_type_and_its_place() -> None:
    text, (ours, the_loops) = said("private")
    assert "Sx-a-secret" not in text
    assert ours["message"] == "an exchange could not be shadowed"
    for words in ("ValueError", "RuntimeError", "line 7", "line 9"):
        assert words in ours["exception"], ours
    assert "KeyError" in the_loops["exception"]
    assert "in callback" in the_loops["exception"]


def test_a_process_without_requests_says_all_of_it() -> None:
    assert "Sx-a-secret" in said("open")[0]
