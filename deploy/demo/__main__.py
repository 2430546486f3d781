"""The program: ``python -m deploy.demo [--keep-running]``. Exit 0 only when every act was seen."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from deploy.demo import acts
from deploy.demo.servers import DidNotStart, Servers
from deploy.demo.stage import NotSeen, Stage
from deploy.demo.users import Crowd, UserSaw

USERS = 400


def play(console: Console, folder: Path) -> None:
    """The whole migration, once."""
    stage = Stage(console, total=11 + len(acts.STEPS))
    began = time.monotonic()
    with Servers(folder) as servers:
        with stage.act("Start both applications and the gateway") as seen:
            servers.start_applications()
            servers.start_gateway()
            seen.append(f"users at {servers.url}, dashboard at {servers.dashboard_url}")
        crowd = Crowd(servers.url, USERS)
        acts.record_goldens(stage, servers)
        acts.shadow_at_zero(stage, servers, crowd)
        acts.climb(stage, servers, crowd)
        acts.regression(stage, servers, crowd)
        acts.mend_and_restore(stage, servers, crowd)
        acts.roll_back(stage, servers, crowd)
        report = acts.closing(stage, servers, crowd)
        servers.check_alive()
    stage.close(time.monotonic() - began)
    show_report(console, report)


def show_report(console: Console, report: dict[str, object]) -> None:
    """The A/B report of the run, side by side."""
    table = Table(title="Legacy and new", title_justify="left")
    table.add_column("")
    for name in ("legacy", "new"):
        table.add_column(name, justify="right")
    sides = [report[name] for name in ("legacy", "new")]
    for row in ("requests", "errors", "p50", "p95", "p99"):
        values = [side[row] if isinstance(side, dict) else None for side in sides]
        table.add_row(row, *(f"{v * 1000:.1f} ms" if isinstance(v, float) else str(v) for v in values))
    console.print(table)


def keep_running(console: Console, folder: Path) -> None:
    """The same servers, until Ctrl-C."""
    with Servers(folder, usual_ports=True) as servers:
        with console.status("starting both applications and the gateway …"):
            servers.start_applications()
            servers.start_gateway()
        token = folder / "state" / "admin-token"
        console.print(f"users:      {servers.url}")
        console.print(f"dashboard:  {servers.dashboard_url}  (token: {token.read_text().strip()})")
        console.print(f"operate:    .venv/bin/banyan -c {servers.config} status")
        console.print("Ctrl-C ends all of it.")
        while True:  # until SIGINT or SIGTERM, both of which raise KeyboardInterrupt here
            servers.check_alive()
            time.sleep(0.5)


def main() -> int:
    """Entry of the program."""
    parser = argparse.ArgumentParser(prog="python -m deploy.demo", description=__doc__)
    parser.add_argument("--keep-running", action="store_true", help="start the servers and keep them running")
    arguments = parser.parse_args()
    console = Console(highlight=False)
    signal.signal(signal.SIGTERM, _interrupted)
    with tempfile.TemporaryDirectory(prefix="banyan-demo-", ignore_cleanup_errors=True) as folder:
        try:
            if arguments.keep_running:
                keep_running(console, Path(folder))
            else:
                play(console, Path(folder))
        except (NotSeen, UserSaw, DidNotStart) as not_seen:
            console.print(f"[red]✗[/red] {not_seen}", highlight=False)
            _show_logs(console, Path(folder))
            return 1
        except httpx.HTTPError as failed:
            console.print(f"[red]✗[/red] a user's request failed: {failed!r}")
            _show_logs(console, Path(folder))
            return 1
        except KeyboardInterrupt:
            console.print("ended")
            return 0 if arguments.keep_running else 130
    return 0


def _interrupted(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _show_logs(console: Console, folder: Path) -> None:
    for log in sorted(folder.glob("*.log")):
        text = log.read_text(errors="replace")[-1500:]
        console.print(f"[dim]the last of {log.name}:[/dim]\n{text}", markup=True, highlight=False)


if __name__ == "__main__":
    sys.exit(main())
