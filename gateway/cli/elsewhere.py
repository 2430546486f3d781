"""How far a change has come on the other machines, in a line; knows no command."""

from __future__ import annotations

from typing import Any

from gateway.cli.output import duration, say

__all__ = ["say_elsewhere"]


def say_elsewhere(found: dict[str, Any] | None) -> None:
    """`found`: `elsewhere` of an answer; nothing to say on a machine that stands alone."""
    if not found:
        return
    if found["problem"]:
        say(f"other machines: unknown ({found['problem'].rstrip('.')})")
    elif not found["machines"]:
        say("other machines: none is heard of")
    elif found["complete"]:
        after = duration(found["seconds"])
        say(f"other machines: in force on {found['have']} of {found['machines']}, the last after {after}")
    else:
        missing = ", ".join(found["missing"])
        say(f"other machines: in force on {found['have']} of {found['machines']}, not yet on {missing}")
