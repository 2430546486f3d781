"""What holds the ledger together: entries, their hashes and seals, and what is wrong with a series of lines.
Pure; it must not know files.

An entry carries the SHA-256 of the one before and its own, over everything else in it, and a seal:
HMAC-SHA-256 (RFC 2104) of its hash under a key that does not lie in the ledger. The hashes show that
something was altered; the seal, that nobody without the key has made the chain anew. The head says how long
the chain was: number and hash of its last entry, under a seal of its own, which stands nowhere in the ledger.
A head that was kept elsewhere shows that a whole ledger was replaced by an older one.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

__all__ = [
    "DAMAGED",
    "DIRECT",
    "Entry",
    "Head",
    "Line",
    "has_last_of",
    "head_problems",
    "is_sealed_by",
    "last_number",
    "problems_of",
    "read_line",
    "readable",
    "written",
]

DAMAGED: Final = "ledger_damaged"
"""The action of an entry that says what is missing before it."""


def readable(text: str) -> str:
    r"""`text` with an escape (``\udce9``) in place of each lone surrogate, which UTF-8 cannot hold: a byte of
    a command line that was not UTF-8 (PEP 383), or such an escape in JSON.
    """
    return text.encode("utf-8", "backslashreplace").decode()


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One change. The writer gives what is in the first block; the ledger fills in the second (and `time` if
    it is "").

    `action` is a word such as dial, rollback, restore; `feature` None means everything; `old`, `new` and
    `evidence` are any JSON; `revision` is the one that the change made. Of `actor` and `reason`, what is no
    text is replaced: no entry may be lost for the sake of a byte.
    """

    actor: str
    action: str
    feature: str | None = None
    old: Any = None
    new: Any = None
    reason: str = ""
    evidence: Any = None
    revision: int = 0
    time: str = ""

    seq: int = 0
    previous: str = ""
    hash: str = ""
    seal: str = ""

    def __post_init__(self) -> None:
        for name in ("actor", "reason"):
            given = getattr(self, name)
            if (text := readable(given)) != given:
                msgspec.structs.force_setattr(self, name, text)


DIRECT = Entry(
    "machine", "rollback", old="serving", new="latched", reason="rolled back directly on the machine"
)
"""What is written of a latch that somebody set in the page themselves."""


class Line(NamedTuple):
    """A line of the ledger without its end, and the entry in it, if it is one."""

    text: bytes
    entry: Entry | None

    @property
    def link(self) -> str:
        """What the next entry must name as the one before; of a line that cannot be read, its bytes."""
        return self.entry.hash if self.entry else hashlib.sha256(self.text).hexdigest()


_HEAD = re.compile(r"([0-9]{1,19}):([0-9a-f]{64}|):([0-9a-f]{64})")


class Head(NamedTuple):
    """How long a ledger was: the number and the hash of its last entry (0 and "" of an empty one)."""

    seq: int
    hash: str
    seal: str = ""

    def sealed(self, key: bytes) -> Head:
        """The same under the seal of `key`."""
        return self._replace(seal=_mac(key, f"head:{self.seq}:{self.hash}"))

    def is_genuine(self, key: bytes) -> bool:
        """Whether somebody with `key` has made it."""
        return hmac.compare_digest(self.seal, self.sealed(key).seal)

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}:{self.seal}"

    @classmethod
    def parse(cls, text: str) -> Head | None:
        """From what `str` gives; None for anything else."""
        found = _HEAD.fullmatch(text)
        return cls(int(found[1]), found[2], found[3]) if found else None


def read_line(text: bytes) -> Line:
    """One line, without its end."""
    try:
        return Line(text, msgspec.json.decode(text, type=Entry))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Line(text, None)


def written(entry: Entry, key: bytes, before: Line | None) -> Entry:
    """`entry`, which has its number and time, linked to the line before it and sealed."""
    entry = msgspec.structs.replace(entry, previous=before.link if before else "", hash="", seal="")
    entry = msgspec.structs.replace(entry, hash=_hash(entry))
    return msgspec.structs.replace(entry, seal=_seal(key, entry))


