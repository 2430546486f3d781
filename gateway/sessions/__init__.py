"""Who is asking: the sticky key of a request, found, minted, or carried on when the application changes its
cookie. (Carrying a session across sides belongs here too.)"""

from gateway.sessions.beginnings import Beginning, Beginnings
from gateway.sessions.carried import CarriedKeys
from gateway.sessions.sticky import Began, StickyKey, StickyKeys

__all__ = ["Began", "Beginning", "Beginnings", "CarriedKeys", "StickyKey", "StickyKeys"]
