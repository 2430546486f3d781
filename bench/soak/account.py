"""What the visitors saw beside what the gateway counted. Pure; every difference is a line.

requests in            = answers out + answers cut off + visitors who left
banyan_requests_total  = the same, class by class (an answer that was cut off had its status already)
gateway errors         = the gateway's own answers + answers that had to be cut off
"""

from __future__ import annotations

import re
from collections import Counter

from bench.soak.visitors import GOOD, Tally

RARE = 0.001
"""The share of good requests that may die with their connection: no more than a fifth may be retries."""
_ROW = re.compile(r"^(banyan_\w+_total)\{(.*)\} (\S+)$", re.M)

Rows = list[tuple[str, dict[str, str], int]]


def rows(text: str) -> Rows:
    """The counters in a page of metrics: name, labels, value."""
    return [
        (name, dict(re.findall(r'(\w+)="([^"]*)"', labels)), int(float(value)))
        for name, labels, value in _ROW.findall(text)
    ]


def total(found: Rows, name: str, **labels: str) -> int:
    """The sum of a counter over the series with these labels."""
    return sum(
        value
        for row, given, value in found
        if row == name and all(given.get(key) == wanted for key, wanted in labels.items())
    )


def differences(tally: Tally, found: Rows) -> list[str]:
    """Nothing, when everything is accounted for."""
    classes = Counter(tally.classes)
    expected = {f"answers {code} to visitors": classes[code] for code in ("2xx", "3xx", "4xx", "5xx")}
    counted = {
        f"answers {code} to visitors": total(found, "banyan_requests_total", feature="orders", code=code)
        for code in ("2xx", "3xx", "4xx", "5xx")
    }
    expected["visitors that the gateway saw leave"] = 0
    counted["visitors that the gateway saw leave"] = total(
        found, "banyan_requests_total", feature="orders", code="client_gone"
    )
    expected["requests of leavers"] = tally.left
    counted["requests of leavers"] = total(found, "banyan_requests_total", feature="leavers")
    expected["requests in all"] = tally.requests
    counted["requests in all"] = total(found, "banyan_requests_total")
    unseen = total(found, "banyan_requests_total", feature="leavers", code="5xx")
    expected["errors of the gateway"] = tally.own.total() + tally.cut + unseen
    counted["errors of the gateway"] = total(found, "banyan_gateway_errors_total")
    lines = [
        f"{what}: {expected[what]:,} seen, {counted[what]:,} counted"
        for what in expected
        if expected[what] != counted[what]
    ]
    good, stood_in = (sum(counts[word] for word in GOOD) for counts in (tally.asked, tally.own))
    if stood_in > good * RARE:
        lines.append(f"{stood_in:,} times the gateway stood in for an application that answers")
    return lines + ([f"{len(tally.lost)} without any answer: {Counter(tally.lost)}"] if tally.lost else [])
