"""The ledger: what is written stays, and nothing is altered without being named."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import resource
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flags.ledger
from flags import Entry, Head, Ledger, LedgerDamaged, StateUnwritable
from flags.chain import _hash

ROOT = Path(__file__).parents[2]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "var", clock=lambda: 1_800_000_000.0)


def fill(ledger: Ledger, count: int) -> list[Entry]:
    return [
        ledger.append(Entry("ann", "dial", "checkout", n, n + 1, "step", {"samples": 500}, n + 1))
        for n in range(count)
    ]


def test_an_entry_gets_its_number_time_and_hashes(ledger: Ledger) -> None:
    first, second = fill(ledger, 2)
    assert (first.seq, second.seq) == (1, 2)
    assert first.time == "2027-01-15T08:00:00.000+00:00"
    assert first.previous == ""
    assert second.previous == first.hash
    assert ledger.entries(10) == [second, first]
    assert ledger.entries(1) == [second]
    assert ledger.entries(0) == []
    assert ledger.verify() == []


def test_an_empty_ledger_holds(ledger: Ledger) -> None:
    assert ledger.entries(5) == []
    assert ledger.verify() == []


def rewrite(ledger: Ledger, change: object) -> None:
    lines = ledger.path.read_text().splitlines()
    assert callable(change)
    ledger.path.write_text("".join(line + "\n" for line in change(lines)))


def _alter(lines: list[str]) -> list[str]:
    return [lines[0], lines[1].replace('"step"', '"other"'), *lines[2:]]


def _alter_with_hash(lines: list[str]) -> list[str]:
    entry = msgspec.json.decode(lines[1], type=Entry)
    entry = msgspec.structs.replace(entry, reason="other")
    entry = msgspec.structs.replace(entry, hash=_hash(entry))
    return [lines[0], msgspec.json.encode(entry).decode(), *lines[2:]]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (_alter, r"Line 2 \(entry 2\) was altered"),
        (_alter_with_hash, r"Line 3 \(entry 3\) does not follow"),
        (lambda lines: [lines[0], *lines[2:]], "taken out or added"),
        (lambda lines: [lines[0], lines[2], lines[1], lines[3]], "does not follow"),
        (lambda lines: lines[:2], "its end was cut off"),
        (lambda lines: [], "its end was cut off"),
        (lambda lines: [lines[0], "{}", *lines[2:]], "Line 2 cannot be read"),
        (lambda lines: [lines[0].replace('"seal":"', '"seal":"é'), *lines[1:]], "Line 1 not sealed with"),
    ],
)
def test_what_was_altered_is_named(ledger: Ledger, change: object, named: str) -> None:
    fill(ledger, 4)
    rewrite(ledger, change)
    problems = "\n".join(ledger.verify())
    assert re.search(named, problems)


def test_it_goes_on_behind_a_line_that_cannot_be_read(ledger: Ledger) -> None:
    fill(ledger, 2)
    rewrite(ledger, lambda lines: [lines[0], "garbage"])
    with pytest.raises(LedgerDamaged, match="Entry 2, of which the head was taken, is not in the ledger"):
        fill(ledger, 1)
    ledger.append(Entry("ann", "rollback"), insist=True)
    fill(ledger, 1)
    assert [entry.action for entry in ledger.entries()] == ["dial", "rollback", "ledger_damaged", "dial"]
    assert ledger.verify()[0] == "Line 2 cannot be read."


def test_what_was_cut_off_is_never_covered_up(ledger: Ledger) -> None:
    """Neither by what is appended later, nor by cutting that off again."""
    fill(ledger, 5)
    rewrite(ledger, lambda lines: lines[:3])
    with pytest.raises(LedgerDamaged, match="ended at entry 3, but entry 5 was written"):
        fill(ledger, 1)
    assert len(ledger.entries()) == 3
    last = ledger.append(Entry("ann", "rollback"), insist=True)
    damaged = ledger.entries(2)[1]
    assert (last.seq, damaged.seq, damaged.evidence) == (7, 6, {"head": 5, "entries": 3})
    assert fill(ledger, 1)[0].seq == 8
    (problem,) = ledger.verify()
    assert "but entry 5 was written" in problem
    rewrite(ledger, lambda lines: lines[:3])
    assert "entry 8 was written" in ledger.settle()
    assert ledger.settle() == ""
    assert len(ledger.verify()) == 1


def test_a_ledger_that_was_emptied_is_damaged_too(ledger: Ledger) -> None:
    fill(ledger, 2)
    ledger.path.unlink()
    with pytest.raises(LedgerDamaged, match="ended at entry 0, but entry 2 was written"):
        fill(ledger, 1)


@pytest.mark.parametrize("left", [b"", None])
@pytest.mark.parametrize("key", ["there", "gone, and a state file"])
def test_a_ledger_that_is_emptied_with_its_head_is_damaged_too(
    ledger: Ledger, left: bytes | None, key: str
) -> None:
    fill(ledger, 2)
    ledger.head_path.unlink()
    ledger.path.write_bytes(b"")
    if key != "there":
        (ledger.dir / "ledger-key").unlink()
        (ledger.dir / "state.json").write_text("{}")
    assert [problem for problem in ledger.verify() if "is empty and" in problem]
    if left is None:
        ledger.path.unlink()
    with pytest.raises(LedgerDamaged, match=r"is empty and .* is gone"):
        fill(ledger, 1)
    assert "is empty and" in ledger.settle()
    assert ledger.settle() == ""
    assert fill(ledger, 1)[0].seq == 2
    assert len(ledger.verify(begun=True)) == 1


def test_the_entries_of_one_change_are_all_written_or_none(ledger: Ledger) -> None:
    fill(ledger, 2)
    before = ledger.path.read_bytes()
    both = [Entry("ann", "dial", name, "0", "20", "together") for name in ("checkout", "search")]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 400, hard))  # room for one of them
    try:
        with pytest.raises(StateUnwritable, match=r"The ledger .* could not be written"):
            ledger.append_together(both)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert ledger.path.read_bytes() == before
    written = ledger.append_together(both)
    assert [(entry.seq, entry.feature) for entry in written] == [(3, "checkout"), (4, "search")]
    assert ledger.entries(2) == written[::-1]
    assert ledger.verify() == []


def test_what_is_no_text_is_written_as_its_escape(ledger: Ledger) -> None:
    """A byte of a command line that is not UTF-8 arrives as a lone surrogate, which no JSON can hold."""
    entry = ledger.append(Entry("b\udcf6b", "rollback", "checkout", reason="d\udce9faut"))
    assert (entry.actor, entry.reason) == ("b\\udcf6b", "d\\udce9faut")
    assert ledger.entries(1) == [entry]
    assert ledger.verify() == []


def test_what_somebody_wrote_behind_the_last_line_stays_visible(ledger: Ledger) -> None:
    fill(ledger, 2)
    with ledger.path.open("ab") as file:
        file.write(b"garbage")
    assert ledger.verify() == ["Behind line 2 stands something that is no entry."]
    assert fill(ledger, 1)[0].seq == 4
    assert ledger.verify() == ["Line 3 cannot be read."]


def test_the_rest_of_an_append_that_died_is_no_entry(ledger: Ledger) -> None:
    fill(ledger, 2)
    with ledger.path.open("ab") as file:
        file.write(b'{"actor": "ann", "act')
    assert len(ledger.entries(10)) == 2
    assert fill(ledger, 1)[0].seq == 3
    assert ledger.verify() == []


def test_a_full_disk_is_one_sentence_and_leaves_the_file_as_it_was(ledger: Ledger) -> None:
    fill(ledger, 2)
    before = ledger.path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, hard))
    try:
        with pytest.raises(StateUnwritable, match=r"The ledger .* could not be written"):
            fill(ledger, 1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert ledger.path.read_bytes() == before
    assert fill(ledger, 1)[0].seq == 3
    assert ledger.verify() == []


def test_several_processes_make_one_chain(ledger: Ledger) -> None:
    program = (
        "import sys; from flags import Entry, Ledger\n"
        "for n in range(25): Ledger(sys.argv[1]).append(Entry('bob', 'dial', 'checkout', n, n + 1))"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", program, str(ledger.dir)], cwd=ROOT) for _ in range(3)
    ]
    assert [child.wait(300) for child in children] == [0, 0, 0]
    assert ledger.verify() == []
    assert [entry.seq for entry in ledger.entries(100)] == list(range(75, 0, -1))


def test_the_hash_can_be_checked_without_this_program(ledger: Ledger) -> None:
    """SHA-256 of the entry as JSON with sorted keys, no spaces, `hash` and `seal` empty; the seal is
    HMAC-SHA-256 of that, and the head's of its number and hash.
    """
    (entry,) = fill(ledger, 1)
    document = {**json.loads(ledger.path.read_text()), "hash": "", "seal": ""}
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == entry.hash
    key = (ledger.dir / "ledger-key").read_bytes().strip()
    assert hmac.digest(key, f"entry:{entry.hash}".encode(), "sha256").hex() == entry.seal
    seal = hmac.digest(key, f"head:1:{entry.hash}".encode(), "sha256").hex()
    assert str(ledger.head()) == f"1:{entry.hash}:{seal}"


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """A ledger whose files are put back after each look."""
    ledger = Ledger(tmp_path_factory.mktemp("sealed"), clock=lambda: 1_800_000_000.0)
    fill(ledger, 5)
    ledger.append(Entry("bob", "rollback", None, "serving", "latched", '日本語 "quoted" \\ \n', {"p": 0.5}))
    return ledger


def edits(size: int) -> st.SearchStrategy[tuple[int, int, bytes]]:
    places = st.integers(0, size)
    return st.tuples(
        places, st.integers(0, 40), st.binary(max_size=8) | st.sampled_from([b"\n", b" ", b'""'])
    )


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_any_edit_of_the_file_is_found(sealed: Ledger, data: st.DataObject) -> None:
    """Bytes altered, put in, taken out, cut off; lines taken out, doubled, in another order; in the ledger or
    in its head.
    """
    path = data.draw(st.sampled_from([sealed.path, sealed.head_path]))
    before = path.read_bytes()
    lines = before.splitlines(keepends=True)
    if data.draw(st.booleans()):
        at, length, put = data.draw(edits(len(before)))
        after = before[:at] + put + before[at + length :]
    else:
        after = b"".join(data.draw(st.lists(st.sampled_from(lines), max_size=8)))
    try:
        path.write_bytes(after)
        assert bool(sealed.verify()) == (after != before)
    finally:
        path.write_bytes(before)


def after_append(ledger: Ledger, window: int, *, insist: bool) -> tuple[str, bytes, bytes]:
    """What an append says and leaves, when it reads `window` bytes of the end at first; then all is put
    back.
    """
    before = [(path, path.read_bytes()) for path in (ledger.path, ledger.head_path)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flags.ledger, "_END", window)
        patch.setattr(flags.ledger, "_USUAL", window)
        try:
            said = str(ledger.append(Entry("ann", "dial"), insist=insist).seq)
        except (LedgerDamaged, StateUnwritable) as refused:
            said = str(refused)
    left = ledger.path.read_bytes(), ledger.head_path.read_bytes()
    for path, data in before:
        path.write_bytes(data)
    return said, *left


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_an_append_that_reads_little_says_and_writes_what_one_does_that_reads_all(
    sealed: Ledger, data: st.DataObject
) -> None:
    path = data.draw(st.sampled_from([sealed.path, sealed.head_path]))
    before = path.read_bytes()
    lines = before.splitlines(keepends=True)
    if data.draw(st.booleans()):
        at, length, put = data.draw(edits(len(before)))
        after = before[:at] + put + before[at + length :]
    else:
        after = b"".join(data.draw(st.lists(st.sampled_from(lines), max_size=8)))
    insist = data.draw(st.booleans())
    try:
        path.write_bytes(after)
        assert after_append(sealed, 1, insist=insist) == after_append(sealed, 1 << 20, insist=insist)
    finally:
        path.write_bytes(before)


def bytes_read() -> int:
    """What this process has read so far, from whatever (proc(5), /proc/pid/io)."""
    return int(Path("/proc/self/io").read_text().split()[1])


def test_an_append_reads_the_end_alone_however_long_the_ledger_is(ledger: Ledger) -> None:
    read = []
    for count in (50, 950):
        fill(ledger, count)
        before = bytes_read()
        fill(ledger, 1)
        read.append(bytes_read() - before)
    assert abs(read[1] - read[0]) < 500
    assert read[1] < 16_384 < ledger.path.stat().st_size / 20
    before = bytes_read()
    assert len(ledger.entries(20)) == 20
    assert bytes_read() - before < 32_768


def test_entries_of_any_size_are_read_from_the_end(ledger: Ledger) -> None:
    for size in (1, 100_000, 10, 20_000, 1):
        ledger.append(Entry("ann", "dial", reason="x" * size))
    for count in range(1, 7):
        assert [len(one.reason) for one in ledger.entries(count)] == [1, 20_000, 10, 100_000, 1][:count]


def test_who_makes_the_chain_anew_without_the_key_is_found(ledger: Ledger) -> None:
    """All hashes right, and the head with them: the seals are not."""
    fill(ledger, 3)
    other = Ledger(ledger.dir.with_name("forged"), ledger._clock)
    for entry in reversed(ledger.entries()):
        plain = msgspec.structs.replace(entry, previous="", hash="", seal="", seq=0)
        other.append(msgspec.structs.replace(plain, reason="forged"))
    assert other.verify() == []
    ledger.path.write_bytes(other.path.read_bytes())
    ledger.head_path.write_bytes(other.head_path.read_bytes())
    problems = " ".join(ledger.verify())
    assert "Lines 1 to 3 not sealed with this ledger's key" in problems
    assert "ledger.head was altered" in problems
    with pytest.raises(StateUnwritable, match="No entry of the ledger is sealed with the key"):
        fill(ledger, 1)


def test_a_whole_ledger_put_back_is_found_by_a_head_that_was_kept(ledger: Ledger) -> None:
    fill(ledger, 2)
    files = {path: path.read_bytes() for path in (ledger.path, ledger.head_path)}
    fill(ledger, 2)
    kept = Head.parse(str(ledger.head()))
    assert kept is not None
    fill(ledger, 1)
    assert ledger.verify(head=kept) == []  # it may have grown
    for path, data in files.items():
        path.write_bytes(data)
    assert ledger.verify() == []  # nothing in the folder says so
    assert "ended at entry 2, but entry 4 was written" in ledger.verify(head=kept)[0]
    for _ in range(3):
        ledger.append(Entry("eve", "dial", "checkout"))
    assert ledger.verify(head=kept) == ["Entry 4 is another one than the one of which the head was taken."]
    assert "The head was not made" in ledger.verify(head=kept._replace(seq=3))[0]


def test_a_lost_key_is_recorded_at_the_next_start_and_told_for_ever(ledger: Ledger) -> None:
    fill(ledger, 3)
    (ledger.dir / "ledger-key").unlink()
    with pytest.raises(StateUnwritable, match="seals cannot be looked at: there is no key"):
        ledger.verify()
    with pytest.raises(StateUnwritable, match=r"key .* is gone"):
        ledger.append(Entry("ann", "rollback"), insist=True)
    assert "No entry of the ledger is sealed" in ledger.settle()
    fill(ledger, 1)
    problems = ledger.verify()
    assert "Lines 1 to 3 not sealed with this ledger's key" in problems[-1]
    assert ledger.settle() == ""


def test_the_key_is_its_owners_alone_and_may_lie_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(Ledger(tmp_path / "a"), 1)
    path = tmp_path / "a" / "ledger-key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    with pytest.raises(StateUnwritable, match="open to everybody"):
        fill(Ledger(tmp_path / "a"), 1)
    monkeypatch.setenv("BANYAN_LEDGER_KEY_FILE", str(tmp_path / "far" / "key"))
    with pytest.raises(StateUnwritable, match="There is no key"):
        fill(Ledger(tmp_path / "b"), 1)
    monkeypatch.setenv("BANYAN_LEDGER_KEY", "short")
    with pytest.raises(StateUnwritable, match="BANYAN_LEDGER_KEY is no key"):
        fill(Ledger(tmp_path / "b"), 1)
    monkeypatch.setenv("BANYAN_LEDGER_KEY", "a secret of some length")
    fill(Ledger(tmp_path / "b"), 1)
    assert Ledger(tmp_path / "b").verify() == []
    assert not (tmp_path / "b" / "ledger-key").exists()
    monkeypatch.setenv("BANYAN_LEDGER_KEY", "another secret of some length")
    assert "not sealed" in Ledger(tmp_path / "b").verify()[0]
