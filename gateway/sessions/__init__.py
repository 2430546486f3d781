"""Who is asking: the sticky key of a request, found or minted. (Carrying a session across sides belongs
here too.)"""

from gateway.sessions.sticky import StickyKey, StickyKeys

__all__ = ["StickyKey", "StickyKeys"]
