"""What a session began with: the dials that were in force then, signed into the key's cookie. Pure; it must
not know requests.

For a feature with `move = "new-sessions"` a raise takes only sessions that begin after it. So the cookie
carries, for each such feature, the dial under which its session began; what counts is the lower one of that
and the dial of now (`flags.evaluate`). No clock and no revision of a machine is compared with another's, so
all machines agree; and as a position never moves, the dial says the same as the side, and also tells the
judge by which chance the session came to it.

The text is `TIME:FEATURE=DIAL:…` in hexadecimal, a point, and its tag: keyed BLAKE2b (RFC 7693), over the
key's own text as well, so that no cookie's beginning fits another key. A feature is named by a hash. One that
is not there was not there when the session began: its dial counts as 0.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final, NamedTuple

from flags import FlagSnapshot
from gateway.core.memory import Memory

__all__ = ["Beginning", "Beginnings", "Seen"]

_TEXT: Final = re.compile(rb"([0-9a-f]{8})((?::[0-9a-f]{8}=[0-9a-f]{4})*)\.([0-9a-f]{32})")
_REMEMBERED: Final = 2048


class Beginning(NamedTuple):
    """`at`: seconds since 1970. `dials`: hundredths by feature; what is not there is 0. `told`: the cookie
    says so already.
    """

    at: int
    dials: Mapping[str, int]
    told: bool = False

    def lowered(self, feature: str, dial: int) -> Beginning:
        """The same session after it was seen at a lower dial, which a later raise must not undo."""
        return Beginning(self.at, {**self.dials, feature: dial})


class Seen(NamedTuple):
    """What the cookie is to say from now on, and the dial (hundredths) that the feature had when the session
    began; None where raises take every session.
    """

    beginning: Beginning
    dial: int | None


class Beginnings:
    """`features`: those that move with new sessions. `lasts`: seconds after which a session is over, and its
    user's next request begins another. Without a `secret` nothing can be signed, nor believed.
    """

    __slots__ = ("_lasts", "_names", "_read", "_tagging", "features")

    def __init__(self, features: frozenset[str], secret: bytes | None, lasts: float) -> None:
        self.features = features
        self._lasts = lasts
        self._tagging = blake2b(secret, person=b"banyan begun", digest_size=32).digest() if secret else b""
        self._names = {
            blake2b(name.encode(), key=self._tagging, digest_size=4).hexdigest().encode(): name
            for name in features
        }
        self._read: Memory[tuple[bytes, bytes], Beginning] = Memory(_REMEMBERED)

    def of(self, key: bytes, text: bytes, now: float) -> Beginning | None:
        """What the session of `key` (as it stands in the cookie) began with; None: it begins now. A text that
        was altered, or made for another key, is a session that no raise takes.
        """
        if not self._tagging:
            return Beginning(int(now), {}, True)
        if not text:
            return None
        found = self._read.get((key, text))
        if found is None:
            found = self._believed(key, text)
            if found is None:
                return Beginning(int(now), {})
            self._read.put((key, text), found)
        return None if now - found.at >= self._lasts else found

    def seen(self, key: bytes, text: bytes, feature: str, snapshot: FlagSnapshot, now: float) -> Seen:
        """The session of `key`, which asks for a feature now: `text` and `key` as in `of`."""
        found = self.of(key, text, now) or Beginning(
            int(now), {name: snapshot.feature(name).percent for name in self.features}
        )
        if feature not in self.features:
            return Seen(found, None)
        began, dial = found.dials.get(feature, 0), snapshot.feature(feature).percent
        return Seen(found.lowered(feature, dial) if dial < began else found, began)

    def text(self, key: bytes, beginning: Beginning) -> bytes:
        """What goes into the cookie behind `key` and a point; b"" where nothing can be signed."""
        if not self._tagging:
            return b""
        known = beginning.dials
        said = b"".join(
            b":%b=%04x" % (short, known[name]) for short, name in self._names.items() if name in known
        )
        plain = b"%08x%b" % (beginning.at, said)
        return plain + b"." + self._tag(key, plain)

    def _believed(self, key: bytes, text: bytes) -> Beginning | None:
        parts = _TEXT.fullmatch(text)
        if parts is None or not hmac.compare_digest(self._tag(key, text[:-33]), parts[3]):
            return None
        pairs = (pair.split(b"=") for pair in parts[2].split(b":")[1:])
        dials = {self._names[short]: int(dial, 16) for short, dial in pairs if short in self._names}
        return Beginning(int(parts[1], 16), dials, True)

    def _tag(self, key: bytes, plain: bytes) -> bytes:
        data = len(key).to_bytes(2, "big") + key + plain
        return blake2b(data, key=self._tagging, digest_size=16).hexdigest().encode()
