"""The migration, step by step. Each act does what an operator does, looks from outside, and says what it saw.

Every figure is measured in this run; what was expected and not seen raises NotSeen and ends the demo.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from deploy.demo.banyan import Called, banyan
from deploy.demo.servers import FEATURE, GOLDENS, Servers
from deploy.demo.stage import Stage, expect
from deploy.demo.users import Crowd, User, UserSaw

STEPS = (1, 10, 50, 100)
REGRESSION = "field-renamed"
COMPARED_SECONDS = 20.0
TAKEN_BACK_SECONDS = 40.0
AT_A_TIME = 24


def record_goldens(stage: Stage, servers: Servers) -> None:
    """What legacy answers is written down as the truth, and holds for both sides."""
    with stage.act("Record goldens from legacy") as seen:
        flows = [str(flow) for flow in sorted((GOLDENS / "flows").glob("*.toml"))]
        options = [option for flow in flows for option in ("--flow", flow)]
        done = banyan(servers.config, "golden", "record", "--from", servers.legacy_url, *options)
        expect(done.code == 0, f"recording ended with {done.code}: {done.text}")
        seen.append(f"{_recordings(servers)} recordings from {len(flows)} journeys")
    with stage.act("Verify goldens against both sides") as seen:
        for name, url in (("legacy", servers.legacy_url), ("new", servers.new_url)):
            done = banyan(servers.config, "golden", "verify", "--to", url)
            expect(done.code == 0, f"the goldens do not hold for {name}: {done.text[-2000:]}")
        seen.append("all hold for legacy and for the new application")


def _recordings(servers: Servers) -> int:
    return sum(1 for _ in servers.goldens.glob("*/*.json"))


def shadow_at_zero(stage: Stage, servers: Servers, crowd: Crowd) -> None:
    """Nobody sees the new side yet, and every answer is compared with what it would have said."""
    with stage.act("Shadow at 0 %") as seen:
        asyncio.run(crowd.visit())
        asyncio.run(crowd.converse(crowd.users[:24], turns=4))
        expect(
            {user.side for user in crowd.users} == {"legacy"}, "at 0 % somebody was answered by the new side"
        )
        numbers = _all_compared(servers)
        expect(
            numbers["mismatch"] == 0,
            f"{numbers['mismatch']} mismatches without a regression: {_diffs(servers)}",
        )
        seen.append(f"{numbers['compared']} pairs compared, none differs")
        seen.append("all users on legacy")


def climb(stage: Stage, servers: Servers, crowd: Crowd) -> None:
    """1 → 10 → 50 → 100, each step in force at once; whoever is on the new side stays there."""
    before: set[int] = set()
    for percent in STEPS:
        with stage.act(f"Dial to {percent} %") as seen:
            done = _changed(
                banyan(servers.config, "dial", FEATURE, str(percent), "--reason", "the demo climbs")
            )
            asyncio.run(crowd.visit())
            on_new = {user.number for user in crowd.users if user.side == "new"}
            expect(before <= on_new, f"{len(before - on_new)} users were moved back by a raise")
            expect(_plausible(len(on_new), len(crowd.users), percent), f"{len(on_new)} users at {percent} %")
            talkers = [user for user in crowd.users if user.side == "new"][:9] + crowd.users[:6]
            asyncio.run(crowd.converse(talkers))
            before = on_new
            seen.append(f"on all {done['workers']} workers after {done['seconds'] * 1000:.0f} ms")
            seen.append(f"{len(on_new)} of {len(crowd.users)} users on new, nobody moved back")
    with stage.act("Compare at 100 %, legacy in the shadow") as seen:
        numbers = _all_compared(servers)
        expect(
            numbers["mismatch"] == 0,
            f"{numbers['mismatch']} mismatches without a regression: {_diffs(servers)}",
        )
        seen.append(f"{numbers['compared']} pairs compared so far, none differs")


def regression(stage: Stage, servers: Servers, crowd: Crowd) -> None:
    """The new application makes a mistake; the comparison names the field, and the judge takes everybody
    back by itself."""
    with stage.act(f"A regression in the new application ({REGRESSION})") as seen:
        servers.switch_fault(REGRESSION)
        began = time.monotonic()
        asked = crowd.requests
        latched, cut = False, 0
        for group in _others_each_time(crowd.users):
            try:
                asyncio.run(crowd.converse(group, turns=1))
            except UserSaw:
                if not (latched := _feature(servers)["latched"]):
                    raise
                cut = crowd.begin_again()
            if latched or (latched := _feature(servers)["latched"]):
                break
            expect(time.monotonic() - began < TAKEN_BACK_SECONDS, "the regression was not taken back")
        found = [row for row in _diffs(servers) if row["severity"] == "high"]
        paths = sorted({row["path"] for row in found})
        expect(any("response" in path for path in paths), f"the field is not named: {paths}")
        named = ", ".join(f"{row['path']} {row['kind']}" for row in found[:2])
        seconds = time.monotonic() - began
        seen.append(
            f"taken back by itself {seconds:.1f} s and {crowd.requests - asked} requests after it began"
        )
        seen.append(f"named: {named}")
        if cut:
            seen.append(f"conversations under way then begin again ({cut} requests were told so)")
    with stage.act("Everybody is back, and why") as seen:
        asyncio.run(crowd.visit())
        expect(
            {user.side for user in crowd.users} == {"legacy"}, "after the rollback the new side still answers"
        )
        rollback = next(one for one in _ledger(servers) if one["action"] == "rollback")
        expect(rollback["actor"] == "banyan (guard)", f"taken back by {rollback['actor']}")
        broken = [
            name for name, guard in rollback["evidence"]["guards"].items() if guard["outcome"] == "fail"
        ]
        seen.append(f"all {len(crowd.users)} users on legacy")
        seen.append(f"by {rollback['actor']}, guard {', '.join(broken)}")
    with stage.act("Goldens against the regression") as seen:
        verified = banyan(servers.config, "golden", "verify", "--to", servers.new_url)
        expect(verified.code == 1, f"the goldens did not fail the regression (exit {verified.code})")
        expect("response" in verified.text, "the goldens do not name the field")
        seen.append("verify fails with exit code 1 and names the field")


def _others_each_time(users: Sequence[User]) -> Iterator[Sequence[User]]:
    """Groups without end: the judge counts users, whom the same twelve would not add to."""
    starts = itertools.cycle(range(0, len(users), AT_A_TIME))
    return (users[start : start + AT_A_TIME] for start in starts)


def mend_and_restore(stage: Stage, servers: Servers, crowd: Crowd) -> None:
    """The mistake is mended; the goldens say so; the latch is cleared deliberately, and the dial put up
    again."""
    with stage.act("Mend, verify, restore") as seen:
        servers.switch_fault("")
        verified = banyan(servers.config, "golden", "verify", "--to", servers.new_url)
        expect(verified.code == 0, f"the goldens still fail: {verified.text[-2000:]}")
        _changed(banyan(servers.config, "restore", FEATURE, "--reason", "mended, the goldens hold"))
        _changed(banyan(servers.config, "dial", FEATURE, "100", "--reason", "mended, the goldens hold"))
        seen.append("goldens hold again; the dial is put up again")


def roll_back(stage: Stage, servers: Servers, crowd: Crowd) -> None:
    """One command, everybody on legacy at the next request, and back where they were at the next one."""
    with stage.act("Roll back by command, and restore") as seen:
        done = _changed(banyan(servers.config, "rollback", FEATURE, "--reason", "to see how long it takes"))
        asyncio.run(crowd.visit())
        expect(
            {user.side for user in crowd.users} == {"legacy"}, "after the rollback the new side still answers"
        )
        seen.append(f"the last of {done['workers']} workers after {done['seconds'] * 1000:.0f} ms")
        _changed(banyan(servers.config, "restore", FEATURE, "--reason", "seen"))
        asyncio.run(crowd.visit())
        expect({user.side for user in crowd.users} == {"new"}, "after the restore the dial does not hold")
        seen.append(f"all {len(crowd.users)} users on legacy, and after a restore on the new side")


def closing(stage: Stage, servers: Servers, crowd: Crowd) -> dict[str, Any]:
    """The A/B report, and that no user met an error."""
    with stage.act("Report") as seen:
        _all_compared(servers)
        report = banyan(servers.config, "report", FEATURE)
        expect(report.data is not None, f"no report: {report.text}")
        expect(crowd.failures == 0, f"{crowd.failures} requests of users failed")
        seen.append(f"{crowd.requests} requests of users, none failed")
        data: dict[str, Any] = report.data
        seen.append(f"verdict: {data['verdict']}" + "".join(f", {reason}" for reason in data["reasons"]))
        return data


def _changed(done: Called) -> dict[str, Any]:
    expect(done.code == 0 and isinstance(done.data, dict), f"refused: {done.text}")
    expect(done.data["complete"], f"not every worker has it: {done.text}")
    data: dict[str, Any] = done.data
    return data


def _feature(servers: Servers) -> dict[str, Any]:
    done = banyan(servers.config, "status")
    expect(isinstance(done.data, dict), f"no status: {done.text}")
    return next(one for one in done.data["features"] if one["name"] == FEATURE)


def _ledger(servers: Servers) -> list[dict[str, Any]]:
    done = banyan(servers.config, "ledger")
    expect(isinstance(done.data, list), f"no ledger: {done.text}")
    rows: list[dict[str, Any]] = done.data
    return rows


def _diffs(servers: Servers) -> list[dict[str, Any]]:
    done = banyan(servers.config, "diffs", FEATURE)
    expect(isinstance(done.data, list), f"no list of differences: {done.text}")
    rows: list[dict[str, Any]] = done.data
    return rows


def _all_compared(servers: Servers) -> dict[str, Any]:
    """The shadow's numbers, once nothing is under way any more."""
    before: dict[str, Any] = {}

    def settled() -> dict[str, Any] | None:
        nonlocal before
        done = banyan(servers.config, "report", FEATURE)
        expect(isinstance(done.data, dict), f"no report: {done.text}")
        now: dict[str, Any] = done.data["shadow"]
        same, before = now == before, now
        return now if same and now["compared"] else None

    return _wait_for(settled) or before


def _wait_for(look: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + COMPARED_SECONDS
    while True:
        found = look()
        if found or time.monotonic() > deadline:
            return found
        time.sleep(0.4)


def _plausible(count: int, users: int, percent: int) -> bool:
    """Within four standard deviations of the binomial distribution."""
    share = percent / 100
    return abs(count - users * share) <= 4 * math.sqrt(users * share * (1 - share)) + 0.5
