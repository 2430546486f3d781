"""`python -m bench`: the table. `python -m bench --journeys URL`: users who go through many steps."""

from __future__ import annotations

import argparse
import subprocess
import sys

from bench import table
from bench.run import measure, rows
from bench.tools import NEEDED, find_tools, missing


def main(arguments: list[str]) -> int:
    """Measure, print, save."""
    chosen = parser().parse_args(arguments)
    if chosen.journeys:
        return journeys(chosen.journeys, chosen.users, chosen.seconds)
    tools = find_tools()
    absent = missing(tools)
    for sentence in absent:
        print(sentence)
    if any(name not in tools for name in NEEDED):
        print(f"cannot measure without {', '.join(NEEDED)}")
        return 2
    peers = rows(tools, chosen.only)
    samples, compared = measure(peers, tools, chosen.rounds, chosen.seconds, chosen.connections)
    table.show(samples, compared)
    settings = {"rounds": chosen.rounds, "seconds": chosen.seconds, "connections": chosen.connections}
    print(f"written to {table.save(samples, compared, absent, settings)}")
    return 0


def parser() -> argparse.ArgumentParser:
    """The options."""
    found = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    found.add_argument("--rounds", type=int, default=3, help="how often each row is measured")
    found.add_argument("--seconds", type=int, default=5, help="how long one measurement takes")
    found.add_argument("--connections", type=int, default=64, help="keep-alive connections of the load")
    found.add_argument("--only", default="", metavar="TEXT", help="only the rows whose name holds this")
    found.add_argument("--journeys", metavar="URL", help="drive the reference journeys there instead")
    found.add_argument("--users", type=int, default=20, help="how many users go on journeys")
    return found


def journeys(url: str, users: int, seconds: int) -> int:
    """Run locust without its web page; it exits with 1 when a request failed."""
    words = ["-m", "locust", "-f", "bench/journeys.py", "--headless", "--only-summary", "--host", url]
    words += ["--users", str(users), "--spawn-rate", str(users), "--run-time", f"{seconds}s"]
    return subprocess.run([sys.executable, *words], cwd=table.RESULTS.parent.parent, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
