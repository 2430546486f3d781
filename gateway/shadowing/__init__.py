"""The shadow's work on one captured exchange after another: ask the other side, compare, keep what was found.

In the order an exchange takes:

- ``lanes``    in order within a session, side by side between sessions, bounded
- ``trust``    which side honours ``Banyan-Shadow``, so that a write may be sent to it at all
- ``copy``     the copy of a request on its way to the other side, and what came back
- ``template`` the route that findings are grouped under
- ``pipeline`` the exchange from copy to verdict; also held against a recording where there is one
- ``recording`` live sessions kept as goldens while an order (``orders``) asks for it
- ``findings`` verdicts counted, mismatches stored and logged

What a difference is, lives in ``shadow``; what a recording is, in ``golden``. No user waits for anything
here.
"""

from gateway.shadowing.copy import CopySender
from gateway.shadowing.findings import Findings
from gateway.shadowing.lanes import Lanes
from gateway.shadowing.orders import Order, Outcome, outcomes, place_order, withdraw
from gateway.shadowing.pipeline import Pipeline
from gateway.shadowing.recording import LiveRecorder
from gateway.shadowing.trust import Trust

__all__ = [
    "CopySender",
    "Findings",
    "Lanes",
    "LiveRecorder",
    "Order",
    "Outcome",
    "Pipeline",
    "Trust",
    "outcomes",
    "place_order",
    "withdraw",
]
