"""The keys of `[alerts]`: what people are told of, and where."""

from __future__ import annotations

from gateway.config.key import Key
from gateway.config.kinds import ANY_TEXT, EVENTS, FILE, MAIL_ADDRESS, MAIL_ADDRESSES, VARIABLE_NAME, choice
from gateway.config.places import MAIL_SERVER, SERVER_URL

__all__ = ["ALERTS"]

ALERTS = (
    Key(
        "alerts.events",
        EVENTS,
        ["rollback", "restore", "guard", "freeze", "source", "divergence", "ledger"],
        "What people are told of: those, and dial.",
    ),
    Key("alerts.webhook_url", SERVER_URL, "", "Where alerts go as JSON."),
    Key(
        "alerts.webhook_secret_env",
        VARIABLE_NAME,
        "",
        "Environment variable with the secret that signs them.",
    ),
    Key("alerts.webhook_secret_file", FILE, "", "File with the secret that signs them."),
    Key(
        "alerts.slack_url_env",
        VARIABLE_NAME,
        "",
        "Environment variable with the address of an incoming webhook of Slack.",
    ),
    Key("alerts.slack_url_file", FILE, "", "File with the address of an incoming webhook of Slack."),
    Key("alerts.smtp_server", MAIL_SERVER, "", "The mail server that takes alerts, host:port."),
    Key(
        "alerts.smtp_security",
        choice("starttls", "tls", "none"),
        "starttls",
        "How the way there is kept private: after STARTTLS, by TLS from the start, or not.",
    ),
    Key("alerts.smtp_user", ANY_TEXT, "", "The user there, if it wants one."),
    Key("alerts.smtp_password_env", VARIABLE_NAME, "", "Environment variable with the user's password."),
    Key("alerts.smtp_password_file", FILE, "", "File with the user's password."),
    Key("alerts.smtp_from", MAIL_ADDRESS, "", "Whom the mails come from."),
    Key("alerts.smtp_to", MAIL_ADDRESSES, [], "Whom they go to."),
)
