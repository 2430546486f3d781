"""One golden command with `--json`, and flows that were imported recorded and replayed."""

import json
from pathlib import Path
from typing import Any

from golden import Flow, load_flows
from tests.gateway.running import banyan


def desk(*words: str, **env: str) -> tuple[int, Any]:
    """Its exit code and what it printed."""
    done = banyan("--json", "golden", *words, env=env)
    assert "Traceback" not in done.stderr, done.stderr
    said = json.loads(done.stdout)
    return done.returncode, said.get("error", said)


def replays(folder: Path, url: str, **env: str) -> list[str]:
    """Record the flows, verify, and give the addresses of the steps."""
    where = ("--dir", str(folder / "recordings"))
    code, said = desk("record", "--from", url, "--flow", str(folder / "flows"), *where, **env)
    assert code == 0, said
    code, said = desk("verify", "--to", url, *where, "--flow", str(folder / "flows"), **env)
    assert code == 0, said
    return [step.target for flow in flows(folder) for step in flow.steps]


def flows(folder: Path) -> list[Flow]:
    """What was imported, all of it readable."""
    found, problems = load_flows([folder / "flows"])
    assert problems == []
    return found
