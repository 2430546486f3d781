"""Which fields are secrets, by their names. It must not know values.

A name is split into words at punctuation and capitals; a word that starts or ends with one of ``WORDS`` makes
the field a secret (``csrf_token``, ``cardNumber``, ``user-email``). Hiding a field too many costs little,
showing one too many cannot be undone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

WORDS = (
    "password",
    "passwd",
    "passphrase",
    "token",
    "secret",
    "card",
    "ssn",
    "email",
    "apikey",
    "credential",
)

SECRET_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "authorization": "authorization",
        "proxy-authorization": "authorization",
        "x-api-key": "apikey",
        "api-key": "apikey",
        "x-auth-token": "token",
    }
)
"""Fields whose whole value is a secret; Cookie and Set-Cookie are treated apart, as the names of cookies
stay.
"""

_BOUNDARY = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])")
_MAX_KNOWN = 4096


class SecretNames:
    """Looks names up, and remembers them: the names of an application's fields are few."""

    __slots__ = ("_known", "words")

    def __init__(self, extra: Iterable[str] = ()) -> None:
        self.words = (*WORDS, *(_joined(name) for name in extra if _joined(name)))
        self._known: dict[str, str] = {}

    def label(self, name: str) -> str:
        """The word that makes ``name`` a secret, or an empty string."""
        known = self._known.get(name)
        if known is None:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            known = self._known[name] = self._search(name)
        return known

    def _search(self, name: str) -> str:
        words = [word.lower() for word in _BOUNDARY.split(name) if word]
        for candidate in (*words, "".join(words)):
            for secret in self.words:
                if candidate.startswith(secret) or candidate.endswith(secret):
                    return secret
        return ""


def _joined(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", name.lower())
