"""Patterns of `match`: the grammar, and when two are the same."""

from __future__ import annotations

import pytest

from gateway.config.patterns import checked_pattern, same_pattern


@pytest.mark.parametrize(
    "pattern",
    [
        "/",
        "/*",
        "GET /",
        "POST /api/orders",
        "/api/{id}/items/{item}",
        "/a//b",
        "/a/",
        "PATCH /a",
        "/a%2Fb/@x;y=1",
        "/api/*",
    ],
)
def test_accepted_as_it_stands(pattern: str) -> None:
    assert checked_pattern(pattern) == pattern


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("", "begins with /"),
        ("api", "begins with /"),
        ("get /a", "in capitals"),
        ("GEET /a", "of GET, HEAD, POST, PUT, PATCH, DELETE"),
        ("GET  /a", "one space"),
        (" /a", "in capitals"),
        ("GET POST /a", "in capitals"),
        ("/a/*/b", "last segment"),
        ("/a*", "last segment"),
        ("/{id", "neither"),
        ("/x{id}", "neither"),
        ("/{}", "neither"),
        ("/{1}", "neither"),
        ("/{a}/{a}", "twice"),
        ("/a?b=1", "neither"),
        ("/a#b", "neither"),
        ("/a%2", "neither"),
        ("/é", "neither"),
        ("/a\n", "neither"),
    ],
)
def test_refused_with_the_reason(pattern: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        checked_pattern(pattern)


def test_names_of_parameters_make_no_difference() -> None:
    assert same_pattern("GET /a/{x}/{y}") == same_pattern("GET /a/{id}/{n}")
    assert same_pattern("/a/{x}") != same_pattern("GET /a/{x}")
