"""What the shadow sees of a request: an immutable copy, sampled by session, handed over and forgotten.

- ``plan``     which exchanges are shadowed: eligible, sampled, or not (pure)
- ``exchange`` the captured exchange as a value and as a frame
- ``channel``  the bounded way from a worker to the shadow processes: full or broken, it drops and counts
- ``capture``  the three together, as the request path uses them
"""

from gateway.capture.capture import Capture
from gateway.capture.channel import ExchangeChannel, FrameReader
from gateway.capture.exchange import CapturedExchange, decode, encode
from gateway.capture.plan import CapturePlan, FeatureCapture

__all__ = [
    "Capture",
    "CapturePlan",
    "CapturedExchange",
    "ExchangeChannel",
    "FeatureCapture",
    "FrameReader",
    "decode",
    "encode",
]
