"""From method and path to feature. The cost of a match follows the number of path segments, never of routes.

A pattern is an optional method and a path: ``POST /api/orders``, ``/api/orders/{id}``, ``/api/v2/orders/*``.
``{name}`` stands for one non-empty segment; a final ``/*`` for the path itself and everything below it.
A literal segment wins over ``{name}``, and both win over ``*``. ``GET`` also claims ``HEAD``.
The path is compared byte for byte as it came in: no decoding, so none can differ from the application's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from gateway.core.memory import Memory

_ANY_METHOD = b""
_MATCHED = 2048
_LONGEST_KEPT = 256
"""Of the last paths asked for, up to this length, the route is remembered: many walks become one look."""


class Route(NamedTuple):
    """A pattern of one feature. ``template`` is the pattern's path, fit for grouping: it holds no user
    data."""

    feature: str
    template: str


class _Node:
    __slots__ = ("below", "ends", "literals", "parameter")

    def __init__(self) -> None:
        self.literals: dict[bytes, _Node] = {}
        self.parameter: _Node | None = None
        self.ends: dict[bytes, Route] = {}
        self.below: dict[bytes, Route] = {}


class RouteTable:
    """All patterns of all features; immutable once built."""

    __slots__ = ("_exact", "_matched", "_root")

    def __init__(self, features: Iterable[tuple[str, Iterable[str]]]) -> None:
        self._root = _Node()
        self._exact: dict[bytes, dict[bytes, Route]] = {}
        self._matched: Memory[tuple[bytes, bytes], Route | Literal[False]] = Memory(_MATCHED)
        for feature, patterns in features:
            for pattern in patterns:
                self._add(feature, pattern)

    def match(self, method: bytes, path: bytes) -> Route | None:
        """The route that claims this request, or None (then legacy answers)."""
        found = self._matched.recent((method, path))
        if found is None:
            found = self._match(method, path) or False
            if len(path) <= _LONGEST_KEPT:
                self._matched.put((method, path), found)
        return found or None

    def _match(self, method: bytes, path: bytes) -> Route | None:
        methods = self._exact.get(path)
        if methods is not None:
            route = _for_method(methods, method)
            if route is not None:
                return route
        return _walk(self._root, path.split(b"/"), 1, method) if path.startswith(b"/") else None

    def _add(self, feature: str, pattern: str) -> None:
        method, path = _split(pattern)
        route = Route(feature, path)
        segments = path.encode().split(b"/")[1:]
        wildcard = segments[-1] == b"*"
        node = self._root
        for segment in segments[:-1] if wildcard else segments:
            node = _child(node, segment)
        (node.below if wildcard else node.ends).setdefault(method, route)
        if not wildcard and "{" not in path:
            self._exact.setdefault(path.encode(), {}).setdefault(method, route)


def _split(pattern: str) -> tuple[bytes, str]:
    method, _, path = pattern.rpartition(" ")
    return method.strip().encode(), path


def _child(node: _Node, segment: bytes) -> _Node:
    if segment.startswith(b"{") and segment.endswith(b"}"):
        if node.parameter is None:
            node.parameter = _Node()
        return node.parameter
    return node.literals.setdefault(segment, _Node())


def _for_method(methods: dict[bytes, Route], method: bytes) -> Route | None:
    route = methods.get(method)
    if route is None and method == b"HEAD":
        route = methods.get(b"GET")
    return route if route is not None else methods.get(_ANY_METHOD)


def _walk(node: _Node, segments: list[bytes], at: int, method: bytes) -> Route | None:
    if at == len(segments):
        found = _for_method(node.ends, method) if node.ends else None
        return found if found is not None else _for_method(node.below, method)
    segment = segments[at]
    child = node.literals.get(segment)
    found = _walk(child, segments, at + 1, method) if child is not None else None
    if found is None and node.parameter is not None and segment:
        found = _walk(node.parameter, segments, at + 1, method)
    if found is None and node.below:
        found = _for_method(node.below, method)
    return found
