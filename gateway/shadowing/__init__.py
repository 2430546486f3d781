"""The shadow's work on one captured exchange after another: ask the other side, compare, keep what was found.

In the order an exchange takes:

- ``intake``   one worker's connection: exchanges come in, verdicts go back
- ``lanes``    in order within a session, side by side between sessions, bounded and shared fairly
- ``writes``   which writes of a session are under way; ``hearing``: whether all workers (``serving``) have
  said what they know of that
- ``sampling`` how many sessions are taken: lowered under pressure, and said so
- ``trust``    which side honours ``Banyan-Shadow``, so that a write may be sent to it at all
- ``copy``     the copy of a request on its way to the other side, and what came back; ``silence``: whether
  that side answers at all
- ``template`` the route that findings are grouped under
- ``pipeline`` the exchange from copy to verdict; also held against a recording where there is one
- ``goldens``  the recordings that answers are held against; ``routes`` which routes were seen
- ``recording`` live sessions kept as goldens while an order (``orders``) asks for it
- ``twice``    the control asked twice on a sample: what it differs from itself in is noise
- ``rulebook`` the rules in force, read again when their file changes
- ``limit``    a hard limit of time on the work over one pair
- ``findings`` verdicts counted, samples explained, redacted and logged
- ``keeping``  what was found is written down, in a thread of its own
- ``rounds``   what is done again and again, whatever becomes of one round

What a difference is, lives in ``shadow``; what a recording is, in ``golden``. No user waits for anything
here.
"""

from gateway.shadowing.copy import CopySender
from gateway.shadowing.findings import Findings
from gateway.shadowing.goldens import Goldens
from gateway.shadowing.hearing import Hearing
from gateway.shadowing.intake import Intake
from gateway.shadowing.keeping import Keeper
from gateway.shadowing.lanes import Lanes
from gateway.shadowing.limit import TimeLimit, TookTooLong
from gateway.shadowing.orders import Order, Outcome, outcomes, place_order, withdraw
from gateway.shadowing.pipeline import Parts, Pipeline
from gateway.shadowing.recording import LiveRecorder
from gateway.shadowing.rounds import in_rounds
from gateway.shadowing.rulebook import RuleBook
from gateway.shadowing.sampling import SessionSample
from gateway.shadowing.serving import ServingWorkers
from gateway.shadowing.trust import Trust
from gateway.shadowing.twice import ControlTwice
from gateway.shadowing.writes import OpenWrites

__all__ = [
    "ControlTwice",
    "CopySender",
    "Findings",
    "Goldens",
    "Hearing",
    "Intake",
    "Keeper",
    "Lanes",
    "LiveRecorder",
    "OpenWrites",
    "Order",
    "Outcome",
    "Parts",
    "Pipeline",
    "RuleBook",
    "ServingWorkers",
    "SessionSample",
    "TimeLimit",
    "TookTooLong",
    "Trust",
    "in_rounds",
    "outcomes",
    "place_order",
    "withdraw",
]
