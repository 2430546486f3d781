"""What was worked out for an object, while the same object comes again. It must not know what that is.

Known by what it is and not by its value, so that neither a hash nor a comparison of all its parts is needed:
for values that are shared by all who have them, such as the fields of a client that keeps its connection.
"""

from __future__ import annotations

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """At most ``most`` of them; beyond, it begins anew. Only for keys that are never changed."""

    __slots__ = ("_known", "_most")

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[int, tuple[K, V]] = {}

    def find(self, key: K) -> V | None:
        """What is known of this very object."""
        found = self._known.get(id(key))
        # An object that is gone may have left its number to another one; but what is kept here is not gone.
        return found[1] if found is not None and found[0] is key else None

    def keep(self, key: K, value: V) -> None:
        """Remember it."""
        if len(self._known) >= self._most:
            self._known.clear()
        self._known[id(key)] = key, value

    def __len__(self) -> int:
        return len(self._known)
