"""For an application that is asked in the shadow: what a copy of a request does stays in a scratch space.

Standard library only, and nothing of this package: an application's owner may copy this file, ``wsgi`` and
``asgi`` into the application.

```python
SESSIONS = Scratch(SESSIONS)         # any mapping: a copy reads it, and writes beside it
app = ShadowMode(app, SESSIONS)      # from shadow.wsgi or shadow.asgi
```
"""

from __future__ import annotations

import copy
import functools
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, MutableMapping
from contextvars import ContextVar, Token
from typing import ParamSpec, TypeVar

HEADER = "Banyan-Shadow"
ASKED = "1"
HONOURED = "honoured"
COOKIE = "banyan_scratch"
"""Which scratch space a copy belongs to, so that a conversation of copies has turns."""

MAX_SPACES = 10_000
LIFETIME = 3600.0

Value = TypeVar("Value")
Params = ParamSpec("Params")
Result = TypeVar("Result")

_space: ContextVar[str] = ContextVar("banyan_scratch_space", default="")
_GONE = object()


def in_shadow() -> bool:
    """Whether the request at work is a copy, which must have no effect."""
    return bool(_space.get())


def enter(space: str) -> Token[str]:
    """The request at work in this context is a copy that belongs to this scratch space, until ``leave``."""
    return _space.set(space)


def leave(token: Token[str]) -> None:
    """The copy has been answered."""
    _space.reset(token)


def space_of(cookie_line: str) -> tuple[str, bool]:
    """The scratch space named by a Cookie line, and whether it is a new one."""
    for part in cookie_line.split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE and 0 < len(value) <= 64 and value.isalnum():
            return value, False
    return secrets.token_hex(16), True


def set_cookie(space: str) -> str:
    """The Set-Cookie line that names a scratch space to whoever sends copies."""
    return f"{COOKIE}={space}; Path=/; HttpOnly; SameSite=Lax"


def only_for_users(effect: Callable[Params, Result]) -> Callable[Params, Result | None]:
    """A function with an effect outside (a mail, a charge): in a copy it is not called, and gives None."""

    @functools.wraps(effect)
    def guarded(*args: Params.args, **kwargs: Params.kwargs) -> Result | None:
        return None if in_shadow() else effect(*args, **kwargs)

    return guarded


class Scratch(MutableMapping[str, Value]):
    """A mapping of which every copy's session has its own version, begun from what the real one holds.

    For users it is the real mapping. In a copy values are read as deep copies, and what is written or deleted
    stays in the scratch space. Spaces are bounded in number and age.
    """

    def __init__(self, real: MutableMapping[str, Value], clock: Callable[[], float] = time.monotonic) -> None:
        self._real = real
        self._clock = clock
        self._spaces: OrderedDict[str, tuple[float, dict[str, object]]] = OrderedDict()
        self._held = threading.Lock()

    def __getitem__(self, key: str) -> Value:
        if not in_shadow():
            return self._real[key]
        mine = self._mine()
        if key not in mine:
            mine[key] = copy.deepcopy(self._real[key])
        value = mine[key]
        if value is _GONE:
            raise KeyError(key)
        return value  # type: ignore[return-value]  # only values of this mapping are put in

    def __setitem__(self, key: str, value: Value) -> None:
        if in_shadow():
            self._mine()[key] = copy.deepcopy(value)
        else:
            self._real[key] = value

    def __delitem__(self, key: str) -> None:
        if not in_shadow():
            del self._real[key]
            return
        if key not in self:
            raise KeyError(key)
        self._mine()[key] = _GONE

    def __iter__(self) -> Iterator[str]:
        if not in_shadow():
            return iter(self._real)
        mine = self._mine()
        keys = dict.fromkeys([*self._real, *mine])
        return iter([key for key in keys if mine.get(key) is not _GONE])

    def __len__(self) -> int:
        return sum(1 for _ in self) if in_shadow() else len(self._real)

    def __contains__(self, key: object) -> bool:
        if not in_shadow():
            return key in self._real
        mine = self._mine()
        return mine[key] is not _GONE if isinstance(key, str) and key in mine else key in self._real

    def _mine(self) -> dict[str, object]:
        now, space = self._clock(), _space.get()
        with self._held:
            _, values = self._spaces.pop(space, (now, {}))
            self._spaces[space] = (now, values)
            while len(self._spaces) > MAX_SPACES or next(iter(self._spaces.values()))[0] < now - LIFETIME:
                self._spaces.popitem(last=False)
            return values
