"""Telling people what has happened, without ever being in the way of it.

In the order data takes:

- `events`     which entries of the ledger, and which turns of a source, are an alert, and what it says: pure
- `bodies`     the same as signed JSON, for Slack, as a mail: pure
- `channels`   where it goes: a webhook, Slack, a mail server; each delivers once and says what went wrong
- `outbox`     what is still to be delivered: bounded, tried again with growing pauses, counted
- `watch`      follows the ledger, which is never behind by more than a disk, and what is wrong at the moment

It must not know how a change is made, and waits for nobody who makes one.
"""

from gateway.alerts.channels import Channel, Mail, channels_of, slack_address
from gateway.alerts.events import EVENTS, Alert, Trouble
from gateway.alerts.outbox import Outbox
from gateway.alerts.watch import AlertWatch

__all__ = [
    "EVENTS",
    "Alert",
    "AlertWatch",
    "Channel",
    "Mail",
    "Outbox",
    "Trouble",
    "channels_of",
    "slack_address",
]
