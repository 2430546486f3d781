"""What the shadow sees of a request: an immutable copy, sampled by session, handed over and forgotten.

- ``plan``     which exchanges are shadowed: eligible, sampled, or not (pure)
- ``exchange`` what goes over the channel in both directions, as values and as frames
- ``channel``  the bounded way from a worker to the shadow processes: full or broken, it drops and counts
- ``capture``  the three together, as the request path uses them, and the counts, which always add up
"""

from gateway.capture.capture import Capture, CaptureCounts
from gateway.capture.channel import ExchangeChannel, FrameReader
from gateway.capture.exchange import Captured, CapturedExchange, SessionGap, Settled, decode, encode
from gateway.capture.plan import CapturePlan, FeatureCapture, sample_position

__all__ = [
    "Capture",
    "CaptureCounts",
    "CapturePlan",
    "Captured",
    "CapturedExchange",
    "ExchangeChannel",
    "FeatureCapture",
    "FrameReader",
    "SessionGap",
    "Settled",
    "decode",
    "encode",
    "sample_position",
]
