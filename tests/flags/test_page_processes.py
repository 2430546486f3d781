"""The state page between real processes: no reader ever sees half a change, none is ever unseen."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

from flags import FeatureState, FlagSnapshot, StatePage

ROOT = Path(__file__).parents[2]

READER = """
import json, sys, time
from flags import PageCorrupt, StatePage
page = StatePage.open(sys.argv[1])
last, reads, mixed, back, corrupt, stamp = 0, 0, 0, 0, 0, None
print("up", flush=True)
while reads < int(sys.argv[2]):
    if page.stamp() == stamp:
        continue
    stamp = page.stamp()
    try:
        got = page.read()
    except PageCorrupt:
        corrupt += 1
        continue
    reads += 1
    back += got.revision < last
    last = got.revision
    mixed += any(one.percent != got.revision % 10001 for one in got.features.values())
print(json.dumps([reads, mixed, back, corrupt]))
"""

LATCHER = """
import sys
from flags import StatePage
page = StatePage.open(sys.argv[1])
print("up", flush=True)
sys.stdin.readline()
for n in range(int(sys.argv[3])):
    page.latch(sys.argv[2], n % 2 == 0)
"""

PUBLISHER = """
import sys
from flags import FeatureState, FlagSnapshot, StatePage
page = StatePage.open(sys.argv[1])
print("up", flush=True)
revision = page.revision()
while True:
    revision += 1
    page.publish(FlagSnapshot(revision, False, {f"f{n}": FeatureState(revision % 10001) for n in range(300)}))
"""


def start(program: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    child = subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == "up\n"
    return child


def publish(page: StatePage, revision: int, features: int) -> None:
    states = {f"f{n}": FeatureState(revision % 10001) for n in range(features)}
    page.publish(FlagSnapshot(revision, False, states))


def test_readers_never_see_a_mixed_snapshot_and_the_revision_never_goes_back(tmp_path: Path) -> None:
    """Changes are published for as long as anybody still has some to read, however little each may run."""
    page = StatePage.create(tmp_path / "state.page", [])
    publish(page, 1, 40)
    readers = [start(READER, page.path, 100) for _ in range(3)]
    began, revision = time.monotonic(), 1
    while any(reader.poll() is None for reader in readers) and time.monotonic() - began < 300:
        revision += 1
        publish(page, revision, 40)
    for reader in readers:
        out, _ = reader.communicate(timeout=60)
        reads, mixed, back, corrupt = json.loads(out)
        assert reads == 100
        assert (mixed, back, corrupt) == (0, 0, 0)
    page.close()


def test_racing_latchers_leave_no_change_unseen(tmp_path: Path) -> None:
    page = StatePage.create(tmp_path / "state.page", ["a", "b"])
    writers = [start(LATCHER, page.path, name, 1501) for name in "ab"]  # an odd number: both end latched
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    stamp, seen = b"", FlagSnapshot()
    while any(writer.poll() is None for writer in writers) or page.stamp() != stamp:
        if page.stamp() != stamp:
            stamp = page.stamp()
            seen = page.read()
    assert seen.latched("a")
    assert seen.latched("b")
    for writer in writers:
        writer.communicate()
    page.close()


def test_a_publisher_killed_at_any_moment_leaves_a_whole_snapshot(tmp_path: Path) -> None:
    page = StatePage.create(tmp_path / "state.page", [])
    last = 0
    for round_ in range(15):
        publisher = start(PUBLISHER, page.path)
        while page.revision() <= last + round_:
            pass
        publisher.send_signal(signal.SIGKILL)
        publisher.communicate()
        got = page.read()
        assert got.revision >= last
        assert {one.percent for one in got.features.values()} == {got.revision % 10001}
        last = got.revision
        publish(page, last + 1, 300)  # the lock died with its holder
        last += 1
    page.close()
