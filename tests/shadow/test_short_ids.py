"""Order 17 here is order 3 over there, and a page 17 stays a page 17."""

from __future__ import annotations

import json

import pytest

from shadow import Observation, RequestSnapshot, SessionMirror
from shadow.short_ids import collection_of, id_noun, noun_of

JSON = ((b"Content-Type", b"application/json"),)
FORM = ((b"Content-Type", b"application/x-www-form-urlencoded"),)


def said(side: str, value: object, *headers: tuple[bytes, bytes]) -> Observation:
    return Observation(
        "legacy" if side == "legacy" else "new", 200, (*JSON, *headers), json.dumps(value).encode()
    )


def taught(target: str, ours: object, theirs: object) -> SessionMirror:
    mirror = SessionMirror(0.0)
    mirror.learn(RequestSnapshot("POST", target, JSON, b""), said("legacy", ours), said("new", theirs))
    return mirror


def target(mirror: SessionMirror, text: str) -> str:
    return mirror.rewrite(RequestSnapshot("GET", text, (), b"")).target


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"id": 17}, {"id": 3}),
        ({"order": {"id": 17}}, {"order": {"id": 3}}),
        ({"order_id": 17}, {"order_id": 3}),
        ({"orderId": "17"}, {"orderId": "3"}),
        ({"orders": [{"id": 17}]}, {"orders": [{"id": 3}]}),
    ],
)
def test_a_created_id_is_known_again_by_its_noun(ours: object, theirs: object) -> None:
    mirror = taught("/api/orders", ours, theirs)
    assert target(mirror, "/api/orders/17/items?page=17") == "/api/orders/3/items?page=17"
    assert target(mirror, "/api/items?order_id=17&item_id=17") == "/api/items?order_id=3&item_id=17"
    assert target(mirror, "/api/users/17") == "/api/users/17"
    assert target(mirror, "/api/orders/18") == "/api/orders/18"


def test_in_bodies() -> None:
    mirror = taught("/orders", {"id": 17}, {"id": 3})
    body = {"orderId": 17, "order": {"id": 17, "total": 17}, "ids": [17], "order_ids": 17, "user": {"id": 17}}
    copy = mirror.rewrite(RequestSnapshot("POST", "/pay", JSON, json.dumps(body).encode()))
    assert json.loads(copy.body) == {**body, "orderId": 3, "order": {"id": 3, "total": 17}}
    form = mirror.rewrite(RequestSnapshot("POST", "/orders", FORM, b"id=17&n=17"))
    assert form.body == b"id=3&n=17"


def test_a_location_teaches_too() -> None:
    mirror = SessionMirror(0.0)
    request = RequestSnapshot("POST", "/orders", JSON, b"")
    mirror.learn(
        request,
        said("legacy", {}, (b"Location", b"/orders/17")),
        said("new", {}, (b"Location", b"http://x/orders/3")),
    )
    assert target(mirror, "/orders/17") == "/orders/3"


def test_the_last_word_counts() -> None:
    mirror = taught("/orders", {"id": 17}, {"id": 3})
    request = RequestSnapshot("POST", "/orders", JSON, b"")
    mirror.learn(request, said("legacy", {"id": 17}), said("new", {"id": 4}))
    assert target(mirror, "/orders/17") == "/orders/4"


def test_nothing_known_nothing_changed() -> None:
    request = RequestSnapshot("POST", "/orders/17?id=17", JSON, b'{ "id": 17 }')
    assert SessionMirror(0.0).rewrite(request).body == request.body
    assert taught("/users", {"id": 1}, {"id": 2}).rewrite(request).body == request.body


@pytest.mark.parametrize(
    ("key", "noun"),
    [
        ("id", "box"),
        ("order_id", "order"),
        ("orderId", "order"),
        ("orderID", "order"),
        ("paid", ""),
        ("idea", ""),
    ],
)
def test_which_fields_are_identifiers(key: str, noun: str) -> None:
    assert id_noun(key, "box") == noun


def test_nouns() -> None:
    assert {noun_of(word) for word in ("Orders", "order", "ORDER")} == {"order"}
    assert noun_of("categories") == noun_of("category")
    assert collection_of("/api/orders/17") == "order"
