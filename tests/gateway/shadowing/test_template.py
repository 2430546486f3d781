"""The route that findings are grouped under."""

import pytest

from gateway.shadowing.template import Templates


@pytest.mark.parametrize(
    ("pattern", "target", "template"),
    [
        ("/orders/{id}", "/orders/17?x=1", "GET /orders/{id}"),
        ("/api/*", "/api/orders", "GET /api/orders"),
        ("/api/*", "/api/orders/17/items?page=2", "GET /api/orders/{id}/items"),
        ("/api/*", "/api/orders/0b7e3a52-6d1c-4b53-9df1-0f0e2c3b4a59", "GET /api/orders/{id}"),
        ("/api/*", "/api/orders/deadbeef01", "GET /api/orders/{id}"),
        ("/api/*", "/api/v2/orders", "GET /api/v2/orders"),
        ("/api/*", "/api/secret%20of%20ann", "GET /api/{id}"),
        ("/*", "/", "GET /"),
        ("/*", "/a/b/c/d/e/f/g/h/i/j", "GET /a/b/c/d/e/f/g/h/…"),
    ],
)
def test_template(pattern: str, target: str, template: str) -> None:
    """Nothing that names a user is left in it."""
    assert Templates().of("GET", pattern, target) == template


def test_templates_are_bounded() -> None:
    """A client that invents paths cannot fill the store with routes."""
    templates = Templates(limit=3)
    found = {templates.of("GET", "/*", f"/p{'x' * number}") for number in range(1, 30)}
    assert len(found) == 4
    assert "GET /*" in found


def test_methods_that_clients_make_up_are_bounded() -> None:
    """Beyond the bound they share a route; the usual ones never do."""
    templates = Templates(limit=3)
    found = {templates.of("FOO" + "X" * number, "/orders", "/orders") for number in range(30)}
    assert len(found) == 4
    assert "* /orders" in found
    assert templates.of("BAR", "/*", "/x") == "* /*"
    assert templates.of("POST", "/orders", "/orders") == "POST /orders"


def test_a_path_is_the_same_route_however_it_is_written() -> None:
    """Bytes above ASCII as they are, or as a browser writes them."""
    routes = {Templates().of("GET", "/api/*", target) for target in ("/api/caf\xc3\xa9", "/api/caf%C3%A9")}
    assert len(routes) == 1
