"""Redaction: planted secrets are gone in every spelling, and equal stays equal."""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
from urllib.parse import quote

import msgspec
import orjson
import pytest

from shadow import Observation, Redactor, RequestSnapshot
from shadow.secret_names import Place, SecretNames

REDACTOR = Redactor(b"a key", extra_names=["phone number"])
SECRET = "Zq9-planted_secret/77+x"


def gone(content: bytes) -> bool:
    spellings = [SECRET, quote(SECRET), quote(SECRET, safe=""), SECRET.replace("/", "").replace("+", "")]
    spellings += [base64.b64encode(text.encode()).decode() for text in (SECRET, f"ann:{SECRET}", _IN_JSON)]
    return not any(spelling.encode() in content for spelling in spellings)


REQUESTS = {
    "authorization": RequestSnapshot("GET", "/", ((b"Authorization", f"Bearer {SECRET}".encode()),), b""),
    "cookie": RequestSnapshot("GET", "/", ((b"cookie", f"a={SECRET}; b={SECRET}".encode()),), b""),
    "api key": RequestSnapshot("GET", "/", ((b"X-API-Key", SECRET.encode()),), b""),
    "csrf header": RequestSnapshot("GET", "/", ((b"X-CSRF-Token", SECRET.encode()),), b""),
    "referer": RequestSnapshot("GET", "/", ((b"Referer", f"http://x/?token={SECRET}".encode()),), b""),
    "query": RequestSnapshot("GET", "/x?a=1&access_token=" + quote(SECRET, safe=""), (), b""),
    "form": RequestSnapshot(
        "POST",
        "/",
        ((b"Content-Type", b"application/x-www-form-urlencoded"),),
        b"password=" + quote(SECRET).encode(),
    ),
    "json": RequestSnapshot(
        "POST", "/", ((b"Content-Type", b"application/json"),), orjson.dumps({"a": [{"newPassword": SECRET}]})
    ),
    "json below a name": RequestSnapshot(
        "POST", "/", ((b"Content-Type", b"application/json"),), orjson.dumps({"token": {"parts": [SECRET]}})
    ),
    "extra name": RequestSnapshot(
        "POST", "/", ((b"Content-Type", b"application/json"),), orjson.dumps({"home_phone_number": SECRET})
    ),
    "broken json": RequestSnapshot(
        "POST", "/", ((b"Content-Type", b"application/json"),), b'{"password": "' + SECRET.encode() + b'"'
    ),
    "multipart": RequestSnapshot(
        "POST",
        "/",
        ((b"Content-Type", b'multipart/form-data; boundary="Xy"'),),
        b'--Xy\r\nContent-Disposition: form-data; name="user_password"\r\n\r\n'
        + SECRET.encode()
        + b"\r\n--Xy--\r\n",
    ),
    "gzip": RequestSnapshot(
        "POST",
        "/",
        ((b"Content-Type", b"application/json"), (b"Content-Encoding", b"gzip")),
        gzip.compress(orjson.dumps({"password": SECRET})),
    ),
    "text": RequestSnapshot("POST", "/", ((b"Content-Type", b"text/plain"),), f"secret: {SECRET}\n".encode()),
    "path": RequestSnapshot("GET", "/a/reset/9f8Ab7Qz1x" + quote(SECRET, safe=""), (), b""),
    "matrix parameter": RequestSnapshot("GET", "/a;jsessionid=" + SECRET, (), b""),
    "lone in a query": RequestSnapshot("GET", "/a?" + quote(SECRET + "0123456", safe=""), (), b""),
}
for _name in (
    "pwd",
    "pass",
    "key",
    "sig",
    "signature",
    "code",
    "otp",
    "pin",
    "auth",
    "access_key",
    "session",
):
    REQUESTS[f"query {_name}"] = RequestSnapshot("GET", f"/x?a=1&{_name}={quote(SECRET, safe='')}", (), b"")
for _name in ("Ocp-Apim-Subscription-Key", "X-Auth", "X-MyToken", "X-Session-Id", "X-Hub-Signature"):
    REQUESTS[f"header {_name}"] = RequestSnapshot("GET", "/", ((_name.encode(), SECRET.encode()),), b"")


def _sent(kind: str, body: str) -> RequestSnapshot:
    headers = ((b"Content-Type", kind.encode()),) if kind else ()
    return RequestSnapshot("POST", "/", headers, body.encode())