def last_number(lines: Sequence[Line]) -> int:
    """The number of the last line: that of the last entry, and one for each line behind it."""
    for behind, line in enumerate(reversed(lines)):
        if line.entry:
            return line.entry.seq + behind
    return len(lines)


def is_sealed_by(line: Line, key: bytes) -> bool:
    """Whether `key` has made the seal of this line's entry."""
    if line.entry is None:
        return False
    # As bytes: of a text, `compare_digest` takes ASCII alone, and an altered seal may be anything.
    return hmac.compare_digest(line.entry.seal.encode(), _seal(key, line.entry).encode())


def problems_of(lines: Sequence[Line], key: bytes | None) -> list[str]:
    """One sentence for each place where the chain does not hold. `key` None: seals are not looked at."""
    problems, previous, due = [], "", 0
    foreign: list[int] = []
    for number, line in enumerate(lines, 1):
        entry, place = line.entry, f"Line {number}"
        due += 1
        if entry is None:
            problems.append(f"{place} cannot be read.")
        else:
            place = f"{place} (entry {entry.seq})"
            problems += _own_problems(line, entry, place)
            if entry.previous != previous:
                problems.append(f"{place} does not follow the line before it.")
            if entry.action == DAMAGED:
                problems.append(f"{place} says: {entry.reason}")
            elif entry.seq != due:
                problems.append(
                    f"Line {number} carries the number {entry.seq}: entries were taken out or added."
                )
            if key is not None and not is_sealed_by(line, key):
                foreign.append(number)
            due = entry.seq
        previous = line.link
    return [*problems, *_without_seal(foreign)]


def _without_seal(foreign: list[int]) -> list[str]:
    """One sentence for each run of lines: of a lost key there are many."""
    known = set(foreign)
    starts = [n for n in foreign if n - 1 not in known]
    ends = [n for n in foreign if n + 1 not in known]
    return [
        f"{f'Line {start}' if start == end else f'Lines {start} to {end}'} not sealed with this ledger's "
        "key: altered, or written with another one."
        for start, end in zip(starts, ends, strict=True)
    ]


def has_last_of(lines: Sequence[Line], head: Head) -> bool:
    """Whether the entry of which `head` was taken is among these."""
    return not head.seq or any(
        line.entry is not None and (line.entry.seq, line.entry.hash) == (head.seq, head.hash)
        for line in lines
    )


def head_problems(lines: Sequence[Line], head: Head, key: bytes | None) -> list[str]:
    """Where a ledger is not the one of which `head` was taken, or a later state of it."""
    if key is not None and not head.is_genuine(key):
        return ["The head was not made with this ledger's key, or was altered."]
    if has_last_of(lines, head):
        return []
    if any(line.entry is not None and line.entry.seq == head.seq for line in lines):
        return [f"Entry {head.seq} is another one than the one of which the head was taken."]
    there = last_number(lines)
    if there < head.seq:
        return [f"The ledger ended at entry {there}, but entry {head.seq} was written: its end was cut off."]
    return [f"Entry {head.seq}, of which the head was taken, is not in the ledger."]


def _own_problems(line: Line, entry: Entry, place: str) -> list[str]:
    if entry.hash != _hash(entry):
        return [f"{place} was altered: it does not match its own hash."]
    if line.text != msgspec.json.encode(entry):
        return [f"{place} was altered: it is not written as the gateway writes it."]
    return []


def _hash(entry: Entry) -> str:
    plain = msgspec.structs.replace(entry, hash="", seal="")
    return hashlib.sha256(msgspec.json.encode(plain, order="sorted")).hexdigest()


def _seal(key: bytes, entry: Entry) -> str:
    return _mac(key, f"entry:{entry.hash}")


def _mac(key: bytes, text: str) -> str:
    return hmac.digest(key, text.encode(), "sha256").hex()
