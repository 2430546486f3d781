"""The shadow over a shared Redis when it cannot follow, when nobody is there, and when Redis hangs: fewer
sessions, said so, and books that stay exact."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from tests.e2e.between import JSON, Asked, Says, unbalanced
from tests.e2e.crew import Crew, Ledger, Load, crew
from tests.support.ports import wait_until

ONE_SHARD = "processes = 0\nshards = 1\nmax_in_flight = 1"


def writes_and_reads(number: int) -> str:
    return "POST" if number % 3 == 0 else "GET"


def at_length(_: Asked) -> Says:
    """An answer of 10 KB, to fill what is small already."""
    return Says(b'{"a": "%b"}' % (b"x" * 10_000), headers=(*JSON, ("Banyan-Shadow", "honoured")))


def balanced_report(team: Crew) -> dict[str, float]:
    (gateway,) = team.gateways
    wait_until(lambda: gateway.report()["in_flight"] == 0, what="the shared books")
    report = gateway.report()
    assert report["eligible"] == report["compared"] + report["unknown"] + report["not_sampled"], report
    return report


def test_where_a_shard_cannot_follow_fewer_of_its_sessions_are_taken(tmp_path: Path) -> None:
    """Said on the machine, in the report and by the metric; sessions that were out are no mismatch; when the
    other side is quick again, they come back."""
    new = Ledger(pause=0.1)
    with crew(tmp_path, Ledger(), new) as team:
        gateway = team.gateway(ONE_SHARD)
        machine = team.machine(ONE_SHARD)
        wait_until(lambda: team.held(1), timeout=30, what="the shard to be worked on")
        load = Load(team, users=24, method=writes_and_reads)
        try:
            wait_until(lambda: gateway.report()["sample_percent"] < 60, 60, "a lower sample")
            assert unbalanced(gateway.books()) == 0
            assert gateway.metrics()["banyan_shadow_sample_percent"][()] < 60
            wait_until(lambda: gateway.books()["not_sampled"] > 50, 30, "sessions that are left out")
            lowest = gateway.report()["sample_percent"]
        finally:
            new.pause = 0.0
            sent = load.end()
        wait_until(lambda: gateway.report()["sample_percent"] > lowest, 60, "a higher sample")
        books = team.settled(sent, timeout=120)
        assert books["eligible"] == sent
        assert (books["mismatch"], unbalanced(books)) == (0, 0), books
        assert "the sample of sessions of some shards is now 50 %" in machine.process.output()
        report = balanced_report(team)
        assert report["not_sampled"] == books["not_sampled"] > 0


def test_with_nobody_at_the_streams_they_fill_up_and_what_does_not_fit_is_counted(tmp_path: Path) -> None:
    small = ONE_SHARD + '\nstream_max_bytes = "1 MiB"'
    with crew(tmp_path, Ledger(hurt=at_length), Ledger(hurt=at_length)) as team:
        gateway = team.gateway(small)
        load = Load(team, method=writes_and_reads)
        wait_until(lambda: gateway.books()["dropped"] > 50, 90, "full streams")
        sent = load.end()
        books = gateway.books()
        assert unbalanced(books) == 0, books
        assert books["in_flight"] > 50
        nobody = "no shadow process is there"
        wait_until(
            lambda: any(nobody in said for said in gateway.warnings()), 20, "what a person should know"
        )
        team.machine(small)
        books = team.settled(sent)
        assert (books["eligible"], books["mismatch"], unbalanced(books)) == (sent, 0, 0), books
        assert books["match"] > 50, "what was in the streams when somebody came"
        balanced_report(team)


def test_a_redis_that_hangs_is_told_of_once_when_it_begins_and_once_when_it_is_over(tmp_path: Path) -> None:
    """By each process, while there is traffic and work all the time; and no request waits for it."""
    with crew(tmp_path, Ledger(), Ledger()) as team:
        gateway = team.gateway("processes = 0", workers=1)
        machine = team.machine()
        wait_until(team.held, timeout=30, what="every shard to be worked on")
        load = Load(team, method=writes_and_reads)
        try:
            time.sleep(1)
            team.redis.process.signal(signal.SIGSTOP)
            time.sleep(8)
            hanging = [
                [line for line in said.splitlines() if "edis" in line]
                for said in (gateway.log(), machine.process.output())
            ]
        finally:
            team.redis.process.signal(signal.SIGCONT)
        again = "the shared Redis answers again"
        wait_until(lambda: again in machine.process.output(), 20, "the shadow to go on")
        wait_until(lambda: again in gateway.log(), 20, "the worker to go on")
        sent = load.end()
        books = team.settled(sent, timeout=90)
        assert (books["eligible"], books["mismatch"], unbalanced(books)) == (sent, 0, 0), books
        for lines in hanging:
            assert not any(again in line for line in lines), lines
        assert sum("takes no" in line or "does not take" in line for line in hanging[0]) == 1, hanging[0]
        assert sum("cannot be used" in line for line in hanging[1]) == 1, hanging[1]
        assert machine.process.output().count(again) == 1
        assert gateway.log().count(again) == 1
