"""One request of a journey, as a flow asks for it and as a recording keeps it; it must not know files.

Its strings may hold references (`template`) to values that earlier steps handed on (`extraction`).
"""

import re
from dataclasses import dataclass

from golden import template
from golden.body import NO_BODY, Body
from golden.extraction import Extraction

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_UNSENDABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
# What goes with the connection or the length of the body is the client's to say.
CLIENTS = frozenset(
    {"connection", "content-length", "expect", "keep-alive", "te", "transfer-encoding", "upgrade"}
)


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

    def unsendable(self) -> str:
        """Why this can be no request, in a sentence, or an empty text."""
        if not _TOKEN.fullmatch(self.method):
            return f"method = {self.method!r}: expected a method, such as POST"
        if (
            not self.target.startswith("/")
            or _UNSENDABLE.search(self.target)
            or re.search(r"[#\s]", self.target)
        ):
            return f"path = {self.target!r}: expected a path from /, without spaces or #"
        for name, value in self.headers:
            if not _TOKEN.fullmatch(name):
                return f"header {name!r}: expected a name of letters, digits and -"
            if name.lower() in CLIENTS:
                return f"header {name!r}: the client says it itself"
            if _UNSENDABLE.search(value):
                return f"header {name!r}: its value holds a line break or another control character"
        return ""
