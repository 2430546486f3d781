"""The partner: whoever answers in a conversation, behind one Protocol of two methods.

`turns` says what a partner is asked; `offline` answers from tables, `gemini` asks the real model.
"""

from new_app.partner.turns import (
    ChatTurn,
    Partner,
    PartnerBusy,
    PartnerError,
    PartnerFailed,
    ReviewTurn,
    Scene,
    SceneTurn,
    Turn,
    WatchTurn,
)

__all__ = [
    "ChatTurn",
    "Partner",
    "PartnerBusy",
    "PartnerError",
    "PartnerFailed",
    "ReviewTurn",
    "Scene",
    "SceneTurn",
    "Turn",
    "WatchTurn",
]
