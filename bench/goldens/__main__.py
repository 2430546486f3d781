"""`python -m bench.goldens`: is the new side as fast as legacy under the recorded journeys?

Exit code 0 when every limit holds, 1 when one is broken, 2 when it cannot be told yet (measure longer).
Without addresses the reference migration's two applications are started and measured.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.goldens import report
from bench.goldens.figures import judge
from bench.goldens.rounds import Side, measure
from deploy.demo.servers import GOLDENS, Servers
from golden import GoldenError, checked_url, load_flows, secrets_from


def main(arguments: Sequence[str]) -> int:
    """Measure, judge, write, print."""
    chosen = parser().parse_args(arguments)
    flows = [Path(flow) for flow in chosen.flow] or [GOLDENS / "flows"]
    if wrong := _wrong(chosen, flows):
        print(wrong, file=sys.stderr)
        return 2
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="banyan-performance-")))
        sides = _sides(chosen, folder, stack)
        try:
            turns = measure(
                sides,
                flows,
                folder,
                rounds=chosen.rounds,
                seconds=chosen.seconds,
                users=chosen.users,
                tell=lambda line: print(line, flush=True),
            )
        except RuntimeError as error:
            print(error)
            return 2
    verdict = judge(turns)
    about = (
        f"{chosen.rounds} rounds of {chosen.seconds:g} s for each side in turn, {chosen.users} users, "
        f"the journeys of {', '.join(flow.name for flow in flows)}."
    )
    print("\n" + report.markdown(verdict, about, ()))
    print("\n".join(str(file) for file in report.write(verdict, turns, Path(chosen.report), about)))
    return verdict.exit_code


def _wrong(chosen: argparse.Namespace, flows: Sequence[Path]) -> str:
    """Why nothing can be measured, in one sentence, before anything is started; or an empty text."""
    if bool(chosen.legacy) != bool(chosen.new):
        return "name both sides, --legacy URL and --new URL, or neither of them"
    if chosen.rounds < 1 or chosen.seconds <= 0 or chosen.users < 1:
        return "--rounds and --users are 1 or more, --seconds is more than 0"
    found, problems = load_flows(list(flows))
    if problems or not found:
        return "\n".join(map(str, problems)) or "there is no flow to play: --flow PATH"
    try:
        for flow in found:
            secrets_from(flow.secrets)
        for url in filter(None, (chosen.legacy, chosen.new)):
            checked_url(url)
    except GoldenError as error:
        return str(error)
    return ""


def parser() -> argparse.ArgumentParser:
    """The options."""
    found = argparse.ArgumentParser(prog="python -m bench.goldens", description=__doc__)
    found.add_argument("--legacy", metavar="URL", help="where legacy answers")
    found.add_argument("--new", metavar="URL", help="where the new side answers")
    found.add_argument("--legacy-pid", type=int, default=0, help="its process, for the memory")
    found.add_argument("--new-pid", type=int, default=0, help="its process, for the memory")
    found.add_argument("--flow", action="append", default=[], metavar="PATH", help="a flow file or a folder")
    found.add_argument("--rounds", type=int, default=6, help="how often each side is measured")
    found.add_argument("--seconds", type=float, default=5, help="how long one turn takes")
    found.add_argument("--users", type=int, default=8, help="users at once")
    found.add_argument("--report", default="var/performance", metavar="DIR", help="where the report goes")
    return found


def _sides(chosen: argparse.Namespace, folder: Path, stack: ExitStack) -> tuple[Side, Side]:
    if chosen.legacy and chosen.new:
        return Side("legacy", chosen.legacy, chosen.legacy_pid), Side("new", chosen.new, chosen.new_pid)
    servers = stack.enter_context(Servers(folder))
    servers.start_applications()
    return (
        Side("legacy", servers.legacy_url, servers.process("legacy").pid),
        Side("new", servers.new_url, servers.process("new").pid),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
