"""The ledger, `ledger.jsonl`: who changed what, when, why, on what evidence. It must not know how a change is
made.

One JSON object on each line, only ever appended. Each carries the SHA-256 of the one before and its own, over
everything else in it, so nothing can be altered, added or taken out in between without `verify` naming the
place. How long the chain was is also kept beside, in `ledger.head`, so that lines cut off its end are missed
too. When it is shorter than that, changes that can wait are refused; one that cannot is written behind an
entry `ledger_damaged`, which names what is missing and whose number goes on from the highest that ever was.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from flags.errors import LedgerDamaged, StateUnwritable

__all__ = ["DIRECT", "Entry", "Ledger"]

_BEGINNING = b'{"actor":'
_DAMAGED = "ledger_damaged"
_REMEDY = "Put it back from a backup, or start the gateway anew, which records the loss and goes on."


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One change. The writer gives what is in the first block; the ledger fills in the second (and `time` if
    it is "").

    `action` is a word such as dial, rollback, restore; `feature` None means everything; `old`, `new` and
    `evidence` are any JSON; `revision` is the one that the change made.
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


DIRECT = Entry(
    "machine", "rollback", old="serving", new="latched", reason="rolled back directly on the machine"
)
"""What is written of a latch that somebody set in the page themselves."""


def _hash(entry: Entry) -> str:
    return hashlib.sha256(
        msgspec.json.encode(msgspec.structs.replace(entry, hash=""), order="sorted")
    ).hexdigest()


def _parse(line: bytes) -> Entry | None:
    try:
        return msgspec.json.decode(line, type=Entry)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _link(line: bytes, entry: Entry | None) -> str:
    """What the next entry must name as the one before; a line that cannot be read is linked by its bytes."""
    return entry.hash if entry else hashlib.sha256(line).hexdigest()


def _may_be_cut(tail: bytes) -> bool:
    """Whether this is the beginning of an entry that was never acknowledged, or nothing."""
    return tail.startswith(_BEGINNING) or _BEGINNING.startswith(tail)


def _last_number(lines: list[bytes]) -> int:
    """The number of the last line: that of the last entry, and one for each line behind it."""
    for behind, line in enumerate(reversed(lines)):
        if entry := _parse(line):
            return entry.seq + behind
    return len(lines)


class Ledger:
    """The ledger in the folder `dir`, made when it is first appended to. `clock`: seconds since 1970."""

    def __init__(self, dir: Path | str, clock: Callable[[], float] = time.time) -> None:
        self.dir = Path(dir)
        self.path = self.dir / "ledger.jsonl"
        self.head = self.dir / "ledger.head"
        self._clock = clock

    def append(self, entry: Entry, *, insist: bool = False) -> Entry:
        """Write one entry → it as written, with its number and hashes, once it is on the disk. `insist`: also
        when entries are missing; that is then recorded first.

        LedgerDamaged when entries are missing, StateUnwritable when it cannot be written: then the file is as
        it was.
        """
        with self._locked() as fd:
            if (missing := self._missing()) is not None:
                if not insist:
                    raise LedgerDamaged(f"{missing.reason} {_REMEDY}")
                self._append(fd, missing)
            return self._append(fd, entry)

    def settle(self) -> str:
        """Record that entries are missing, if any are and that is not recorded → what was recorded, else "".
        Raises StateUnwritable.
        """
        with self._locked() as fd:
            missing = self._missing()
            return self._append(fd, missing).reason if missing else ""

    def begin(self) -> None:
        """Make the file, empty, at a folder's first start: one that is not there later was taken away."""
        with suppress(OSError):  # what cannot be written now is made by the first entry
            self.dir.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660))

    def damage(self) -> str:
        """One sentence when entries that were written are missing and that is not recorded, else ""."""
        try:
            missing = self._missing()
        except OSError as error:
            return f"The ledger {self.path} cannot be read: {error.strerror}."
        return f"{missing.reason} {_REMEDY}" if missing else ""

    def entries(self, limit: int = 100) -> list[Entry]:
        """The last `limit` entries, newest first; lines that cannot be read are left out (`verify` names
        them).
        """
        found = [entry for _, entry in self._lines() if entry]
        return found[-limit:][::-1] if limit > 0 else []

    def verify(self, *, begun: bool = False) -> list[str]:
        """One sentence for each place where the chain does not hold; empty when nothing was altered. `begun`:
        there is a state beside it, so the file has to be there.
        """
        if begun and not self.path.exists():
            gone = f"The ledger {self.path} is gone, and it was there from the first start on."
            return [f"{gone} Put it and ledger.head back from a backup."]
        problems, previous, number, due = [], "", 0, 0
        for number, (line, entry) in enumerate(self._lines(), 1):
            due += 1
            if entry is None:
                problems.append(f"Line {number} cannot be read.")
            else:
                if entry.hash != _hash(entry):
                    problems.append(
                        f"Line {number} (entry {entry.seq}) was altered: it does not match its own hash."
                    )
                if entry.previous != previous:
                    problems.append(f"Line {number} (entry {entry.seq}) does not follow the line before it.")
                if entry.action == _DAMAGED:
                    problems.append(f"Line {number} (entry {entry.seq}) says: {entry.reason}")
                elif entry.seq != due:
                    problems.append(
                        f"Line {number} carries the number {entry.seq}: entries were taken out or added."
                    )
                due = entry.seq
            previous = _link(line, entry)
        if not _may_be_cut(self._tail()):
            problems.append(f"Behind line {number} stands something that is no entry.")
        recorded = self._recorded_length()
        if recorded > due:
            problems.append(
                f"The ledger ends at entry {due}, but entry {recorded} was written: its end was cut off."
            )
        return problems

    @contextmanager
    def _locked(self) -> Iterator[int]:
        try:
            self.dir.mkdir(parents=True, exist_ok=True)
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
                yield fd
            finally:
                os.close(fd)
        except OSError as error:
            raise StateUnwritable(
                f"The ledger {self.path} could not be written: {error.strerror}."
            ) from error

    def _append(self, fd: int, entry: Entry) -> Entry:
        data = self.path.read_bytes()
        # Behind the last line, at most the rest of an append that was never acknowledged, which goes;
        # anything else was put there by somebody, and stays as a line that cannot be read.
        whole = data.rfind(b"\n") + 1
        start, ending = (whole, b"") if _may_be_cut(data[whole:]) else (len(data), b"\n")
        lines = data[:start].splitlines()
        last = lines[-1] if lines else b""
        entry = msgspec.structs.replace(
            entry,
            time=entry.time or datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="milliseconds"),
            seq=(entry.seq if entry.action == _DAMAGED else _last_number(lines)) + 1,
            previous=_link(last, _parse(last)) if lines else "",
            hash="",
        )
        entry = msgspec.structs.replace(entry, hash=_hash(entry))
        line = ending + msgspec.json.encode(entry) + b"\n"
        os.ftruncate(fd, start)
        try:
            written = os.pwrite(fd, line, start)
            if written != len(line):
                raise OSError(28, os.strerror(28))  # a short write: the disk is full
            os.fsync(fd)
        except OSError:
            os.ftruncate(fd, start)
            raise
        self._record_length(entry.seq)
        return entry

    def _missing(self) -> Entry | None:
        """The entry that says which ones are missing, with the highest number there ever was; None when none
        is.
        """
        there = _last_number([line for line, _ in self._lines()])
        written = self._recorded_length()
        if written <= there:
            return None
        fact = f"The ledger ended at entry {there}, but entry {written} was written: its end was cut off."
        return Entry(
            "machine", _DAMAGED, reason=fact, evidence={"head": written, "entries": there}, seq=written
        )

    def _lines(self) -> Iterator[tuple[bytes, Entry | None]]:
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return
        for line in data[: data.rfind(b"\n") + 1].splitlines():
            yield line, _parse(line)

    def _tail(self) -> bytes:
        """What stands behind the last whole line."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return b""
        return data[data.rfind(b"\n") + 1 :]

    def _record_length(self, seq: int) -> None:
        # Best effort, always the same 21 bytes in the same block: behind by one is no lie, only less proof.
        try:
            self.head.touch(0o660)
            with self.head.open("r+b") as file:
                # Never lower: of a chain that begins anew, what was there before would be forgotten.
                file.write(b"%020d\n" % max(seq, self._recorded_length()))
        except OSError:
            pass

    def _recorded_length(self) -> int:
        try:
            return int(self.head.read_bytes())
        except (OSError, ValueError):
            return 0
