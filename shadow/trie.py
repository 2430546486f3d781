"""Patterns over paths, compiled once and matched one token at a time. It must not know what the patterns are
for.

A pattern's cost does not depend on how many others there are, and no regular expression runs over a path's
text.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar

from shadow.paths import ANY_DEPTH, ANY_ONE, Tokens

T = TypeVar("T")


class Matches(NamedTuple, Generic[T]):
    """What applies at a path: patterns that match all of it, and patterns that match a container it lies
    in.
    """

    exact: tuple[T, ...]
    above: tuple[T, ...]


class _Node(Generic[T]):
    __slots__ = ("any_depth", "any_one", "by_key", "items", "stays")

    def __init__(self, stays: bool = False) -> None:
        self.by_key: dict[str, _Node[T]] = {}
        self.any_one: _Node[T] | None = None
        self.any_depth: _Node[T] | None = None
        self.stays = stays  # a ** matches one more token and remains where it is
        self.items: list[T] = []

    def child(self, token: str) -> _Node[T]:
        if token == ANY_DEPTH:
            self.any_depth = self.any_depth or _Node(stays=True)
            return self.any_depth
        if token == ANY_ONE:
            self.any_one = self.any_one or _Node()
            return self.any_one
        return self.by_key.setdefault(token, _Node())

    def after(self, token: str) -> Iterable[_Node[T]]:
        if token in self.by_key:
            yield self.by_key[token]
        if self.any_one:
            yield self.any_one
        if self.stays:
            yield self


class Trie(Generic[T]):
    """Items filed under patterns. Built by ``add``, then only read."""

    __slots__ = ("_known", "_root")

    def __init__(self, patterns: Iterable[tuple[Tokens, T]] = ()) -> None:
        self._root: _Node[T] = _Node()
        self._known: dict[Tokens, Matches[T]] = {}
        for pattern, item in patterns:
            self._add(pattern, item)

    def _add(self, pattern: Tokens, item: T) -> None:
        node = self._root
        for token in pattern:
            node = node.child(token)
        node.items.append(item)

    def match(self, path: Tokens) -> Matches[T]:
        """Everything filed under a pattern that matches ``path`` or a container above it."""
        known = self._known.get(path)
        if known is None:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            known = self._known[path] = self._search(path)
        return known

    def _search(self, path: Tokens) -> Matches[T]:
        active, above = _with_depths([self._root]), []
        for token in path:
            above += [item for node in active for item in node.items]
            active = _with_depths([after for node in active for after in node.after(token)])
        exact = [item for node in active for item in node.items]
        return Matches(tuple(exact), tuple(above))


_MAX_KNOWN = 4096
"""Keys that are data (ids) make many paths; what is remembered about them is bounded."""


def _with_depths(nodes: list[_Node[T]]) -> list[_Node[T]]:
    """``nodes`` and the ``**`` each may enter without using a token, each once."""
    reached = dict.fromkeys(nodes)
    for node in nodes:
        if node.any_depth:
            reached[node.any_depth] = None
    return list(reached)