def _parts(head: str, content: str) -> RequestSnapshot:
    gap = "\r\n" if head else ""
    return _sent("multipart/mixed; boundary=Xy", f"--Xy\r\n{head}{gap}\r\n{content}\r\n--Xy--\r\n")


_FILE = "Content-Disposition: form-data; name=f; filename="
_WORD = SECRET.replace("/", "").replace("+", "")
_IN_JSON = json.dumps({"password": f"{SECRET}, and {SECRET}"})
_IN_XML = f"<user><password>{SECRET}</password><s:apiKey a='1'>{SECRET}</s:apiKey></user>"
REQUESTS |= {
    "json as bytes": _sent("application/octet-stream", _IN_JSON),
    "json as nothing": _sent("", _IN_JSON),
    "json as text": _sent("text/plain", _IN_JSON),
    "json in json": _sent("application/json", json.dumps({"raw": _IN_JSON, "n": [_IN_JSON]})),
    "json in text": _sent("text/plain", f"got {_IN_JSON} from there"),
    "json in json in text": _sent("text/plain", f"got {json.dumps(_IN_JSON)} from there"),
    "json in a form": _sent("application/x-www-form-urlencoded", f"data={quote(_IN_JSON)}"),
    "json that is cut": _sent("application/json", _IN_JSON[:-9]),
    "events": _sent("text/event-stream", f"event: x\ndata: {_IN_JSON}\n\n"),
    "name and value": _sent("application/json", json.dumps([{"name": "password", "value": SECRET}])),
    "key and value": _sent("application/json", json.dumps({"key": "user.pin", "val": SECRET})),
    "refused input": _sent("application/json", json.dumps({"loc": ["body", "password"], "input": SECRET})),
    "number": _sent("application/json", json.dumps({"pin": SECRET})),
    "a key of json": _sent("application/json", json.dumps({SECRET + "0123456": 1})),
    "xml": _sent("text/xml", _IN_XML),
    "xml as application": _sent("application/xml", _IN_XML),
    "xml as soap": _sent("application/soap+xml", _IN_XML),
    "xml as nothing": _sent("", _IN_XML),
    "xml as bytes": _sent("application/octet-stream", "<?xml version='1.0'?>\n" + _IN_XML),
    "xml that is cut": _sent("text/xml", f"<user><password>{SECRET}"),
    "xml attribute": _sent("text/xml", f'<user password="{SECRET} x {SECRET}"/>'),
    "words": _sent("text/plain", f"user=ann\npassword={SECRET} and, then {SECRET}\n"),
    "words behind a colon": _sent("text/plain", f"Password: one, {SECRET} {SECRET}"),
    "quoted words": _sent("text/plain", f'password = "one \\" {SECRET}" x'),
    "form as text": _sent("text/plain", f"a=1&pwd={quote(SECRET, safe='')}&b=2"),
    "form as nothing": _sent("", f"a=1&pwd={quote(SECRET, safe='')}"),
    "url in text": _sent("text/plain", f"open https://x.example/y?sig={quote(SECRET, safe='')}&a=1 now"),
    "input": _sent("text/html", f'<input type="hidden" name="csrf_token" value="{SECRET}">'),
    "input the other way round": _sent("text/html", f"<INPUT value='{SECRET}' id=pin>"),
    "input by its type": _sent("text/html", f'<input type="password" value={SECRET}>'),
    "meta": _sent("text/html", f'<meta name="csrf-token" content="{SECRET}">'),
    "textarea": _sent("text/html", f"<textarea name=private_key>{SECRET}</textarea>"),
    "textarea behind a number that Python does not convert": _sent(
        "text/html", f"<textarea name=a>&#{'9' * 5000};</textarea><textarea name=pin>{SECRET}</textarea>"
    ),
    "attribute": _sent("text/html", f'<body data-api-token="{SECRET}">'),
    "script": _sent("text/html", f'<script>window.x = {{"csrfToken": "{SECRET}"}}</script>'),
    "page in json": _sent("application/json", json.dumps({"h": f"<input name=token value='{SECRET}'>"})),
    "bytes": RequestSnapshot(
        "POST", "/", ((b"Content-Type", b"application/msgpack"),), b"\x81\xa8password\xb7" + SECRET.encode()
    ),
    "multipart without a boundary": _sent(
        "multipart/form-data",
        f'--Xy\r\nContent-Disposition: form-data; name="pwd"\r\n\r\n{SECRET}\r\n--Xy--\r\n',
    ),
    "multipart that is none": _sent("multipart/form-data", _IN_JSON),
    "multipart of another boundary": _sent("multipart/form-data; boundary=Zz", _IN_JSON),
    "multipart that is a key": _sent("multipart/mixed", f"-----BEGIN PRIVATE KEY-----\r\n{SECRET}"),
    "part without a name": _parts("Content-Type: application/json", _IN_JSON),
    "part without a head": _parts("", _IN_JSON),
    "part that is a file": _parts(f"{_FILE}a.json", _IN_JSON),
    "part that is a file by its type": _parts(f"{_FILE}a\r\nContent-Type: text/xml", _IN_XML),
    "part that is a file of bytes": _parts(f"{_FILE}a", f"\0\0password{SECRET}"),
    "part that is a secret file": _parts(f"{_FILE}a".replace("name=f", "name=private_key"), SECRET),
    "part that only says it is a picture": _parts(f"{_FILE}a\r\nContent-Type: image/png", _IN_JSON),
    "part in a part": _parts(
        "Content-Type: multipart/mixed; boundary=In", f"--In\r\n\r\n{_IN_JSON}\r\n--In--"
    ),
    "part in base64": _parts(
        "Content-Transfer-Encoding: base64", base64.b64encode(_IN_JSON.encode()).decode()
    ),
    "beside the parts": _sent(
        "multipart/mixed; boundary=Xy", f"{_IN_JSON}\r\n--Xy\r\n\r\na\r\n--Xy--\r\n{_IN_JSON}"
    ),
    "head of a part": _parts(f"{_FILE}a\r\nAuthorization: Bearer {SECRET}", "a"),
    "svg": _sent("image/svg+xml", f"<svg><text>password={SECRET}</text></svg>"),
    "a picture that is JSON": _sent("image/png", _IN_JSON),
    "user of a url": _sent("text/plain", f"see https://{_WORD}@x.example/y now"),
    "password of a url": _sent("text/plain", f"see postgres://app:{_WORD}@db/y now"),
    "password of a url, with an at": _sent("application/json", json.dumps({"d": f"amqp://a:b@{_WORD}@db"})),
    "password of a url in a script": _sent(
        "text/html", f'<script>x("https:\\/\\/a:{_WORD}@x.example\\/y")</script>'
    ),
    "password of a url in a url": _sent("text/plain", f"/go?to=https%3A%2F%2Fa%3A{_WORD}%40x.example%2F"),
    "path behind a password": _sent("text/plain", f"see https://a:b@x.example/reset/{_WORD} now"),
    "basic": _sent("text/plain", f"sent Basic {base64.b64encode(f'ann:{SECRET}'.encode()).decode()}."),
    "private key": _sent("text/plain", f"-----BEGIN PRIVATE KEY-----\n{SECRET.replace('-', '')}\n"),
}


