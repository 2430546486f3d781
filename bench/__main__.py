"""`python -m bench`: the tables. `python -m bench --journeys URL`: users who go through many steps."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from bench import table
from bench.picture import picture
from bench.run import Plan, measure
from bench.tools import NEEDED, find_tools, install, missing

ROOT = Path(__file__).resolve().parents[1]


def main(arguments: list[str]) -> int:
    """Measure, print, save."""
    chosen = parser().parse_args(arguments)
    if chosen.journeys:
        return journeys(chosen.journeys, chosen.users, int(chosen.seconds))
    for sentence in install():
        print(sentence, flush=True)
    tools = find_tools()
    absent = missing(tools)
    for sentence in absent:
        print(sentence)
    if any(name not in tools for name in NEEDED):
        print(f"cannot measure without {', '.join(NEEDED)}")
        return 2
    plan = Plan(chosen.rounds, chosen.seconds, quick=False, only=chosen.only)
    if chosen.quick:
        plan = Plan(1, 1.0, quick=True, only=chosen.only)
    results = measure(plan, tools)
    table.show(results)
    print(f"written to {table.save(results, absent, asdict(plan))}")
    drawn = table.RESULTS / "latest.svg"
    drawn.write_text(picture(results))
    print(f"drawn in {drawn}")
    if chosen.publish:
        table.publish(results, ROOT / "docs" / "speed.md")
        (ROOT / "docs" / "speed.svg").write_text(picture(results))
    return 0


def parser() -> argparse.ArgumentParser:
    """The options."""
    found = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    found.add_argument("--quick", action="store_true", help="one short round of the most telling rows")
    found.add_argument("--rounds", type=int, default=3, help="how often each row is measured")
    found.add_argument("--seconds", type=float, default=3, help="how long one measurement takes")
    found.add_argument("--only", default="", metavar="TEXT", help="only the proxies whose name holds this")
    found.add_argument("--publish", action="store_true", help="tables and picture go into docs/")
    found.add_argument("--journeys", metavar="URL", help="drive the reference journeys there instead")
    found.add_argument("--users", type=int, default=20, help="how many users go on journeys")
    return found


def journeys(url: str, users: int, seconds: int) -> int:
    """Run locust without its web page; it exits with 1 when a request failed."""
    words = ["-m", "locust", "-f", "bench/journeys.py", "--headless", "--only-summary", "--host", url]
    words += ["--users", str(users), "--spawn-rate", str(users), "--run-time", f"{seconds}s"]
    return subprocess.run([sys.executable, *words], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what it started ends with it
    sys.exit(main(sys.argv[1:]))
