"""Every route, with every method, as everybody: asked of a real admin port."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import httpx
import pytest

from tests.access.table import ADMIN, METHODS, NOT_LISTED, OPEN, ROLES, ROUTES, Route, render
from tests.docs.repository import read
from tests.gateway.running import Running
from tests.support.spawn import Spawner

TOKENS = {"viewer": "v" * 20, "operator": "o" * 20, "admin": "a" * 20}
PATHS = sorted({route.path for route in ROUTES})


@pytest.fixture(scope="module")
def gateway(spawn_for_module: Spawner, tmp_path_factory: pytest.TempPathFactory) -> Running:
    """A real supervisor and control process, and a token of each role."""
    folder: Path = tmp_path_factory.mktemp("gateway")
    (folder / "var").mkdir()
    rows = [
        {"name": role, "role": role, "sha256": hashlib.sha256(token.encode()).hexdigest()}
        for role, token in TOKENS.items()
    ]
    (folder / "var" / "tokens.json").write_text(json.dumps({"tokens": rows}))
    return Running(spawn_for_module, folder, workers=1)


def ask(gateway: Running, route: Route, method: str, token: str | None) -> int:
    """The status of one request."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    path = route.path.format(**route.fills)
    body = route.body if method == route.method else {"reason": "the matrix"}
    content = None if method == "GET" else body
    answer = httpx.request(
        method, gateway.admin + path, json=content, headers=headers, trust_env=False, timeout=60
    )
    return answer.status_code


def described(gateway: Running) -> set[tuple[str, str]]:
    document = gateway.call("GET", "/api/v1/openapi.json").json()
    return {(method.upper(), path) for path, found in document["paths"].items() for method in found}


def test_the_table_has_every_route_of_the_api_and_no_other(gateway: Running) -> None:
    assert {(route.method, route.path) for route in ROUTES} == described(gateway)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_a_route_opens_to_its_role_and_those_above(gateway: Running, route: Route) -> None:
    assert ask(gateway, route, route.method, None) == (200 if route.role == OPEN else 401)
    if route.role != OPEN:
        assert ask(gateway, route, route.method, "nobody's") == 401
    for role, token in TOKENS.items():
        status = ask(gateway, route, route.method, token)
        if ROLES.index(role) < ROLES.index(route.role):
            assert status == 403, role
        else:
            assert status in (200, 404, 422), role  # let in; what it asked for need not exist


@pytest.mark.parametrize("path", PATHS)
def test_no_method_is_forgotten(gateway: Running, path: str) -> None:
    known = {route.method: route for route in ROUTES if route.path == path}
    # Of `/diffs/{signature}` and `/diffs/noise` the second is the first with a name in it.
    for method in set(METHODS) - set(known):
        route = next(iter(known.values()))
        for token in (None, *TOKENS.values()):
            assert ask(gateway, route, method, token) == 405, (method, path)


@pytest.mark.parametrize(("method", "path", "role"), NOT_LISTED)
def test_what_the_document_does_not_list(gateway: Running, method: str, path: str, role: str) -> None:
    route = Route(method, path, role, "")
    assert ask(gateway, route, method, None) == (200 if role == OPEN else 401)
    assert ask(gateway, route, method, TOKENS["viewer"]) == 200


def test_no_route_is_hidden_from_the_document_but_those() -> None:
    """What is not in the document is named above."""
    source = "".join(path.read_text() for path in Path("gateway/admin").glob("*.py"))
    hidden = re.findall(r'@router\.\w+\("([^"]*)", include_in_schema=False\)', source)
    assert sorted(hidden) == ["/", "/dashboard.css", "/dashboard.js", "/openapi.json"]


def test_the_page_is_what_the_table_says() -> None:
    assert read("docs/access.md") == render()


def test_every_role_is_needed_somewhere() -> None:
    assert {route.role for route in ROUTES} == {*ROLES} >= {ADMIN}
