"""The ledger, `ledger.jsonl`: who changed what, when, why, on what evidence. It must not know how a change is
made.

One JSON object on each line, only ever appended; `chain` says what holds them together. The key of the seals
is `ledger-key` in the same folder, for its owner alone, or wherever `BANYAN_LEDGER_KEY_FILE` or
`BANYAN_LEDGER_KEY` say. How long the chain was is also kept beside, in `ledger.head`, so that lines cut off
its end are missed too. When something is missing, changes that can wait are refused; one that cannot is
written behind an entry `ledger_damaged`, which says what it is and whose number goes on from the highest that
ever was.

An append reads the end of the file alone, so it costs the same after ten entries and after a hundred
thousand; only where head and end do not agree is everything looked at.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from flags.chain import (
    DAMAGED,
    DIRECT,
    Entry,
    Head,
    Line,
    has_last_of,
    head_problems,
    is_sealed_by,
    last_number,
    problems_of,
    read_line,
    written,
)
from flags.errors import LedgerDamaged, StateUnwritable
from flags.secret_file import SecretFile
from flags.state_file import STATE, STATE_BEFORE
from flags.tail import read_tail

__all__ = ["DIRECT", "LEDGER_KEY", "Entry", "Head", "Ledger"]

LEDGER_KEY: Final = "ledger-key"
_VARIABLE: Final = "BANYAN_LEDGER_KEY"
_BEGINNING: Final = b'{"actor":'
_END: Final = 8 << 10  # bytes that are read at least
_USUAL: Final = 512  # bytes that most entries do not exceed
_FAR: Final = 10_000  # entries that are looked through
_LATCHES: Final = {
    ("rollback", "latched"): True,
    ("restore", "restored"): False,
    ("restore_failed", "latched"): True,
}
"""What an entry says of a latch: whether it is set. A restore that failed because somebody rolled back again
says nothing: they have yet to be written down.
"""
_REMEDY: Final = "Put it back from a backup, or start the gateway anew, which records the loss and goes on."


class Ledger:
    """The ledger in the folder `dir`, made when it is first appended to. `clock`: seconds since 1970."""

    def __init__(self, dir: Path | str, clock: Callable[[], float] = time.time) -> None:
        self.dir = Path(dir)
        self.path = self.dir / "ledger.jsonl"
        self.head_path = self.dir / "ledger.head"
        self.key = SecretFile(self.dir / LEDGER_KEY, _VARIABLE)
        self._clock = clock

    def append(self, entry: Entry, *, insist: bool = False) -> Entry:
        """Write one entry → it as written, with its number, hashes and seal, once it is on the disk.
        `insist`: also when entries are missing; that is then recorded first.

        LedgerDamaged when entries are missing, StateUnwritable when it cannot be written: then the file is as
        it was.
        """
        return self.append_together((entry,), insist=insist)[-1]

    def append_together(self, entries: Sequence[Entry], *, insist: bool = False) -> list[Entry]:
        """The same for the entries of one change: all are written, or none."""
        with self._locked() as fd:
            begun = self._has_begun()
            end, key = _end(fd), self.key.read()
            if key is None or not self._is_whole(end.lines, key):
                lines = self._lines()
                key = self._key(lines)
                if (missing := self._missing(lines, key, begun=begun)) is not None:
                    if not insist:
                        raise LedgerDamaged(f"{missing.reason} {_REMEDY}")
                    self._append(fd, end, key, (missing,))
                    end = _end(fd)
            return self._append(fd, end, key, entries)

    def settle(self) -> str:
        """At a gateway's start: make the key where there is none, and record what is missing, if that is not
        recorded → what was recorded, else "". Raises StateUnwritable.
        """
        with self._locked() as fd:
            begun = self._has_begun()
            key = self.key.ensure()
            if _is_unfinished(rest := _end(fd).rest):
                os.ftruncate(fd, os.fstat(fd).st_size - len(rest))
            lines = self._lines()
            if lines and not self._is_ours(lines, key):
                there = last_number(lines)
                missing: Entry | None = _damage(_SEALED_OTHERWISE, there, {"entries": there})
            else:
                missing = self._missing(lines, key, begun=begun)
            return self._append(fd, _end(fd), key, (missing,))[-1].reason if missing else ""

    def begin(self) -> None:
        """Make the file and its head, empty, at a folder's first start: one that is not there later was taken
        away.
        """
        # What cannot be written now is made by the first entry.
        with suppress(OSError, StateUnwritable), self._locked():
            if not self._lines():
                self._record(Head(0, "").sealed(self.key.ensure()))

    def entries(self, limit: int = 100) -> list[Entry]:
        """The last `limit` entries, newest first; lines that cannot be read are left out (`verify` names
        them).
        """
        if limit <= 0:
            return []
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return []
        try:
            found = [line.entry for line in _end(fd, limit).lines if line.entry]
        finally:
            os.close(fd)
        return found[-limit:][::-1]

    def says_rolled_back(self, feature: str | None) -> bool:
        """Whether the last word on this latch (None: of everything) is that it was set."""
        with suppress(OSError):
            for one in self.entries(_FAR):
                if one.feature == feature and (said := _LATCHES.get((one.action, one.new))) is not None:
                    return said
        return False

    def head(self) -> Head:
        """What to keep elsewhere: a ledger that is put in its place later is found out. Raises
        StateUnwritable without a key.
        """
        with self._shared():
            lines = self._lines()
            key = self.key.read()
        if key is None:
            raise StateUnwritable(f"{_UNSEEN} there is no key {self.key.path}, and {_VARIABLE} is not set.")
        last = next((line.entry for line in reversed(lines) if line.entry), None)
        return Head(last.seq if last else 0, last.hash if last else "").sealed(key)

    def verify(self, *, begun: bool = False, head: Head | None = None) -> list[str]:
        """One sentence for each place where the chain does not hold; empty when nothing was altered. `begun`:
        there is a state beside it, so the file has to be there. `head`: one that was kept elsewhere.

        Raises StateUnwritable when nothing is wrong as far as can be seen without the key, which is not
        there.
        """
        if begun and not self.path.exists():
            gone = f"The ledger {self.path} is gone, and it was there from the first start on."
            return [f"{gone} Put it and ledger.head back from a backup."]
        with self._shared():
            lines, tail = self._lines(), self._tail()
            try:
                key, trouble = self.key.read(), None
            except StateUnwritable as error:
                key, trouble = None, error
            problems = problems_of(lines, key)
            if tail:
                problems.append(f"Behind line {len(lines)} stands something that is no entry.")
            missing = self._missing(lines, key, begun=begun or self._has_begun())
            if missing is not None:
                problems.append(missing.reason)
        if head is not None:
            problems += [one for one in head_problems(lines, head, key) if one not in problems]
        if not problems and key is None and (lines or trouble):
            gone = f"{_UNSEEN} there is no key {self.key.path}, and {_VARIABLE} is not set."
            raise trouble or StateUnwritable(gone)
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

    @contextmanager
    def _shared(self) -> Iterator[None]:
        """Nobody writes meanwhile."""
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            yield
            return
        try:
            fcntl.flock(fd, fcntl.LOCK_SH)
            yield
        finally:
            os.close(fd)

    def _key(self, lines: list[Line]) -> bytes:
        """The key that has sealed this ledger, made with its first entry. Never another one: then the gateway
        has to be started anew, which records that.
        """
        key = self.key.read() if lines else self.key.ensure()
        if key is None:
            raise StateUnwritable(
                f"The ledger's key {self.key.path} is gone. Put it back, or start the gateway anew, which "
                "makes another and records that."
            )
        if lines and not self._is_ours(lines, key):
            raise StateUnwritable(f"{_SEALED_OTHERWISE} {_REMEDY}")
        return key

    def _is_ours(self, lines: list[Line], key: bytes) -> bool:
        """Whether this key has sealed something here: a single line that it has not may have been altered."""
        head = self._head_as_kept()
        return (head is not None and head.is_genuine(key)) or any(is_sealed_by(line, key) for line in lines)

    def _is_whole(self, lines: list[Line], key: bytes) -> bool:
        """Whether the head is sealed with this key and its entry is among these, the last ones: then the key
        is ours and nothing is missing.
        """
        head = self._head_as_kept()
        return head is not None and head.is_genuine(key) and has_last_of(lines, head)

    def _append(self, fd: int, end: _End, key: bytes, entries: Sequence[Entry]) -> list[Entry]:
        # Behind the last line, at most the rest of an append that was never acknowledged, which goes;
        # anything else was put there by somebody, and stays as a line that cannot be read.
        if _is_unfinished(end.rest):
            start, ending, lines = end.size - len(end.rest), b"", end.lines
        else:
            start, ending, lines = end.size, b"\n", [*end.lines, read_line(end.rest)]
        moment = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="milliseconds")
        number, before = last_number(lines), lines[-1] if lines else None
        done: list[Entry] = []
        for entry in entries:
            number = (entry.seq if entry.action == DAMAGED else number) + 1
            numbered = msgspec.structs.replace(entry, time=entry.time or moment, seq=number)
            done.append(written(numbered, key, before))
            before = read_line(msgspec.json.encode(done[-1]))
        text = ending + b"".join(msgspec.json.encode(entry) + b"\n" for entry in done)
        if not lines:
            self._record(Head(0, "").sealed(key))  # one that is not there later was taken away
        os.ftruncate(fd, start)
        try:
            if os.pwrite(fd, text, start) != len(text):
                raise OSError(28, os.strerror(28))  # a short write: the disk is full
            os.fsync(fd)
        except OSError:
            os.ftruncate(fd, start)
            raise
        with suppress(OSError):  # always in the same block; behind by one is no lie, only less proof
            self._record(Head(done[-1].seq, done[-1].hash).sealed(key))
        return done

    def _has_begun(self) -> bool:
        """Whether this folder has had a ledger: then a head that is not there was taken away."""
        return any(map(os.path.lexists, (self.dir / LEDGER_KEY, self.dir / STATE, self.dir / STATE_BEFORE)))

    def _missing(self, lines: list[Line], key: bytes | None, *, begun: bool) -> Entry | None:
        """The entry that says what is missing, with the highest number there ever was; None when nothing
        is.
        """
        there = last_number(lines)
        if not self.head_path.exists():
            if lines:
                return _damage(f"{self.head_path} is gone. {_UNKNOWN_END}", there, None)
            return _damage(f"{self.path} is empty and {self.head_path} is gone.", 0, None) if begun else None
        head = self._head_as_kept()
        if head is None or (key is not None and not head.is_genuine(key)):
            return _damage(f"{self.head_path} was altered. {_UNKNOWN_END}", there, {"entries": there})
        wrong = head_problems(lines, head, None)
        if not wrong:
            return None
        return _damage(wrong[0], max(there, head.seq), {"head": head.seq, "entries": there})

    def _head_as_kept(self) -> Head | None:
        """What the file says, unless it is none of ours."""
        try:
            text = self.head_path.read_text(encoding="ascii", errors="replace")
        except FileNotFoundError:
            return None
        head = Head.parse(text.removesuffix("\n"))
        return head if head is not None and _as_kept(head) == text else None

    def _lines(self) -> list[Line]:
        try:
            return _read(self.path.read_bytes())
        except FileNotFoundError:
            return []

    def _tail(self) -> bytes:
        """What stands behind the last whole line."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return b""
        return data[data.rfind(b"\n") + 1 :]

    def _record(self, head: Head) -> None:
        fd = os.open(self.head_path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o660)
        try:
            text = _as_kept(head).encode()
            if os.pwrite(fd, text, 0) != len(text):
                raise OSError(28, os.strerror(28))
            os.ftruncate(fd, len(text))
        finally:
            os.close(fd)


