"""Secrets planted wherever one can stand pass the real gateway, and nothing it keeps or shows has one."""

from __future__ import annotations

import base64
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import httpx

from tests.e2e.between import PATIENCE, Application, Asked, Between, Says, between
from tests.support.ports import wait_until
from tests.support.spawn import ROOT

HONOURED = ("Banyan-Shadow", "honoured")
PLACES = (
    *(
        "authorization",
        "header",
        "session-header",
        "cookie",
        "set-cookie",
        "query",
        "code",
        "path",
        "location",
    ),
    *("form", "json", "named", "embedded", "bytes", "xml", "multipart", "text"),
    *("answer", "input", "meta", "error", "key"),
)
SECRETS = {place: f"Zq{number:02}x7Kp9/Lm4 {place[::-1]}Vw8" for number, place in enumerate(PLACES)}
SECRETS |= {place: SECRETS[place].replace("/", "-").replace(" ", "_") for place in ("cookie", "set-cookie")}
UNHURRIED: dict[str, Any] = {"trust_env": False, "timeout": PATIENCE}
FORM, XML = "application/x-www-form-urlencoded", "application/xml"


def answer(side: str) -> dict[str, tuple[bytes, str]]:
    """What both sides say, by path: never alike, so that everything is kept."""
    s = SECRETS
    page = (
        f'<html><head><meta name="csrf-token" content="{s["meta"]}"></head><body><h1>{side}</h1><form>'
        f'<input name="csrf_token" value="{s["input"]}"><input type="password" value="{s["input"]}">'
    )
    body = {
        "side": side,
        "token": s["answer"] + side,
        "sessions": {s["key"]: side},
        "pairs": [{"name": "password", "value": s["answer"] + side}],
        "raw": json.dumps({"apiKey": s["answer"]}),
    }
    return {
        "/page": (page.encode(), "text/html; charset=utf-8"),
        "/xml": (f"<a><s>{side}</s><password>{s['answer']}</password></a>".encode(), XML),
        "/text": (
            f"side {side} \x1b]0;owned\x07\u009b31m\npassword={s['error']} and more".encode(),
            "text/plain",
        ),
        "": (json.dumps(body).encode(), "application/json"),
    }


def side(name: str) -> Application:
    """An application that differs from the other one everywhere."""

    def application(asked: Asked) -> Says:
        answers = answer(name)
        body, kind = answers.get(asked.target.partition("?")[0], answers[""])
        cookie = ("Set-Cookie", f"sid={SECRETS['set-cookie']}; Path=/")
        where = ("Location", f"/reset/{quote(SECRETS['location'], safe='')}/{name}")
        return Says(body, headers=(("Content-Type", kind), cookie, where, HONOURED))

    return application


def send(client: httpx.Client, group: str) -> int:
    """A request for each place, by users of a group of their own → how many."""
    s = SECRETS
    multipart = f'--Xy\r\nContent-Disposition: form-data; name="pwd"\r\n\r\n{s["multipart"]}\r\n--Xy--\r\n'
    bodies = {
        FORM: f"passphrase={quote_plus(s['form'])}&page=2",
        "application/json": json.dumps({"password": s["json"], "l": [{"name": "pin", "value": s["named"]}]}),
        "application/json; x=y": json.dumps({"raw": json.dumps({"client_secret": s["embedded"]})}),
        "application/octet-stream": json.dumps({"password": s["bytes"]}),
        XML: f"<u><password>{s['xml']}</password></u>",
        "multipart/form-data; boundary=Xy": multipart,
        "text/plain": f"password={s['text']}, and so on",
        "": json.dumps({"secret": s["bytes"]}),
    }
    heads = {
        "Authorization": f"Bearer {s['authorization']}",
        "Ocp-Apim-Subscription-Key": s["header"],
        "X-Session": s["session-header"],
        "Referer": f"http://x.example/reset/{quote(s['path'], safe='')}?key={quote(s['query'], safe='')}",
    }
    sent = 0
    for path in (
        "/page",
        "/xml",
        "/text",
        f"/orders?key={quote(s['query'], safe='')}&code={quote(s['code'], safe='')}",
        f"/a/reset/{quote(s['path'], safe='')}",
        "/missing",
    ):
        client.cookies.clear()
        client.get(path, headers={**heads, "X-User": f"{group}-get{sent}"})
        sent += 1
    # a session that began elsewhere: not compared, and its cookie must be nowhere all the same
    client.get("/page", headers={**heads, "X-User": f"{group}-get0", "Cookie": f"sid={s['cookie']}"})
    sent += 1
    for number, (kind, body) in enumerate(bodies.items()):
        headers = {**heads, "X-User": f"{group}-post{number}"} | ({"Content-Type": kind} if kind else {})
        client.cookies.clear()
        client.post(f"/in/{number}", headers=headers, content=body.encode())
        sent += 1
    return sent


