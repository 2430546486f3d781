"""What the shadow knows of a session whose user is answered by the other side from now on."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.e2e.attempts import WAIT, Attempts
from tests.e2e.between import Application, Asked, Says, between

USERS = 8
GIVEN = (("Content-Type", "application/json"), ("Set-Cookie", "session=of-this-side; Path=/"))


def renamed_on_new(field: bytes, given: bool) -> Application:
    def application(asked: Asked) -> Says:
        if asked.target == "/later":
            return Says(b'{"%b": "hello"}' % field)
        return Says(b'{"models": [1]}', headers=GIVEN) if given else Says(b'{"models": [1]}')

    return application


@pytest.mark.parametrize(
    ("given", "verdict"),
    [pytest.param(False, "mismatch", id="nothing-given"), pytest.param(True, "undetermined", id="a-cookie")],
)
def test_a_change_of_sides_costs_only_what_a_side_knew(tmp_path: Path, given: bool, verdict: str) -> None:
    """Users who only looked have left nothing behind: what differs after a raise is a mismatch. Those to whom
    a side gave a cookie are unknown on the other."""
    sides = renamed_on_new(b"response", given), renamed_on_new(b"reply", given)
    with between(tmp_path, *sides, shadow="control_twice = 0") as gateway:
        attempts = Attempts(gateway)

        def dial(percent: int) -> None:
            moved = gateway.banyan("dial", "orders", str(percent), "--reason", "everybody")
            assert (moved.code, moved.data["complete"]) == (0, True), moved.text

        def attempt(name: str) -> None:
            users = [{"X-User": f"{name}-{number}"} for number in range(USERS)]
            with httpx.Client(base_url=gateway.url, trust_env=False, timeout=WAIT) as client:
                dial(0)
                for user in users:
                    client.get("/models", headers=user)
                attempts.settled(USERS)
                dial(100)
                for user in users:
                    assert client.get("/later", headers=user).json() == {"reply": "hello"}

        attempts.until(attempt, {"match": USERS, verdict: USERS})
