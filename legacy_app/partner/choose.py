"""Which partner the configuration names, and the one that steps in when it is out of quota."""

from ..settings import Settings
from .asks import Ask, Partner, Reply
from .errors import PartnerBusy
from .offline_partner import OfflinePartner


class WithFallback:
    """Asks the first; when it is busy, the second."""

    def __init__(self, first: Partner, second: Partner) -> None:
        self._first = first
        self._second = second

    def reply(self, ask: Ask, model: str) -> Reply:
        try:
            return self._first.reply(ask, model)
        except PartnerBusy:
            return self._second.reply(ask, model)


def choose_partner(settings: Settings) -> Partner:
    if settings.partner == "offline":
        return OfflinePartner()
    gemini = _gemini(settings)
    return WithFallback(gemini, OfflinePartner()) if settings.partner_fallback == "offline" else gemini


def _gemini(settings: Settings) -> Partner:
    # Imported only when wanted: google-genai takes longer to load than all the rest together.
    from .gemini import GeminiPartner

    return GeminiPartner(
        settings.gemini_api_keys,
        base_url=settings.gemini_base_url,
        timeout=settings.gemini_timeout,
    )
