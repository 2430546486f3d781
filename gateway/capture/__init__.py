"""What the shadow sees of a request: an immutable copy, sampled by session, handed over and forgotten.

- ``plan``     which exchanges are shadowed: eligible, sampled, or not (pure)
- ``fields``   header fields as lines, and back
- ``exchange`` what goes over the channel in both directions, as values and as frames
- ``channel``  the bounded way from a worker to the shadow processes: full or broken, it drops and counts
- ``gaps``     the words about sessions whose exchanges the shared streams had no room for
- ``capture``  the three together, as the request path uses them, and the counts, which always add up
"""

from gateway.capture.capture import Capture, CaptureCounts, Way
from gateway.capture.channel import ExchangeChannel, FrameReader
from gateway.capture.exchange import (
    AllSaid,
    Captured,
    CapturedExchange,
    SessionGap,
    Settled,
    WriteBegan,
    decode,
    decode_said,
    decode_settled,
    encode,
)
from gateway.capture.fields import lines_of
from gateway.capture.gaps import Gaps
from gateway.capture.plan import CapturePlan, FeatureCapture, sample_position

__all__ = [
    "AllSaid",
    "Capture",
    "CaptureCounts",
    "CapturePlan",
    "Captured",
    "CapturedExchange",
    "ExchangeChannel",
    "FeatureCapture",
    "FrameReader",
    "Gaps",
    "SessionGap",
    "Settled",
    "Way",
    "WriteBegan",
    "decode",
    "decode_said",
    "decode_settled",
    "encode",
    "lines_of",
    "sample_position",
]
