"""Alerts from a running gateway to a real HTTP server and a real mail server: who, why, signed; tried again;
and never in the way of what they tell of."""

from __future__ import annotations

import hashlib
import hmac
import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from gateway.alerts.channels import LIMIT
from tests.e2e.machines import Machine, two_sides
from tests.support.ports import LOOPBACK, free_port, wait_until
from tests.support.redis import RedisServer
from tests.support.spawn import Spawner

SECRET = "a secret of the webhook"


class Hook:
    """An HTTP server that keeps what it is sent; `answers` are the next statuses, then 200; `holds` keeps it
    from answering.
    """

    def __init__(self) -> None:
        self.received: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.free = threading.Event()
        self.free.set()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.free.wait(300)
                status = hook.answers.pop(0) if hook.answers else 200
                if status == 200:
                    hook.received.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(status)
                self.end_headers()

            def log_message(self, *said: Any) -> None:
                """Be quiet."""

        self.server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://{LOOPBACK}:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def alerts(self, path: str = "/hook") -> list[Any]:
        """What came in at this path, as JSON."""
        return [json.loads(body) for at, _, body in list(self.received) if at == path]

    def events(self) -> list[str]:
        return [one["event"] for one in self.alerts()]

    def close(self) -> None:
        self.free.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    yield made
    made.close()


@pytest.fixture(scope="module")
def sides() -> Iterator[tuple[str, str]]:
    with two_sides() as found:
        yield found


class Mailbox:
    """What a mail server has taken."""

    def __init__(self) -> None:
        self.mails: list[Envelope] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.mails.append(envelope)
        return "250 taken"


