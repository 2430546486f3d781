"""The partner: whoever answers in a conversation, behind one Protocol of two methods.

`turns` says what a partner is asked; `offline` answers from tables, `gemini` asks the real model,
`fallback` goes from one to the other when a quota is used up.
"""

from new_app.partner.turns import (
    ChatTurn,
    Partner,
    PartnerBusy,
    PartnerError,
    PartnerFailed,
    Reply,
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
    "Reply",
    "ReviewTurn",
    "Scene",
    "SceneTurn",
    "Turn",
    "WatchTurn",
]
