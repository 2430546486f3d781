"""A dial gives the share it says, moves nobody back, and every worker agrees about everybody, also after
a restart."""

import math
import secrets

import httpx
import pytest

from tests.e2e.migration import Migration

USERS = 1000


@pytest.fixture(scope="module")
def keys() -> list[str]:
    """A thousand users, unlike those of any other run."""
    return [secrets.token_hex(16) for _ in range(USERS)]


def on_new(migration: Migration, keys: list[str]) -> set[str]:
    with httpx.Client(trust_env=False, timeout=10) as client:
        return {key for key in keys if migration.side_of(client, key) == "new"}


def test_share_is_within_the_binomial_bound_and_a_raise_moves_nobody_back(
    migration: Migration, keys: list[str]
) -> None:
    """At 10 %, four standard deviations around 100 of 1,000; at 25 %, everybody who was there is still
    there."""
    migration.dial(10)
    at_ten = on_new(migration, keys)
    assert abs(len(at_ten) - 100) <= 4 * math.sqrt(USERS * 0.1 * 0.9)
    migration.dial(25)
    assert at_ten <= on_new(migration, keys)
    migration.dial(10)
    assert on_new(migration, keys) == at_ten


def test_every_worker_gives_the_same_side(migration: Migration, keys: list[str]) -> None:
    """A connection of its own for each request, so that all workers get their turn."""
    migration.dial(50)
    expected = on_new(migration, keys[:60])
    workers = migration.worker_pids()
    assert len(workers) == 2
    for _ in range(4):
        for key in keys[:60]:
            with httpx.Client(trust_env=False, timeout=10) as client:
                assert (migration.side_of(client, key) == "new") == (key in expected)
    served = migration.banyan("status").data["workers"]
    assert all(worker["current"] for worker in served)


def test_same_sides_after_a_restart(migration: Migration, keys: list[str]) -> None:
    """The dial lies on the disk; the position follows from the key alone."""
    migration.dial(33.33)
    before = on_new(migration, keys[:200])
    migration.restart_gateway()
    assert on_new(migration, keys[:200]) == before
    assert migration.banyan("status").data["features"][0]["percent"] == 33.33


def test_minted_key_is_sticky_on_both_sides_alike(migration: Migration) -> None:
    """Whoever brings no key gets one with the answer, whichever side it comes from, and stays there."""
    migration.dial(50)
    seen = set()
    for _ in range(40):
        with httpx.Client(trust_env=False, timeout=10) as client:
            first = client.get(migration.url + "/api/models")
            assert "banyan_key" in first.cookies
            side = first.headers["Banyan-Side"]
            seen.add(side)
            for _ in range(3):
                assert client.get(migration.url + "/api/models").headers["Banyan-Side"] == side
    assert seen == {"legacy", "new"}
