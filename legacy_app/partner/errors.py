"""What can go wrong when a partner is asked.

PartnerError
  PartnerBusy      out of quota or overloaded: worth another key, another partner, a later try
  PartnerFailed    no answer for any other reason
"""


class PartnerError(Exception):
    """A partner gave no reply."""


class PartnerBusy(PartnerError):
    """Out of quota or overloaded, now."""


class PartnerFailed(PartnerError):
    """Broken, unreachable, refused, or an answer without text."""