@pytest.mark.parametrize("place", REQUESTS)
def test_a_planted_secret_is_gone(place: str) -> None:
    assert gone(msgspec.json.encode(_plain(REDACTOR.request(REQUESTS[place]))))


def _plain(request: RequestSnapshot) -> list[str]:
    """Everything in it as text, as base64 would hide a secret from the search."""
    headers = [f"{name.decode('latin-1')}: {value.decode('latin-1')}" for name, value in request.headers]
    return [request.target, *headers, request.body.decode("latin-1")]


def test_equal_secrets_are_equal_wherever_they_stand() -> None:
    """Both sides may write one secret in different places: a token says that it is the same one."""
    token = REDACTOR.token("password", "one two")
    assert token in REDACTOR.body(b'{"password": "one two"}', "").decode()
    assert token in REDACTOR.body(b"password=one two", "text/plain").decode()
    assert token in REDACTOR.body(b"<password>one two</password>", "text/xml").decode()
    assert token in REDACTOR.target("/?password=one+two")
    assert html.escape(token) in REDACTOR.body(b"<input name=password value='one two'>", "text/html").decode()


def test_what_people_read_stays_readable() -> None:
    plain = {
        "error": {"code": "VALIDATION_ERROR", "message": "The topic is missing."},
        "keyboard": "us",
        "monkey": "m",
        "public_key": "k",
        "session": {"user": "ann", "started": True},
        "auth": {"type": "basic"},
        "pairs": [{"key": "color", "value": "red"}],
        "next": "/api/v2/orders/17/items?page=2",
        "passed": "yes",
        "country_code": "jp",
    }
    assert REDACTOR.value(plain) == plain
    headers = ((b"WWW-Authenticate", b'Basic realm="shop"'), (b"Location", b"/orders/17?page=2"))
    assert REDACTOR.headers(headers) == headers
    page = b'<form action="/x?page=2"><input name="q" value="tea"><input name=keyboard value=us></form>'
    assert REDACTOR.body(page, "text/html") == page
    assert REDACTOR.text("2 of 3: done, see https://x.example/a/b?page=2") == (
        "2 of 3: done, see https://x.example/a/b?page=2"
    )