def spellings(secret: str) -> set[bytes]:
    """The secret as it may be found: raw, in a URL, in JSON, and in base64 wherever in a text it begins."""
    raw = secret.encode()
    found = {raw, quote(secret, safe="").encode(), quote(secret).encode(), quote_plus(secret).encode()}
    for shift in range(3):
        found.add(base64.b64encode(b"x" * shift + raw)[4 * (shift > 0) : -4])
    return found


def everything(gateway: Between) -> Iterator[tuple[str, bytes]]:
    """All that is kept, printed and shown."""
    for file in (gateway.folder / "state").rglob("*"):
        if file.is_file():
            yield file.name, file.read_bytes()
    for text in samples(gateway):
        yield "a sample", text
    yield "the log", gateway.log().encode()
    for path in ("/metrics", "/diffs", "/dashboard", "/", "/status", "/report", "/ledger"):
        yield path, httpx.get(gateway.admin + path, **UNHURRIED, follow_redirects=True).content
    signatures = [one["id"] for one in gateway.banyan("diffs", "--limit", "1000").data]
    commands = [["diffs", "--all"], ["report", "orders"], ["ledger"], ["status"]]
    for arguments in [*commands, *(["diffs", "show", each] for each in signatures)]:
        yield " ".join(arguments), said(gateway, *arguments)
    for each in signatures:
        yield f"/diffs/{each}", httpx.get(f"{gateway.admin}/diffs/{each}", **UNHURRIED).content


def samples(gateway: Between) -> Iterator[bytes]:
    """What is kept of exchanges: written down a moment after they are counted."""
    with sqlite3.connect(gateway.folder / "state" / "shadow.sqlite") as store:
        for (content,) in store.execute("SELECT content FROM exchanges"):
            yield b"\n".join(unpacked(json.loads(content)))


def said(gateway: Between, *arguments: str) -> bytes:
    command = [sys.executable, "-m", "gateway", "-c", str(gateway.config), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=100)
    return done.stdout + done.stderr


def unpacked(value: object) -> Iterator[bytes]:
    """Every text of a sample, and what it is when it is base64."""
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list):
        for each in value:
            yield from unpacked(each)
    elif isinstance(value, str):
        yield value.encode()
        try:
            yield base64.b64decode(value, validate=True)
        except ValueError:
            return


def hardly_one_uncompared(gateway: Between, group: str) -> bool:
    """Whether of all that a group of users asked at most two were not compared: a busy machine leaves out
    more."""
    before = gateway.books()
    with httpx.Client(base_url=gateway.url, trust_env=False, timeout=PATIENCE) as client:
        sent = send(client, group)
    books = gateway.settled(eligible=before["eligible"] + sent)
    return books["mismatch"] - before["mismatch"] >= sent - 2


def test_planted_secrets_are_nowhere(tmp_path: Path) -> None:
    with between(tmp_path, side("legacy"), side("new"), workers=1) as gateway:
        assert any(hardly_one_uncompared(gateway, group) for group in ("a", "b", "c", "d", "e")), (
            gateway.books()
        )
        wait_until(lambda: len(gateway.banyan("diffs").data) >= 6, timeout=60, what="the findings")
        wait_until(
            lambda: any(b"<password:" in text for text in samples(gateway)), timeout=60, what="samples"
        )
        all_of_it = list(everything(gateway))
        found = [
            (where, place)
            for where, content in all_of_it
            for place, secret in SECRETS.items()
            if any(spelling in content for spelling in spellings(secret))
        ]
        assert found == []
        kept = [text for where, text in all_of_it if where == "a sample"]
        shown = [text.decode() for where, text in all_of_it if where.startswith("diffs show")]
        assert shown
        assert not any(each in text for text in shown for each in "\x1b\x07\u009b"), "a terminal would obey"
        assert any(b"<password:" in text for text in kept), "there was something to hide"
        assert all(
            file.stat().st_mode & 0o077 == 0 for file in (gateway.folder / "state").glob("shadow.sqlite*")
        )


def test_the_search_finds_what_is_not_hidden() -> None:
    """Else the other test would prove nothing."""
    secret = SECRETS["json"]
    for before in ("", "a", "ab", "abc"):
        coded = base64.b64encode(f'{before}{secret}"'.encode())
        assert any(each in coded for each in spellings(secret)), before
    assert secret.encode() in list(unpacked({"body": base64.b64encode(secret.encode()).decode()}))
