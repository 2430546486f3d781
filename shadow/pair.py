"""Two answers to one request, made plain and read once, for all who look at them: the comparison and what a
session learns. It must not know rules.

``is_same`` is what most pairs are, and costs next to nothing: the heads hold the same lines (but for those
that nobody compares and nobody learns from), the bodies the same bytes or the same value.
"""

from __future__ import annotations

from itertools import chain
from typing import NamedTuple

from shadow.bodies import Bodies, read_bodies
from shadow.coding import plain_observation
from shadow.model import Headers, Observation
from shadow.remembered import Remembered

_PASSING = frozenset({b"date", b"server", b"content-length", b"connection", b"keep-alive", b"via"})
"""Fields that belong to one answer or one server: neither compared, unless a rule file asks for it, nor a
value that could turn up again."""
_MOST = 512
_LONGEST = 4096


class Pair:
    """``control`` and ``candidate`` without content codings. ``heads_alike``: nothing in the heads differs
    that could be compared or learned. ``sets_cookies``: one of them does.
    """

    __slots__ = ("_bodies", "_same", "bodiless", "candidate", "control", "heads_alike", "sets_cookies")

    def __init__(
        self,
        control: Observation,
        candidate: Observation,
        *,
        bodiless: bool = False,
        also: tuple[str, ...] = (),
    ) -> None:
        ours, theirs = _lasting(control.headers), _lasting(candidate.headers)
        self.heads_alike = ours.lines == theirs.lines and not (
            also and _passing_differs(control, candidate, also)
        )
        self.sets_cookies = ours.sets_cookies or theirs.sets_cookies
        is_coded = ours.coded or theirs.coded
        if is_coded and not (self.heads_alike and control.body == candidate.body):  # else the coding too is
            control, candidate = plain_observation(control), plain_observation(candidate)
        self.control, self.candidate = control, candidate
        self.bodiless = bodiless
        self._bodies: Bodies | None = Bodies("bytes", equal=True) if bodiless else None
        self._same: bool | None = None

    @property
    def bodies(self) -> Bodies:
        """Both bodies as values; read when they are first asked for."""
        if self._bodies is None:
            self._bodies = read_bodies(self.control, self.candidate)
        return self._bodies

    @property
    def is_same(self) -> bool:
        """Whether there is nothing in it that differs, and nothing to learn."""
        if self._same is None:
            self._same = self._is_same()
        return self._same

    def _is_same(self) -> bool:
        if not self.heads_alike or self.sets_cookies or self.control.status != self.candidate.status:
            return False
        bodies = self.bodies
        return bodies.equal and not bodies.open


def same_at_sight(control: Observation, candidate: Observation, also: tuple[str, ...] = ()) -> bool:
    """Whether two whole answers are the same byte for byte, so that there is nothing to read, to compare or
    to learn. Cheap, and of two answers that are not the same it says so at once.
    """
    if control.body != candidate.body or control.status != candidate.status:
        return False
    if control.cut or candidate.cut or control.truncated or candidate.truncated or also:
        return False
    ours = _lasting(control.headers)
    return not ours.sets_cookies and ours.lines == _lasting(candidate.headers).lines


class _Lasting(NamedTuple):
    """What of a head is more than passing."""

    lines: tuple[tuple[bytes, bytes], ...]
    sets_cookies: bool
    coded: bool


_known: Remembered[Headers, _Lasting] = Remembered(_MOST)


def _lasting(headers: Headers) -> _Lasting:
    """An application answers with the same fields for a second: what was read of them is kept so long."""
    found = _known.find(headers)
    if found is None:
        lines = tuple([(lower, value) for name, value in headers if (lower := name.lower()) not in _PASSING])
        names = {name for name, _ in lines}
        found = _Lasting(lines, b"set-cookie" in names, b"content-encoding" in names)
        if not found.sets_cookies and sum(map(len, chain.from_iterable(headers))) <= _LONGEST:
            _known.keep(headers, found)
    return found


def _passing_differs(control: Observation, candidate: Observation, also: tuple[str, ...]) -> bool:
    names = {name.encode("latin-1") for name in also} & _PASSING
    if not names:
        return False
    one, other = (
        [value for name, value in side.headers if name.lower() in names] for side in (control, candidate)
    )
    return one != other