@pytest.mark.parametrize(
    ("target", "stored"),
    [
        ("/api/v2/orders/17/items", "/api/v2/orders/17/items"),
        ("/getUserProfileByName/oauth2/utf8", "/getUserProfileByName/oauth2/utf8"),
        ("/chat/iphone-15-pro-max", "/chat/iphone-15-pro-max"),
        ("/reset/confirm", "/reset/confirm"),
        ("/a/abcDEFghi12345", "/a/<id>"),
        ("/orders/20240017", "/orders/<id>"),
        ("/o/0b7e3a52-6d1c-4b53-9df1-0f0e2c3b4a59/x", "/o/<id>/x"),
        ("/reset/ab12", "/reset/<id>"),
        ("/x/AbCdEfGhXyZq", "/x/<id>"),
        ("/x/qwertyuiopasdfghjklzxcvbnm", "/x/<id>"),
        ("/static/main.3f9a2b1c.css", "/static/<id>"),
        ("/x/%41bCdEfGhXyZq", "/x/<id>"),
        ("/u/ann%40shop.example", "/u/<email>"),
    ],
)
def test_identifiers_in_a_path(target: str, stored: str) -> None:
    """Alike on both sides; a path of words, and a short number, can still be read and asked for."""
    clean = REDACTOR.target(target)
    assert re.sub(r":[0-9a-f]{12}>", ">", clean) == stored
    assert REDACTOR.target(clean) == clean
    if "<id>" in stored:
        secret = next(each for each in target.split("/") if each not in stored.split("/"))
        assert REDACTOR.token("id", secret) in clean
    assert Redactor(b"a key", paths=False).target("/a/abcDEFghi12345") == "/a/abcDEFghi12345"


def test_differences_hold_none() -> None:
    """Where only the path of a value is known."""
    hidden = [
        ("body", "[*]", "value"),
        ("body", "pins", "[*]", "pin"),
        ("body", "token", "x"),
        ("body", "[*]", "input:csrf_token", "value"),
        ("body", "[*]", "input", "value"),
        ("header", "x-auth"),
    ]
    for path in hidden:
        assert SECRET not in str(REDACTOR.pair(path, SECRET, "b")), path
    assert "9f8Ab7Qz1x" not in str(REDACTOR.pair(("header", "location"), "/reset/9f8Ab7Qz1x", None))
    page = REDACTOR.pair(("body",), f"<a><password>{SECRET}</password></a>", "<a></a>")
    assert SECRET not in str(page)
    assert REDACTOR.pair(("body", "session", "user"), "a", "b") == ("a", "b")
    assert REDACTOR.pair(("body", "items", "[*]", "value"), 1, 2) == (1, 2)
    keys = REDACTOR.path(("body", "ann@shop.example", SECRET + "0123456", "[*]", "quantity"))
    assert keys[0] == "body"
    assert keys[3:] == ("[*]", "quantity")
    assert "ann" not in str(keys)
    assert SECRET not in str(keys)


