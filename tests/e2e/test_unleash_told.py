"""After a rollback a real Unleash is told, in the background, and after the restore again; what it cannot be
told, or says all the same, is reported."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.machines import KEYS, Machine, two_sides
from tests.support.ports import LOOPBACK, wait_until
from tests.support.redis import RedisServer
from tests.support.spawn import Spawner
from tests.support.unleash import ADMIN_TOKEN, BACKEND_TOKEN, UnleashServer, rollout

WAIT = 60
"""Seconds for what must come true, on however busy a machine."""
ENV = {"TEST_UNLEASH_BACKEND": BACKEND_TOKEN, "TEST_UNLEASH_ADMIN": ADMIN_TOKEN}


@pytest.fixture(scope="module")
def sides() -> Iterator[tuple[str, str]]:
    with two_sides() as found:
        yield found


def machine(
    spawn: Spawner,
    folder: Path,
    sides: tuple[str, str],
    unleash: UnleashServer,
    *,
    writes: bool = True,
    state: str = "",
    features: str = "",
) -> Machine:
    more = (
        f'[flags]\nsource = "unleash"\n[flags.unleash]\nurl = "{unleash.url}"\nrefresh = 1\n'
        'token_env = "TEST_UNLEASH_BACKEND"\n'
        + ('admin_token_env = "TEST_UNLEASH_ADMIN"\n' if writes else "")
        + features
    )
    return Machine(spawn, folder, sides, more=more, env=ENV, state=state)


def is_on(unleash: UnleashServer, feature: str) -> bool:
    """In the environment that is read."""
    found: Any = unleash.ask("GET", f"/projects/default/features/{feature}")
    return bool(next(one["enabled"] for one in found["environments"] if one["name"] == "development"))


def test_a_rollback_switches_off_there_and_a_restore_on_again(
    spawn: Spawner, tmp_path: Path, sides: tuple[str, str], unleash: UnleashServer
) -> None:
    """The dial stays where it was put, below a percent too; while Unleash hangs nothing waits for it."""
    unleash.create("orders", rollout(10, group="orders"))
    one = machine(spawn, tmp_path / "m", sides, unleash)
    wait_until(lambda: one.percent() == 10, WAIT, "the dial of Unleash")
    assert one.change("dial", "orders", "60.5").status == 0
    users = one.on_new()
    assert users

    unleash.process.signal(signal.SIGSTOP)
    asked = time.monotonic()
    done = one.ask("POST", "/features/orders/rollback", {"reason": "a test", "by": "ann"})
    assert done["complete"]
    assert time.monotonic() - asked < 5, "each word to Unleash is waited for so long"
    assert one.on_new() == set()
    wait_until(lambda: "could not be switched off" in str(one.status()["warnings"]), WAIT, "the warning")
    differs = "orders is rolled back here; unleash has it at 61 %."
    wait_until(lambda: differs in one.status()["warnings"], WAIT, "the difference")
    unleash.process.signal(signal.SIGCONT)
    wait_until(lambda: not is_on(unleash, "orders"), WAIT, "Unleash to be told")
    wait_until(lambda: "orders" not in str(one.status()["warnings"]), WAIT, "nothing to differ any more")
    assert one.percent() == 60.5

    assert one.change("restore", "orders").status == 0
    wait_until(lambda: is_on(unleash, "orders"), WAIT, "Unleash to be told")
    wait_until(lambda: one.on_new() == users, WAIT, "the same users on the new side")
    assert one.percent() == 60.5

    def told() -> list[str]:
        return [entry["reason"] for entry in one.entries() if entry["action"] == "source_told"]

    expected = ["switched off in unleash after the rollback", "switched on in unleash after the restore"]
    wait_until(lambda: told() == expected, WAIT, "both in the ledger")
    dials = [entry["new"] for entry in one.entries() if entry["action"] == "dial"]
    assert dials == ["10", "60.5"]


def test_without_a_token_for_it_unleash_is_left_alone_and_that_is_said(
    spawn: Spawner, tmp_path: Path, sides: tuple[str, str], unleash: UnleashServer
) -> None:
    """And a dial is refused, with what to do."""
    unleash.create("reports", rollout(100, group="reports"))
    one = machine(spawn, tmp_path / "m", sides, unleash, writes=False)
    wait_until(lambda: one.percent("reports") == 100, WAIT, "the dial of Unleash")
    said = one.change("dial", "reports", "50")
    assert said.status == 1
    assert "flags.unleash.admin_token_env or flags.unleash.admin_token_file" in said.text
    one.change("rollback", "reports")
    differs = "reports is rolled back here; unleash has it at 100 %."
    wait_until(lambda: differs in one.status()["warnings"], WAIT, "the difference")
    assert is_on(unleash, "reports")


def test_a_dial_of_what_is_rolled_back_leaves_it_switched_off_there(
    spawn: Spawner, tmp_path: Path, sides: tuple[str, str], unleash: UnleashServer
) -> None:
    """It counts from the restore on, and nobody is told that the two differ."""
    unleash.create("dialled", rollout(10, group="dialled"))
    more = '[[feature]]\nname = "dialled"\nmatch = ["/dialled/*"]\nshadow.percent = 0\n'
    one = machine(spawn, tmp_path / "m", sides, unleash, features=more)
    wait_until(lambda: one.percent("dialled") == 10, WAIT, "the dial of Unleash")
    assert one.change("rollback", "dialled").status == 0
    wait_until(lambda: not is_on(unleash, "dialled"), WAIT, "Unleash to be told")
    said = one.change("dial", "dialled", "30.5")
    assert said.status == 0, said.text
    assert (said.data["complete"], said.data["latched"], said.data["note"]) == (True, True, "")
    assert not is_on(unleash, "dialled")
    assert unleash.strategies("dialled")[0]["parameters"]["rollout"] == "31"
    wait_until(lambda: "dialled" not in str(one.status()["warnings"]), WAIT, "nothing to differ")
    assert one.percent("dialled") == 30.5
    assert one.change("restore", "dialled").status == 0
    wait_until(lambda: is_on(unleash, "dialled"), WAIT, "Unleash to be told")
    wait_until(lambda: bool(one.on_new("dialled")), WAIT, "users on the new side")
    assert one.percent("dialled") == 30.5
    dials = [
        entry["new"] for entry in one.entries() if (entry["action"], entry["feature"]) == ("dial", "dialled")
    ]
    assert dials == ["10", "30.5"]


def test_a_page_of_a_proxy_in_between_is_no_answer_and_the_dial_says_so(
    spawn: Spawner, tmp_path: Path, sides: tuple[str, str]
) -> None:
    """It comes with a 200. Nothing was moved, and that stands in the ledger behind what was announced."""
    with _proxy() as url:
        more = (
            f'[flags]\nsource = "unleash"\n[flags.unleash]\nurl = "{url}"\nrefresh = 1\n'
            'token_env = "TEST_UNLEASH_BACKEND"\nadmin_token_env = "TEST_UNLEASH_ADMIN"\n'
        )
        one = Machine(spawn, tmp_path / "m", sides, more=more, env=ENV)
        wait_until(lambda: one.percent() == 10, WAIT, "the dial of Unleash")
        said = one.change("dial", "orders", "50")
        assert (said.status, "what its admin API does not" in said.text) == (1, True)
        wait_until(lambda: one.entries()[-1]["action"] == "dial_failed", WAIT, "its failure in the ledger")
        one.change("rollback", "orders")
        wait_until(lambda: "could not be switched off" in str(one.status()["warnings"]), WAIT, "the warning")
    assert "Traceback" not in one.process.output()


@contextmanager
def _proxy() -> Iterator[str]:
    """Tells clients of `orders` at 10 %, as Unleash does, and shows a page in place of its admin API."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            client = self.path.startswith("/api/client/")
            strategies = [rollout(10, group="orders")]
            features = [{"name": "orders", "enabled": True, "strategies": strategies}]
            body = (
                json.dumps({"version": 2, "features": features}).encode() if client else b"<html>Hello</html>"
            )
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_PUT = do_GET  # noqa: N815

        def log_message(self, *said: Any) -> None:
            """Be quiet."""

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://{LOOPBACK}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_two_machines_with_unleash_and_redis_put_the_same_users_on_the_new_side(
    spawn: Spawner, tmp_path: Path, sides: tuple[str, str], unleash: UnleashServer, redis_server: RedisServer
) -> None:
    """Below a percent too, which Unleash cannot say; and a rollback on one holds on both."""
    state = f'redis_url = "{redis_server.url}"'
    one = machine(spawn, tmp_path / "one", sides, unleash, state=state)
    two = machine(spawn, tmp_path / "two", sides, unleash, state=state)
    said = one.change("dial", "orders", "33.25")
    assert (said.status, said.data["source"]) == (0, "unleash"), said.text
    wait_until(lambda: two.percent() == 33.25, WAIT, "the dial on the other machine")
    assert one.on_new() == two.on_new() < set(KEYS)
    two.change("rollback", "orders")
    wait_until(lambda: one.status()["features"][0]["latched"], WAIT, "the rollback on the other machine")
