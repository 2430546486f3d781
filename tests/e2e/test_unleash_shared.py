"""A real Unleash says the dials of two machines that share a real Redis: they know of each other, a journey
climbs on what both have seen, a rule sees the request, and a dial that is lowered while another is being
raised ends low.
"""

from __future__ import annotations

import http.client
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from flags import position
from tests.e2e.machines import KEYS, UNGUARDED, Machine, two_sides
from tests.support.ports import wait_until
from tests.support.redis import RedisServer
from tests.support.spawn import Spawner
from tests.support.unleash import ADMIN_TOKEN, BACKEND_TOKEN, UnleashServer, rollout

ENV = {"TEST_UNLEASH_BACKEND": BACKEND_TOKEN, "TEST_UNLEASH_ADMIN": ADMIN_TOKEN}
JOURNEY = (
    "guard = { max_error_rate = 0.5, max_p95 = 30, max_p95_ratio = 1000, min_samples = 5 }\n"
    'plan = { journey = "checkout", steps = [20, 50], hold = "0s", samples = 10 }'
)
ANOTHER = '[[feature]]\nname = "{0}"\nmatch = ["/{0}/*"]\nshadow.percent = 0\nguard.on_failure = "hold"\n'
Build = Callable[..., Machine]


@pytest.fixture(scope="module")
def sides() -> Iterator[tuple[str, str]]:
    with two_sides() as found:
        yield found


@pytest.fixture
def build(spawn: Spawner, tmp_path: Path, sides: tuple[str, str], unleash: UnleashServer) -> Build:
    def made(name: str, *, state: str = "", feature: str = UNGUARDED, more: str = "") -> Machine:
        table = (
            f'[flags]\nsource = "unleash"\n[flags.unleash]\nurl = "{unleash.url}"\nrefresh = 1\n'
            f'token_env = "TEST_UNLEASH_BACKEND"\nadmin_token_env = "TEST_UNLEASH_ADMIN"\n{more}\n'
        )
        return Machine(spawn, tmp_path / name, sides, more=table, env=ENV, state=state, feature=feature)

    return made


def percent_there(unleash: UnleashServer, feature: str) -> int:
    (strategy,) = unleash.strategies(feature)
    return int(strategy["parameters"]["rollout"])


def test_a_journey_climbs_in_unleash_on_what_both_machines_have_seen(
    build: Build, unleash: UnleashServer, redis_server: RedisServer
) -> None:
    for name in ("orders", "reports"):
        unleash.create(name, rollout(0, group=name))
    state = f'redis_url = "{redis_server.url}"'
    one, two = (build(name, state=state, feature=JOURNEY) for name in ("one", "two"))
    for machine in (one, two):
        wait_until(lambda at=machine: len(at.status()["machines"]) == 2, 20, "both machines")  # type: ignore[misc]
    started = one.change("plan", "start", "checkout")
    assert started.status == 0, started.text
    assert [percent_there(unleash, name) for name in ("orders", "reports")] == [20, 20]
    wait_until(lambda: two.percent("reports") == 20, 20, "the first step on the other machine")

    def second_step() -> bool:
        """Each machine sees one feature alone: neither could take the step by itself."""
        one.on_new("orders")
        two.on_new("reports")
        return [two.percent(name) for name in ("orders", "reports")] == [50, 50]

    wait_until(second_step, 60, "the second step")
    assert [percent_there(unleash, name) for name in ("orders", "reports")] == [50, 50]
    assert one.on_new("orders") == two.on_new("orders") != set()

    there = one.change("rollback", "orders").data["elsewhere"]
    assert (there["machines"], there["complete"]) == (1, True)
    assert two.on_new("orders") == set()
    assert two.on_new("reports") != set()
    for machine in (one, two):
        machine.process.stop(30)


