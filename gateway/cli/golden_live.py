"""`banyan golden record --live FEATURE`: leaves an order for the shadow processes of this machine's gateway
and waits until they are done.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import click

from gateway.cli.failures import NO, CommandError
from gateway.cli.golden_options import Finite
from gateway.cli.output import print_json, progress, say, table
from gateway.cli.settings import Settings
from gateway.config import Config
from gateway.runtime_note import read_runtime
from gateway.shadowing import Order, Outcome, outcomes, place_order, withdraw

__all__ = ["Wishes", "live_options", "record_live"]

_PATIENCE = 20.0
_LOOK = 0.25


@dataclass(frozen=True)
class Wishes:
    """The options of a live recording."""

    seconds: float
    sessions: int
    share: float
    per_route: int
    idle: float
    side: Literal["legacy", "new"]
    write_flows: Path | None


def live_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that only a live recording takes."""
    number = Finite(0.5, 30 * 86_400)
    for flags, more in (
        (
            ("--write-flows",),
            {"type": click.Path(path_type=Path), "help": "Live: also write flow files here."},
        ),
        (("--side",), {"type": click.Choice(["legacy", "new"]), "default": "legacy", "help": "Live: whose."}),
        (
            ("--idle",),
            {"type": number, "default": 15.0, "help": "Live: seconds of silence that end a session."},
        ),
        (("--per-route",), {"type": click.IntRange(1), "default": 5, "help": "Live: journeys per route."}),
        (
            ("--share",),
            {"type": Finite(0.01, 100), "default": 100.0, "help": "Live: % of sessions."},
        ),
        (("--sessions",), {"type": click.IntRange(1), "default": 20, "help": "Live: most journeys."}),
        (("--seconds",), {"type": number, "default": 60.0, "help": "Live: how long."}),
    ):
        options: dict[str, Any] = {"show_default": True, **more}
        command = click.option(*flags, **options)(command)
    return command


def record_live(settings: Settings, feature: str, folder: Path | None, wishes: Wishes) -> int:
    """Record for a while; the exit code. Ctrl-C ends the recording early, and what was taken is kept."""
    config = settings.config()
    state = Path(config.state.dir)
    _check(config, state, feature)
    order = Order(
        secrets.token_hex(8),
        feature,
        wishes.side,
        time.time() + wishes.seconds,
        round(wishes.share * 100),
        wishes.sessions,
        wishes.per_route,
        wishes.idle,
        str((folder or Path(config.golden.dir)).absolute()),
        str(wishes.write_flows.absolute()) if wishes.write_flows else "",
    )
    try:
        place_order(state, order)
    except OSError as error:
        raise CommandError(f"the state folder {state} cannot be written: {error.strerror}.") from error
    try:
        with contextlib.suppress(KeyboardInterrupt), progress("recording") as tick:
            _wait(state, order, tick)
    finally:
        withdraw(state)
    return _told(settings, order, _final(state, order, config.shadow.processes), config.shadow.processes)


def _check(config: Config, state: Path, feature: str) -> None:
    found = next((one for one in config.features if one.name == feature), None)
    if found is None:
        known = ", ".join(one.name for one in config.features) or "none"
        raise CommandError(f"there is no feature {feature!r} (known: {known}).", NO)
    if found.shadow.writes != "isolated":
        raise CommandError(
            f'the writes of {feature} are not copied (shadow.writes = "skip"), so a recorded session would '
            'lack them and what follows from them; set writes = "isolated" to record it.',
            NO,
        )
    if not config.shadow.processes or not found.shadow.percent:
        raise CommandError(f"nothing of {feature} is copied to a shadow process, so nothing can be seen.", NO)
    if read_runtime(state) is None:
        raise CommandError(f"no gateway runs on the state folder {state} of this machine.")


def _wait(state: Path, order: Order, tick: Callable[[int, int, str], None] | None) -> None:
    while time.time() < order.until:
        time.sleep(_LOOK)
        written = sum(len(one.written) for one in outcomes(state, order.id))
        if tick is not None:
            tick(written, order.sessions, order.feature)
        if written >= order.sessions:
            return


def _final(state: Path, order: Order, processes: int) -> list[Outcome]:
    deadline = time.time() + _PATIENCE
    while True:
        found = outcomes(state, order.id)
        if sum(one.done for one in found) >= processes or time.time() > deadline:
            return found
        time.sleep(_LOOK)


def _told(settings: Settings, order: Order, found: list[Outcome], processes: int) -> int:
    written = [one for outcome in found for one in outcome.written]
    problems = [problem for outcome in found for problem in outcome.problems]
    missing = processes - sum(outcome.done for outcome in found)
    if missing > 0:
        problems.append(f"{missing} of {processes} shadow processes did not say what they have done")
    left_out: Counter[str] = Counter()
    for outcome in found:
        left_out.update(outcome.left_out)
    if settings.as_json:
        journeys = [{"flow": one.flow, "steps": one.steps, "ended": one.outcome} for one in written]
        print_json(
            {"live": order.feature, "dir": order.folder, "written": journeys, "left_out": left_out}
            | {"problems": problems}
        )
    else:
        rows = [(one.flow, one.steps, one.outcome) for one in written]
        table(("flow", "steps", "ended early because"), rows, nothing="No new journey was recorded.")
        for reason, count in sorted(left_out.items()):
            say(f"left out: {count} ({reason})")
        for problem in problems:
            say(f"problem: {problem}")
    seen = written or left_out["recorded already"] or left_out["enough of its routes"]
    return 0 if seen and not problems else 2
