"""The progress display and the closing table. Shows what the acts say; measures nothing itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table


class NotSeen(Exception):
    """The demo did not see what it is there to show."""


@dataclass
class Line:
    """One row of the closing table."""

    act: str
    seen: str
    seconds: float


@dataclass
class Stage:
    """Runs acts one after the other and remembers what was seen."""

    console: Console
    total: int = 0
    lines: list[Line] = field(default_factory=list)

    @contextmanager
    def act(self, name: str) -> Iterator[list[str]]:
        """Announce an act; what it appends is what was seen."""
        seen: list[str] = []
        began = time.monotonic()
        step = f"{len(self.lines) + 1}/{self.total}"
        if self.console.is_terminal:
            with self.console.status(f"{step} [bold]{name}[/bold] …"):
                yield seen
        else:
            self.console.print(f"{step} {name} …")
            yield seen
        seconds = time.monotonic() - began
        text = "; ".join(seen)
        self.console.print(f"[green]✓[/green] {name}: {text} [dim]({seconds:.1f} s)[/dim]", highlight=False)
        self.lines.append(Line(name, text, seconds))

    def close(self, seconds: float) -> None:
        """The closing table."""
        table = Table(title="The migration, as it was seen in this run", title_justify="left")
        table.add_column("Step", ratio=2)
        table.add_column("Seen", ratio=3, overflow="fold")
        table.add_column("Time", justify="right", no_wrap=True)
        for line in self.lines:
            table.add_row(line.act, line.seen, f"{line.seconds:.1f} s")
        table.add_section()
        table.add_row("All of it", "every step above was seen", f"{seconds:.1f} s")
        self.console.print(table)


def expect(held: bool, otherwise: str) -> None:
    """Raise NotSeen with ``otherwise`` unless ``held``."""
    if not held:
        raise NotSeen(otherwise)
