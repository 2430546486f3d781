"""The ledger: what is written stays, and nothing is altered without being named."""

from __future__ import annotations

import hashlib
import json
import re
import resource
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from flags import Entry, Ledger, LedgerDamaged, StateUnwritable
from flags.ledger import _hash

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
    fill(ledger, 2)
    assert ledger.verify() == ["Line 2 cannot be read."]


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
    assert "entry 8 was written" in ledger.damage()
    assert "entry 8 was written" in ledger.settle()
    assert (ledger.settle(), ledger.damage()) == ("", "")
    assert len(ledger.verify()) == 1


def test_a_ledger_that_was_emptied_is_damaged_too(ledger: Ledger) -> None:
    fill(ledger, 2)
    ledger.path.unlink()
    with pytest.raises(LedgerDamaged, match="ended at entry 0, but entry 2 was written"):
        fill(ledger, 1)


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
    assert [child.wait(60) for child in children] == [0, 0, 0]
    assert ledger.verify() == []
    assert [entry.seq for entry in ledger.entries(100)] == list(range(75, 0, -1))


def test_the_hash_can_be_checked_without_this_program(ledger: Ledger) -> None:
    """SHA-256 of the entry as JSON with sorted keys, no spaces, and `hash` empty."""
    (entry,) = fill(ledger, 1)
    document = {**json.loads(ledger.path.read_text()), "hash": ""}
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == entry.hash