def test_a_rule_on_a_property_of_the_request_is_honoured(build: Build, unleash: UnleashServer) -> None:
    """The constraint as a person makes it in Unleash; the header as the gateway is told to read it."""
    only_acme = {"contextName": "tenant", "operator": "IN", "values": ["acme"]}
    unleash.create("by-tenant", rollout(50, group="by-tenant", constraints=[only_acme]))
    machine = build("one", more='properties = ["tenant=header:X-Tenant"]\n' + ANOTHER.format("by-tenant"))
    wait_until(lambda: machine.percent("by-tenant") == 50, 20, "the dial of Unleash")
    below = {key for key in KEYS if position("by-tenant", key) < 5000}
    assert 0 < len(below) < len(KEYS)
    assert {key for key in KEYS if side(machine, key, "acme") == "new"} == below
    assert {key for key in KEYS if side(machine, key, "another") == "new"} == set()
    assert {key for key in KEYS if side(machine, key) == "new"} == set()

    told = machine.banyan(
        "explain", "GET", "/by-tenant/x", "--key", min(below), "--header", "X-Tenant: acme"
    ).data
    assert (told["side"], told["cause"]) == ("new", "percentage")
    # Another value of the constraint, set in Unleash, counts from the next fetch on.
    (strategy,) = unleash.strategies("by-tenant")
    path = f"/projects/default/features/by-tenant/environments/development/strategies/{strategy['id']}"
    another = {**only_acme, "values": ["another"]}
    unleash.ask("PUT", path, rollout(50, group="by-tenant", constraints=[another]))
    wait_until(lambda: side(machine, min(below), "another") == "new", 20, "the new constraint")
    assert side(machine, min(below), "acme") == "legacy"
    machine.process.stop(30)


def test_a_dial_lowered_while_another_is_being_raised_ends_low(build: Build, unleash: UnleashServer) -> None:
    """Unleash hangs in the middle of the raise: what was asked for later holds, and nobody is in between."""
    unleash.create("lowered", rollout(20, group="lowered"))
    machine = build("one", more=ANOTHER.format("lowered"))
    wait_until(lambda: machine.percent("lowered") == 20, 20, "the dial of Unleash")
    answers: dict[int, Any] = {}

    def dial(percent: int) -> None:
        body = {"percent": percent, "reason": "a test", "by": "ann"}
        answers[percent] = machine.ask("PUT", "/features/lowered/dial", body)

    def asked() -> list[tuple[str, str]]:
        """Ann's alone: what Unleash said at the start is written down after it is in force."""
        return [(one["action"], one["new"]) for one in machine.entries() if one["actor"] == "ann"]

    unleash.process.signal(signal.SIGSTOP)
    try:
        both = [threading.Thread(target=dial, args=(percent,)) for percent in (90, 5)]
        both[0].start()
        wait_until(lambda: ("dial", "90") in asked(), 10, "the raise to be on its way")
        both[1].start()
    finally:
        unleash.process.signal(signal.SIGCONT)
    for thread in both:
        thread.join(40)
    assert answers[5].get("new") == 5, answers
    try:
        wait_until(lambda: machine.percent("lowered") == 5, 20, "the lower dial")
    except TimeoutError as late:
        pytest.fail(f"{late}: {as_it_stands(machine, unleash, 'lowered')}; the dials were answered {answers}")
    assert percent_there(unleash, "lowered") == 5
    assert [new for action, new in asked() if action == "dial"] == ["90", "5"]
    machine.process.stop(30)


def as_it_stands(machine: Machine, unleash: UnleashServer, feature: str) -> str:
    """What each of them says of a dial that did not come true: the gateway, Unleash to people and to
    gateways, and the ledger, which has the order in which the dials were taken.
    """
    address = f"{unleash.url}/api/client/features"
    headers = {"Authorization": BACKEND_TOKEN, "Unleash-Client-Spec": "5.2.0"}
    told = httpx.get(address, headers=headers, timeout=20, trust_env=False)
    (there,) = (one["strategies"] for one in told.json()["features"] if one["name"] == feature)
    events = unleash.ask("GET", f"/events/{feature}")["events"]
    said = {
        "in force": machine.percent(feature),
        "in Unleash": percent_there(unleash, feature),
        "told by Unleash": [one["parameters"]["rollout"] for one in there],
        "as revision": told.headers.get("etag"),
        "its events": [(one["id"], one["type"]) for one in events],
        "warnings": machine.status()["warnings"],
        "ledger": [
            (one["time"], one["actor"], one["action"], one["feature"], one["old"], one["new"])
            for one in machine.entries()
        ],
    }
    return ", ".join(f"{name}: {value}" for name, value in said.items())


def side(machine: Machine, key: str, tenant: str = "") -> str:
    """Who answers a user of this tenant."""
    asked = http.client.HTTPConnection(machine.ready["traffic"].removeprefix("http://"), timeout=10)
    headers = {"Cookie": f"banyan_key={key}", **({"X-Tenant": tenant} if tenant else {})}
    asked.request("GET", "/by-tenant/x", headers=headers)
    found = asked.getresponse().getheader("Banyan-Side", "")
    asked.close()
    return found