@contextmanager
def mail_server(box: Mailbox) -> Iterator[int]:
    """A server that wants the password `right` → its port."""

    def check(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        return AuthResult(success=data.password == b"right", handled=False)

    port = free_port()
    settings: dict[str, Any] = {"authenticator": check, "auth_require_tls": False, "auth_required": True}
    # With a name of its own: otherwise it asks a name server for one, for as long as that takes.
    controller = Controller(
        box, hostname=LOOPBACK, port=port, server_hostname="mail.test", ready_timeout=60, **settings
    )
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


def machine(
    spawn: Spawner, folder: Path, sides: tuple[str, str], hook: Hook, alerts: str = "", **more: Any
) -> Machine:
    table = f'[alerts]\nwebhook_url = "{hook.url}/hook"\nwebhook_secret_env = "TEST_HOOK"\n{alerts}'
    env = {"TEST_HOOK": SECRET, "TEST_SLACK": f"{hook.url}/slack/T0/secret"}
    return Machine(spawn, folder, sides, more=table, env=env, percent=50, **more)


def test_a_rollback_is_told_signed_with_who_and_why(
    spawn: Spawner, tmp_path: Path, sides: tuple[str, str], hook: Hook
) -> None:
    """And a restore; a dial is not, unless asked for. Slack gets its own form, without mentions."""
    one = machine(spawn, tmp_path / "m", sides, hook, 'slack_url_env = "TEST_SLACK"')
    one.change("dial", "orders", "60")
    one.banyan("rollback", "orders", "--reason", "wrong totals <!channel>", "--by", "ann")
    wait_until(lambda: len(hook.received) >= 2, 60, "the alert on both channels")
    (alert,) = hook.alerts()
    assert alert["event"] == "rollback"
    assert (alert["feature"], alert["actor"], alert["reason"]) == ("orders", "ann", "wrong totals <!channel>")
    assert not alert["automatic"]
    assert "orders was taken back to legacy by ann: wrong totals" in alert["text"]
    _, headers, body = next(one for one in hook.received if one[0] == "/hook")
    moment, mac = (part.partition("=")[2] for part in headers["banyan-signature"].split(","))
    assert abs(time.time() - int(moment)) < 60
    assert mac == hmac.new(SECRET.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    (slack,) = hook.alerts("/slack/T0/secret")
    assert list(slack) == ["text"]
    assert "wrong totals &lt;!channel&gt;" in slack["text"]
    one.change("restore", "orders")
    wait_until(lambda: hook.events() == ["rollback", "restore"], 60, "the restore")
    row = 'banyan_alerts_total{channel="webhook",outcome="sent"} 2.0'
    wait_until(lambda: row in one.metrics(), 60, "the count")
    assert SECRET not in one.process.output()
    assert "T0/secret" not in one.process.output()


def test_a_receiver_that_hangs_or_refuses_holds_nothing_up_and_gets_it_in_the_end(
    spawn: Spawner, tmp_path: Path, sides: tuple[str, str], hook: Hook
) -> None:
    """Also when the control process dies meanwhile: the ledger knows what is still to be told."""
    one = machine(spawn, tmp_path / "m", sides, hook)
    hook.answers = [500, 503]
    one.change("rollback", "orders")
    wait_until(lambda: hook.events() == ["rollback"], 60, "the third try")
    wait_until(lambda: 'channel="webhook",outcome="failed"} 2.0' in one.metrics(), 60, "two failures")
    hook.free.clear()
    assert any(took < LIMIT / 2 for took in rollbacks_of_reports(one, tries=5))
    assert "reports" in one.latched()
    wait_until(lambda: one.entries()[-1]["feature"] == "reports", 60, "the entry")
    for pid in one.child("gateway.control_process"):
        Machine.kill(pid)
    hook.answers = [500]
    hook.free.set()
    wait_until(
        lambda: [one["feature"] for one in hook.alerts()][-1:] == ["reports"], 60, "the alert all the same"
    )


def rollbacks_of_reports(one: Machine, tries: int) -> Iterator[float]:
    """Seconds that each takes. A busy machine may make one late; were the receiver waited for, all of them
    would last as long as a delivery may.
    """
    said = {"reason": "a test", "by": "ann"}
    for number in range(tries):
        if number:
            one.ask("DELETE", "/features/reports/rollback", said)
        began = time.monotonic()
        one.ask("POST", "/features/reports/rollback", said)
        yield time.monotonic() - began


def test_a_rollback_made_directly_on_the_machine_is_told(
    spawn: Spawner, tmp_path: Path, sides: tuple[str, str], hook: Hook
) -> None:
    """While there was no control process: by the next one, with who and why as the ledger has them."""
    one = machine(spawn, tmp_path / "m", sides, hook)
    one.process.signal(signal.SIGSTOP)
    for pid in one.child("gateway.control_process"):
        Machine.kill(pid)
    done = one.change("rollback")
    assert done.data["direct"], done.text
    one.process.signal(signal.SIGCONT)
    wait_until(lambda: hook.events() == ["rollback"], 60, "the alert")
    assert (hook.alerts()[0]["feature"], hook.alerts()[0]["actor"]) == (None, "ann")


def test_alerts_go_on_after_a_ledger_that_was_put_back(
    spawn: Spawner, tmp_path: Path, sides: tuple[str, str], hook: Hook
) -> None:
    """Its numbers are lower than those that were told; what it says from then on is new all the same."""
    one = machine(spawn, tmp_path / "m", sides, hook)
    files = [one.state / name for name in ("ledger.jsonl", "ledger.head")]
    one.change("rollback", "orders")
    wait_until(lambda: hook.events() == ["rollback"], 60, "the first alert")
    backup = [file.read_bytes() for file in files]
    for percent in (10, 20, 30):
        one.change("dial", "reports", str(percent))
    one.change("restore", "orders")
    wait_until(lambda: hook.events() == ["rollback", "restore"], 60, "the second alert")
    for file, text in zip(files, backup, strict=True):
        file.write_bytes(text)
    one.banyan("rollback", "reports", "--reason", "after the backup", "--by", "ann")
    one.change("restore", "reports")
    wait_until(lambda: len(hook.events()) >= 4, 60, "the alerts after it")
    told = [(each["event"], each["feature"]) for each in hook.alerts()]
    assert told == [(event, name) for name in ("orders", "reports") for event in ("rollback", "restore")]


def test_a_source_that_is_silent_is_told_once_and_so_is_its_return(
    spawn: Spawner, tmp_path: Path, sides: tuple[str, str], hook: Hook, redis_server: RedisServer
) -> None:
    """Also where a busy machine has made it late before: what begins ends before it begins again."""

    def silent() -> list[bool]:
        """What was told, one after the other: that it is silent, or that this is over."""
        assert set(hook.events()) <= {"source"}
        assert all("Redis" in each["text"] for each in hook.alerts())
        return [not each["text"].startswith("Over: ") for each in hook.alerts()]

    one = machine(spawn, tmp_path / "m", sides, hook, state=f'redis_url = "{redis_server.url}"')
    wait_until(lambda: not one.status()["shared"]["problem"], 60, "Redis")
    redis_server.process.signal(signal.SIGSTOP)
    wait_until(lambda: silent()[-1:] == [True], 60, "the alert")
    redis_server.process.signal(signal.SIGCONT)
    wait_until(lambda: silent()[-1:] == [False], 60, "the end of it")
    told = silent()
    assert told == [True, False] * (len(told) // 2)


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_mails_arrive_and_the_command_says_what_does_not(
    spawn: Spawner, tmp_path: Path, sides: tuple[str, str], hook: Hook
) -> None:
    """`banyan alerts test` asks every channel once."""
    box, secret = Mailbox(), tmp_path / "password"
    secret.write_text("wrong")
    with mail_server(box) as port:
        mail = (
            f'smtp_server = "{LOOPBACK}:{port}"\nsmtp_security = "none"\nsmtp_user = "banyan"\n'
            f'smtp_password_file = "{secret}"\nsmtp_from = "banyan@example.org"\n'
            'smtp_to = ["oncall@example.org"]'
        )
        one = machine(spawn, tmp_path / "m", sides, hook, mail)
        said = one.banyan("alerts", "test", "--by", "ann")
        assert said.status == 1, said.text
        assert [(row["channel"], row["sent"]) for row in said.data] == [("webhook", True), ("mail", False)]
        assert "Authentication" in said.data[1]["problem"]
        secret.write_text("right")
        said = one.banyan("alerts", "test", "--by", "ann")
        assert (said.status, [row["problem"] for row in said.data]) == (0, ["", ""])
        one.change("rollback", "orders")
        wait_until(lambda: len(box.mails) == 2, 60, "the mail")
    content = box.mails[1].content or b""
    text = content if isinstance(content, str) else content.decode()
    assert box.mails[1].rcpt_tos == ["oncall@example.org"]
    assert "Subject: Banyan: orders was taken back to legacy by ann" in text
    assert "reason: a test" in text


@pytest.mark.parametrize("nonsense", ["https://[T0/hidden", "T0/hidden"])
def test_an_address_that_is_none_is_named_and_holds_nothing_up(
    spawn: Spawner, tmp_path: Path, sides: tuple[str, str], hook: Hook, nonsense: str
) -> None:
    """Neither at the start nor later; the other channels are served, once each."""
    file = tmp_path / "slack"
    file.write_text(nonsense)
    one = machine(spawn, tmp_path / "m", sides, hook, f'slack_url_file = "{file}"')
    checked = one.banyan("check")
    assert "alerts.slack_url_env or alerts.slack_url_file must give one such as https://HOST" in checked.text
    control = one.child("gateway.control_process")
    said = one.banyan("alerts", "test")
    by_name = {each["channel"]: each for each in said.data}
    assert by_name["webhook"]["sent"]
    assert "alerts.slack_url_file must give one" in by_name["slack"]["problem"]
    assert "hidden" not in said.text + checked.text
    one.change("rollback", "orders")
    wait_until(lambda: any("slack" in line for line in one.status()["warnings"]), 60, "the problem")
    file.write_text(f"{hook.url}/slack")
    wait_until(lambda: bool(hook.alerts("/slack")), 60, "the alert at the right address")
    file.write_text(nonsense)
    one.change("restore", "orders")
    wait_until(lambda: "restore" in hook.events(), 60, "the restore at the webhook")
    assert sorted(hook.events()) == ["restore", "rollback", "test"]
    assert one.child("gateway.control_process") == control


def test_without_a_channel_the_command_says_so(
    spawn: Spawner, tmp_path: Path, sides: tuple[str, str]
) -> None:
    one = Machine(spawn, tmp_path / "m", sides)
    said = one.banyan("alerts", "test")
    assert said.status == 1
    assert "Nobody is told anything" in said.text
