"""Which writes of a session are under way, and what overlaps with one."""

from __future__ import annotations

from gateway.shadowing import OpenWrites


def test_a_read_overlaps_with_a_write_that_began_before_it_ended() -> None:
    writes = OpenWrites()
    writes.begin("ann", 10.0, "worker 1")
    assert writes.overlap("ann", began=9.0, ended=10.5), "the write began while the read was answered"
    assert writes.overlap("ann", began=11.0, ended=12.0), "the write is not over, as far as is known"
    assert not writes.overlap("ann", began=8.0, ended=9.0), "the read was over before"
    assert not writes.overlap("bob", began=9.0, ended=10.5), "somebody else's"


def test_a_write_does_not_overlap_with_itself() -> None:
    writes = OpenWrites()
    writes.begin("ann", 10.0, "worker 1")
    assert not writes.overlap("ann", began=10.0, ended=12.0)
    writes.begin("ann", 11.0, "worker 2")
    assert writes.overlap("ann", began=10.0, ended=12.0)


def test_nothing_is_kept_of_what_is_over() -> None:
    writes = OpenWrites()
    for began in (1.0, 2.0, 3.0):
        writes.begin("ann", began, "worker 1")
    writes.end("ann", 2.0)
    writes.end("ann", 9.0)
    writes.end("bob", 1.0)
    assert len(writes) == 2
    assert not writes.overlap("ann", began=0.0, ended=1.0)
    writes.begin("bob", 4.0, "worker 2")
    writes.begin("bob", 4.0, "worker 2")
    assert len(writes) == 3, "said twice it is one"
    assert writes.forget("worker 1") == ["ann"]
    assert len(writes) == 1
    writes.end("bob", 4.0)
    assert len(writes) == 0
