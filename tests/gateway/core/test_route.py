"""From method and path to feature."""

import time

import pytest

from gateway.core.route import Route, RouteTable

TABLE = RouteTable(
    [
        ("orders", ["POST /orders", "/orders/{id}", "/orders/{id}/items/*"]),
        ("special", ["/orders/special", "GET /orders/{id}/items/{item}"]),
        ("files", ["/files/*"]),
        ("reads", ["GET /things", "GET /things/*"]),
        ("slash", ["/dir/"]),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "feature"),
    [
        (b"POST", b"/orders", "orders"),
        (b"GET", b"/orders", None),
        (b"GET", b"/orders/7", "orders"),
        (b"DELETE", b"/orders/7", "orders"),
        (b"GET", b"/orders/special", "special"),
        (b"GET", b"/orders/", None),
        (b"GET", b"/orders/7/", None),
        (b"GET", b"/orders/7/items", "orders"),
        (b"GET", b"/orders/7/items/8", "special"),
        (b"HEAD", b"/orders/7/items/8", "special"),
        (b"PUT", b"/orders/7/items/8", "orders"),
        (b"GET", b"/orders/7/items/8/9", "orders"),
        (b"GET", b"/files", "files"),
        (b"GET", b"/files/", "files"),
        (b"PUT", b"/files/a/b/c", "files"),
        (b"GET", b"/filesystem", None),
        (b"GET", b"/things", "reads"),
        (b"HEAD", b"/things", "reads"),
        (b"HEAD", b"/things/a/b", "reads"),
        (b"POST", b"/things", None),
        (b"GET", b"/dir/", "slash"),
        (b"GET", b"/dir", None),
        (b"GET", b"/", None),
        (b"GET", b"", None),
        (b"OPTIONS", b"*", None),
    ],
)
def test_matches(method: bytes, path: bytes, feature: str | None) -> None:
    """A literal wins over a parameter, both over the rest; GET claims HEAD; ``/*`` the path itself too."""
    route = TABLE.match(method, path)
    assert (route.feature if route else None) == feature


@pytest.mark.parametrize(
    "path",
    [b"/files%2Fa", b"/%66iles/a", b"/FILES/a", b"//files/a", b"/./files/a", b"/x/../files", b"/files\\a"],
)
def test_paths_are_compared_byte_for_byte(path: bytes) -> None:
    """Nothing is decoded, folded or resolved."""
    assert TABLE.match(b"GET", path) is None


def test_an_encoded_slash_stays_in_its_segment() -> None:
    """``%2F`` is data of one parameter, not a border."""
    assert TABLE.match(b"GET", b"/orders/a%2Fb") == Route("orders", "/orders/{id}")
    assert TABLE.match(b"GET", b"/orders/a%2Fb/c") is None


def test_the_template_holds_no_data_of_a_user() -> None:
    """It is what groups differences and metrics."""
    assert TABLE.match(b"GET", b"/orders/secret") == Route("orders", "/orders/{id}")
    assert TABLE.match(b"GET", b"/files/secret") == Route("files", "/files/*")


def test_a_method_that_is_not_claimed_falls_through_to_the_next_best() -> None:
    """The literal claims POST only; the parameter claims the others."""
    table = RouteTable([("a", ["POST /x/new"]), ("b", ["/x/{id}"]), ("c", ["/x/*"])])
    matches = [table.match(method, b"/x/new") for method in (b"POST", b"GET")]
    assert [match.feature for match in matches if match] == ["a", "b"]


def test_of_two_equal_patterns_the_first_wins() -> None:
    """In the order of the configuration."""
    table = RouteTable([("a", ["/x", "/y/{id}", "/z/*"]), ("b", ["/x", "/y/{name}", "/z/*"])])
    for path in (b"/x", b"/y/1", b"/z/1"):
        match = table.match(b"GET", path)
        assert match is not None
        assert match.feature == "a"


def test_everything_below_the_root() -> None:
    """``/*`` claims all of it."""
    table = RouteTable([("all", ["/*"])])
    for path in (b"/", b"/a", b"/a/b"):
        assert table.match(b"GET", path) == Route("all", "/*")


def test_a_thousand_features_each_find_their_own() -> None:
    """And a match among them is no dearer than among ten (compared with a wide margin)."""

    def table_of(count: int) -> RouteTable:
        return RouteTable(
            (f"f{n}", [f"/api/v{n}/things/{{id}}", f"GET /api/v{n}", f"/other/{n}/*"]) for n in range(count)
        )

    large, small = table_of(1000), table_of(10)
    for n in range(1000):
        for path in (f"/api/v{n}/things/7", f"/api/v{n}", f"/other/{n}/a/b"):
            match = large.match(b"GET", path.encode())
            assert match is not None
            assert match.feature == f"f{n}"
    assert large.match(b"GET", b"/api/v1000") is None

    def cost(table: RouteTable) -> float:
        began = time.perf_counter()
        for _ in range(2000):
            table.match(b"GET", b"/api/v9/things/7")
        return time.perf_counter() - began

    assert min(cost(large) for _ in range(5)) < 10 * min(cost(small) for _ in range(5))