def test_an_answer_is_redacted_too() -> None:
    answer = Observation(
        "new",
        200,
        ((b"Set-Cookie", f"sid={SECRET}; Path=/; HttpOnly".encode()), (b"Content-Type", b"application/json")),
        orjson.dumps({"email": "ann@shop.example", "note": "write to ann@shop.example", "n": 1}),
    )
    clean = REDACTOR.observation(answer)
    token = REDACTOR.token("email", "ann@shop.example")
    assert clean.headers[0][1].startswith(b"sid=<cookie:")
    assert clean.headers[0][1].endswith(b">; Path=/; HttpOnly")
    assert orjson.loads(clean.body) == {"email": token, "note": f"write to {token}", "n": 1}


def test_equal_stays_equal_and_different_stays_different() -> None:
    one, other = REDACTOR.value({"token": "a"}), REDACTOR.value({"token": "b"})
    assert one == REDACTOR.value({"token": "a"}) == Redactor(b"a key").value({"token": "a"})
    assert one != other
    assert one != Redactor(b"another key").value({"token": "a"})
    assert REDACTOR.value({"card": 4111}) != REDACTOR.value({"card": "4111"})


@pytest.mark.parametrize("place", REQUESTS)
def test_twice_changes_nothing(place: str) -> None:
    once = REDACTOR.request(REQUESTS[place])
    assert REDACTOR.request(once) == once


def test_a_multipart_body_keeps_everything_else() -> None:
    body = (
        b'--Xy\r\nContent-Disposition: form-data; name="photo"; filename="token.png"\r\n\r\n'
        b"\x89PNG\r\n\x1a\n password=x\r\n"
        b'--Xy\r\nContent-Disposition: form-data; name="title"\r\n\r\nmine\r\n--Xy--\r\n'
    )
    assert REDACTOR.body(body, "multipart/form-data; boundary=Xy") == body


def test_what_is_no_secret_stays_byte_for_byte() -> None:
    body = b'{ "b": 1, "a": "\\u3042" }\n'
    assert REDACTOR.body(body, "application/json") == body
    assert REDACTOR.body(b"a=%20b&c=+", "application/x-www-form-urlencoded") == b"a=%20b&c=+"
    picture = b"\x89PNG\r\n\x1a\n\0\xffpassword=x"
    assert REDACTOR.body(picture, "image/png") == REDACTOR.body(picture, "image/jpeg") == picture
    assert REDACTOR.target("/a%20b?x=%41") == "/a%20b?x=%41"


@pytest.mark.parametrize(
    "text",
    [
        "mail ann@shop.example now",
        "Bearer abcdef123456",
        "eyJhbGciOi.eyJzdWIi.c2ln",
        "4111 1111 1111 1111",
        'x password="hunter2"',
        "basic YTpi",
        "git clone https://ann@shop.example/a.git",
    ],
)
def test_secrets_in_free_text(text: str) -> None:
    clean = REDACTOR.text(text)
    assert clean != text
    assert "<" in clean
    assert REDACTOR.text(clean) == clean


@pytest.mark.parametrize(
    "text",
    [
        "Basic authentication",
        "Basic %%%",
        "https://shop.example/a@b",
        "a://b",
        "Basic \u3042\u3042\u3042\u3042",
    ],
)
def test_what_only_looks_like_a_user_and_a_password(text: str) -> None:
    assert REDACTOR.text(text) == text


def test_names() -> None:
    names = SecretNames(["session-id"])
    secret = [
        "password",
        "PASSWORD",
        "csrf_token",
        "accessToken",
        "card-number",
        "cardNumber",
        "userEmail",
        "ssn",
        "api_key",
        "sessionId",
        "pwd",
        "pass",
        "key",
        "accessKeyId",
        "private_key",
        "otp",
        "pin_code",
        "csrf",
        "session",
        "verification_code",
    ]
    harmless = ["message", "status", "broken", "assign", "id", "discount", "timestamp", "keyboard", "monkey"]
    harmless += [
        "code",
        "error_code",
        "sort_key",
        "passed",
        "spinner",
        "author",
        "session_type",
        "sidebar",
        "",
    ]
    assert [name for name in secret if not names.label(name)] == []
    assert [name for name in harmless if names.label(name)] == []
    assert names.label("csrf_token") == "token"
    assert names.label("code", Place.PAIR) == "code"
    assert names.label("error_code", Place.PAIR) == ""
    assert names.label("X-MyAuthority", Place.HEADER) == "auth"
    assert names.label("WWW-Authenticate", Place.HEADER) == ""
    assert names.deep_label("session") == ""
    assert names.deep_label("tokens") == "token"
