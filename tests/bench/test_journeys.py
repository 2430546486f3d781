"""The journeys' users notice what goes wrong, against a real server."""

import sys
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.spawn import Spawner, http_ok

ARGUMENTS = ["--users", "3", "--seconds", "6"]


@pytest.mark.parametrize(
    ("faults", "status", "told"),
    [("", 0, "/api/conversation_history"), ("field-renamed", 1, "status 200, no 'response'")],
)
def test_journeys_pass_on_a_sound_application_and_fail_on_a_faulty_one(
    faults: str, status: int, told: str, spawn: Spawner, tmp_path: Path
) -> None:
    """The exit status says whether every answer was right, and the report which one was not."""
    port = free_port()
    environment = {"NEW_APP_SESSION_DIR": str(tmp_path / "sessions"), "NEW_APP_FAULTS": faults}
    command = [sys.executable, "-m", "new_app", "--port", str(port)]
    spawn(command, name="new_app", env=environment, ready=http_ok(f"http://127.0.0.1:{port}/health"))
    url = f"http://127.0.0.1:{port}"
    journeys = spawn([sys.executable, "-m", "bench", "--journeys", url, *ARGUMENTS], name="journeys")
    assert journeys.wait(180) == status, journeys.tail()
    assert told in journeys.output()
