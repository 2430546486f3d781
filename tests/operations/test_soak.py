"""Twenty thousand requests of the soak: everything is accounted for, memory is flat, nothing stays open."""

from bench.soak.account import differences, rows
from bench.soak.run import soak
from bench.soak.visitors import Seen, Tally


def test_every_request_is_accounted_for_and_nothing_is_left() -> None:
    """Mixed faults on both sides, clients that leave, two reloads on the way."""
    result = soak(20_000, visitors=48, workers=1, shadows=1, reloads=2, seed=7)
    assert result.wrong == []
    assert result.tally.requests == 20_000
    assert result.tally.left > 300
    assert result.tally.own.total() > 300


def test_the_account_sees_what_is_missing() -> None:
    """It can fail."""
    page = (
        'banyan_requests_total{feature="orders",side="new",cause="percentage",code="2xx"} 2\n'
        'banyan_requests_total{feature="leavers",side="new",cause="percentage",code="client_gone"} 1\n'
        'banyan_gateway_errors_total{reason="closed_early"} 1\n'
    )
    tally = Tally(left=1)
    tally.note("ok", Seen(200, own=False, whole=True, goes_on=True))
    tally.note("cut", Seen(200, own=False, whole=False, goes_on=False))
    assert differences(tally, rows(page)) == []
    tally.note("ok", Seen(200, own=False, whole=True, goes_on=True))
    assert differences(tally, rows(page)) == [
        "answers 2xx to visitors: 3 seen, 2 counted",
        "requests in all: 4 seen, 3 counted",
    ]
    tally.note("ok", Seen(0, own=False, whole=False, goes_on=False))
    assert differences(tally, rows(page))[-1] == "1 without any answer: Counter({'ok': 1})"
