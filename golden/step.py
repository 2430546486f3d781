"""One request of a journey, as a flow asks for it and as a recording keeps it; it must not know files.

Its strings may hold references (`template`) to values that earlier steps handed on (`extraction`).
"""

from dataclasses import dataclass

from golden import template
from golden.body import NO_BODY, Body
from golden.extraction import Extraction


@dataclass(frozen=True, slots=True)
class Step:
    """One request of a journey, with references; `extract` is what it hands on."""

    number: int
    name: str
    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: Body = NO_BODY
    extract: tuple[Extraction, ...] = ()

    @property
    def references(self) -> frozenset[str]:
        """The names this step needs."""
        return template.names([self.target, [value for _, value in self.headers], self.body.value])
