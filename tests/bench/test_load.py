"""wrk's report is read right, and anything else is not taken for a measurement."""

import pytest

from bench.load import Sample, milliseconds, parse
from bench.results import medians

REPORT = """\
Running 4s test @ http://127.0.0.1:9001/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.05ms    2.50ms  50.00ms   84.50%
    Req/Sec    40.25k     1.99k   44.10k    64.99%
  Latency Distribution
     50%  950.00us
     75%    1.80ms
     90%    2.10ms
     99%    1.02s
  160000 requests in 4.00s, 170.00MB read
  Socket errors: connect 0, read 3, write 0, timeout 2
  Non-2xx or 3xx responses: 5
Requests/sec:  40000.25
Transfer/sec:     42.50MB
"""


def test_a_report_is_read_with_every_kind_of_error() -> None:
    """Socket errors and wrong statuses are one number."""
    assert parse(REPORT) == Sample(rate=40000.25, p50=950 * 0.001, p99=1020.0, requests=160000, errors=10)


def test_a_report_without_errors_has_none() -> None:
    """wrk leaves those lines out then."""
    lines = [line for line in REPORT.splitlines() if "errors" not in line and "Non-2xx" not in line]
    assert parse("\n".join(lines)).errors == 0


def test_what_is_no_report_is_refused() -> None:
    """A refused connection prints something else."""
    with pytest.raises(ValueError, match="unable to connect"):
        parse("unable to connect to 127.0.0.1:1 Connection refused")


@pytest.mark.parametrize(("text", "expected"), [("12.50us", 0.0125), ("1.23ms", 1.23), ("2.00s", 2000.0)])
def test_units(text: str, expected: float) -> None:
    """Everything is shown in milliseconds."""
    assert milliseconds(text) == pytest.approx(expected)


def test_medians_stand_for_the_rounds_and_errors_are_added_up() -> None:
    """One wild round does not move the row; one error anywhere shows."""
    runs = [Sample(10.0, 1.0, 2.0, 100, 0), Sample(90.0, 9.0, 9.0, 900, 1), Sample(20.0, 2.0, 3.0, 200, 0)]
    assert medians(runs) == Sample(20.0, 2.0, 3.0, 1200, 1)
