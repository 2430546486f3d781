"""Where alerts go: a webhook, Slack, a mail server. Each delivers one alert once, within a limit, and says
in a sentence what went wrong. It must not know whether it is tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import smtplib
import socket
import ssl
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

import httpx

from flags import Secret, SecretMissing
from gateway.alerts.bodies import SIGNATURE, json_body, mail, signature, slack_body
from gateway.alerts.events import Alert

if TYPE_CHECKING:
    from gateway.config import Alerts

__all__ = ["LIMIT", "Channel", "Mail", "Slack", "Webhook", "channels_of", "slack_address"]

LIMIT: Final = 10.0
"""Seconds for one delivery."""
_LONGEST: Final = 200


class Channel(Protocol):
    """`name` for people and metrics; `address` without anything secret."""

    @property
    def name(self) -> str: ...

    address: str

    async def deliver(self, alert: Alert) -> str:
        """ "" when it was taken, else why not, a sentence. Never raises but for a cancellation."""


def channels_of(alerts: Alerts, clock: Callable[[], float] = time.time) -> tuple[Channel, ...]:
    """Those that are configured."""
    found: list[Channel] = []
    if alerts.webhook_url:
        secret = Secret("alerts.webhook_secret", alerts.webhook_secret_env, alerts.webhook_secret_file)
        found.append(Webhook(alerts.webhook_url, secret, clock))
    slack = Secret("alerts.slack_url", alerts.slack_url_env, alerts.slack_url_file)
    if slack.configured:
        found.append(Slack(slack))
    if alerts.smtp_server.host:
        password = Secret("alerts.smtp_password", alerts.smtp_password_env, alerts.smtp_password_file)
        found.append(Mail(alerts, password))
    return tuple(found)


class Webhook:
    """Signed JSON. Without a secret it is not signed."""

    name: Final = "webhook"

    def __init__(self, url: str, secret: Secret, clock: Callable[[], float]) -> None:
        self.address = _host(url)
        self._url = url
        self._secret = secret
        self._clock = clock

    async def deliver(self, alert: Alert) -> str:
        body = json_body(alert)
        headers = {"Content-Type": "application/json", "Banyan-Event": alert.event}
        try:
            if self._secret.configured:
                headers[SIGNATURE] = signature(self._secret(), int(self._clock()), body)
        except SecretMissing as error:
            return f"It cannot be signed: {error}."
        return await _post(self._url, body, headers)


def slack_address(url: Secret) -> str:
    """The address itself, for `Slack` alone. Raises `SecretMissing`, also where something else is in its
    place.
    """
    found = url()
    if not _is_address(found):
        raise SecretMissing(f"{url.key}_env or {url.key}_file must give one such as https://HOST/PATH")
    return found


class Slack:
    """An incoming webhook of Slack, or of something that takes the same. Its address is the secret."""

    name: Final = "slack"

    def __init__(self, url: Secret) -> None:
        self._url = url
        self.address = ""
        with contextlib.suppress(SecretMissing):
            self.address = _host(slack_address(url))

    async def deliver(self, alert: Alert) -> str:
        try:
            url = slack_address(self._url)
        except SecretMissing as error:
            return f"There is no address: {error}."
        self.address = _host(url)
        return await _post(url, slack_body(alert), {"Content-Type": "application/json"})


class Mail:
    """A mail server. In a thread of its own: the library waits for every answer."""

    name: Final = "mail"

    def __init__(self, alerts: Alerts, password: Secret) -> None:
        self.address = str(alerts.smtp_server)
        self._alerts = alerts
        self._password = password

    async def deliver(self, alert: Alert) -> str:
        try:
            async with asyncio.timeout(4 * LIMIT):
                return await asyncio.to_thread(self._send, alert)
        except TimeoutError:
            return f"The mail server has not taken it within {4 * LIMIT:g} s."

    def hello(self) -> str:
        """Connect and log in, and send nothing → "" or what is wrong. Blocking."""
        return self._talk(_nothing)

    def _send(self, alert: Alert) -> str:
        alerts = self._alerts
        message = mail(
            alert, alerts.smtp_from, alerts.smtp_to, alerts.smtp_from.rpartition("@")[2] or "localhost"
        )

        def send(server: smtplib.SMTP) -> str:
            refused = server.send_message(message)
            return f"The mail server refused {', '.join(refused)}." if refused else ""

        return self._talk(send)

    def _talk(self, say: Callable[[smtplib.SMTP], str]) -> str:
        try:
            password = self._password() if self._password.configured else ""
            with self._connected() as server:
                if self._alerts.smtp_user or password:
                    server.login(self._alerts.smtp_user, password)
                return say(server)
        except SecretMissing as error:
            return f"There is no password: {error}."
        except (smtplib.SMTPException, OSError, ValueError) as error:
            return f"The mail server: {_short(error)}."

    def _connected(self) -> smtplib.SMTP:
        alerts = self._alerts
        host, port = alerts.smtp_server.host, alerts.smtp_server.port
        here = socket.gethostname()  # the library's own choice asks a name server, for as long as that takes
        if alerts.smtp_security == "tls":
            trusted = ssl.create_default_context()
            return smtplib.SMTP_SSL(host, port, here, timeout=LIMIT, context=trusted)
        server = smtplib.SMTP(host, port, here, timeout=LIMIT)
        if alerts.smtp_security == "starttls":
            try:
                server.starttls(context=ssl.create_default_context())
            except BaseException:
                server.close()
                raise
        return server


def _nothing(server: smtplib.SMTP) -> str:
    return ""


async def _post(url: str, body: bytes, headers: dict[str, str]) -> str:
    try:
        async with (
            asyncio.timeout(LIMIT),
            httpx.AsyncClient(timeout=LIMIT, follow_redirects=False, trust_env=False) as http,
            http.stream("POST", url, content=body, headers=headers) as answer,
        ):
            if answer.is_success:
                return ""
            return f"{_host(url)} answered {answer.status_code}."
    except TimeoutError:
        return f"{_host(url)} has not answered within {LIMIT:g} s."
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        return f"{_host(url)}: {_short(error)}."


def _host(url: str) -> str:
    """Of an address that may be a secret, what may be shown."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _is_address(url: str) -> bool:
    try:
        found = urlsplit(url)
        return found.scheme in {"http", "https"} and bool(found.hostname) and found.port != 0
    except ValueError:  # of a bracket, or of a port
        return False


def _short(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return error.strerror or "its name is not known"
    return " ".join(str(error).split())[:_LONGEST].rstrip(".") or type(error).__name__