_UNSEEN: Final = "The seals cannot be looked at:"
_UNKNOWN_END: Final = "Whether the end of the ledger was cut off cannot be told."
_SEALED_OTHERWISE: Final = "No entry of the ledger is sealed with the key that is there now."


class _End(NamedTuple):
    """The last lines of the ledger, what stands behind them, and its size in bytes."""

    lines: list[Line]
    rest: bytes
    size: int


def _end(fd: int, entries: int = 1) -> _End:
    """The end of the ledger, with at least as many entries, or all there are."""
    length = max(_END, entries * _USUAL)
    while True:
        tail = read_tail(fd, length)
        lines = list(map(read_line, tail.lines))
        if tail.complete or sum(line.entry is not None for line in lines) >= entries:
            return _End(lines, tail.rest, tail.size)
        length *= 4


def _as_kept(head: Head) -> str:
    return f"{head}\n"


def _damage(fact: str, number: int, evidence: dict[str, int] | None) -> Entry:
    return Entry("machine", DAMAGED, reason=fact, evidence=evidence, seq=number)


def _read(data: bytes) -> list[Line]:
    return [read_line(line) for line in data[: data.rfind(b"\n") + 1].split(b"\n")[:-1]]


def _is_unfinished(tail: bytes) -> bool:
    """Whether this is the beginning of an entry that was never acknowledged, or nothing."""
    return tail.startswith(_BEGINNING) or _BEGINNING.startswith(tail)
