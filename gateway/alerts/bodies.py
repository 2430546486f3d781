"""An alert as it travels: signed JSON, Slack's form, a mail; pure. It must not know who receives it."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

import msgspec

from gateway.alerts.events import Alert

__all__ = ["SIGNATURE", "json_body", "mail", "signature", "slack_body"]

SIGNATURE: Final = "Banyan-Signature"
_LONGEST_TEXT: Final = 3000


def json_body(alert: Alert) -> bytes:
    """All of it; `text` beside it is what Mattermost, others show."""
    return msgspec.json.encode(alert)


def signature(secret: str, moment: int, body: bytes) -> str:
    """For the header: `t=` seconds since 1970, `v1=` the HMAC-SHA256 of `t`, a full stop and the body, in
    hex. The time is part of it, so that an old delivery cannot be sent again unnoticed.
    """
    mac = hmac.new(secret.encode(), b"%d." % moment + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={mac}"


def slack_body(alert: Alert) -> bytes:
    """What an incoming webhook of Slack takes. Its three special characters are escaped, so that nobody's
    reason becomes a mention or a link.
    """
    lines = [f"*Banyan: {alert.event}*", alert.text, *_evidence(alert)]
    text = "\n".join(lines)[:_LONGEST_TEXT]
    for character, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(character, escaped)
    return msgspec.json.encode({"text": text})


def mail(alert: Alert, sender: str, to: tuple[str, ...], domain: str) -> EmailMessage:
    """Plain text; the same `Message-ID` at every try."""
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = ", ".join(to)
    message["Subject"] = _one_line(f"Banyan: {alert.text}")[:180]
    message["Date"] = format_datetime(datetime.fromisoformat(alert.time))
    digest = hashlib.sha256(alert.id.encode()).hexdigest()[:32]
    message["Message-ID"] = f"<{digest}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    rows = [(name, value) for name, value in msgspec.to_builtins(alert).items() if value not in (None, "", 0)]
    lines = [alert.text, "", *(f"{name}: {_one_line(_shown(value))}" for name, value in rows)]
    message.set_content("\n".join(lines))
    return message


def _evidence(alert: Alert) -> list[str]:
    return [f"evidence: {_shown(alert.evidence)}"] if alert.evidence is not None else []


def _shown(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
