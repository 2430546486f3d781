"""Secrets planted wherever one can stand are in no recording, in no spelling."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

from golden import Flow, lint, record, to_markdown, verify, write_junit
from tests.gateway.running import banyan
from tests.golden.shop import ShopServer

MakeFlow = Callable[..., Flow]

PASSWORD = "pass/word+4711=ä"
EMAIL = "taro.yamada@example.jp"
BEARER = "Zq8-bearer-77fe"
QUERY = "qu3ry-s3cret"

LOGIN = f"""
[[step]]
name = "login"
method = "POST"
path = "/login?api_token={QUERY}&page=2"
headers = {{ Authorization = "Bearer {BEARER}", X-Api-Key = "{QUERY}" }}
json = {{ email = "{EMAIL}", password = "{PASSWORD}" }}
[[step]]
name = "form"
method = "POST"
path = "/form"
form = {{ password = "{PASSWORD}", note = "n" }}
"""

WITH_SECRETS = """
[secrets]
password = "env:SHOP_PASSWORD"
[[step]]
name = "enter"
method = "POST"
path = "/secret"
json = { password = "{password}" }
[[step]]
name = "echo"
method = "POST"
path = "/login"
json = { email = "a@b.example", password = "{password}" }
"""


def _spellings(secret: str) -> set[bytes]:
    raw = secret.encode()
    texts = {quote(secret, safe=""), quote(secret), quote_plus(secret), secret}
    encoded = {base64.b64encode(raw).rstrip(b"="), base64.urlsafe_b64encode(raw).rstrip(b"=")}
    return {text.encode() for text in texts} | encoded | {ascii(secret)[1:-1].encode()}


def _holds(folder: Path, secret: str) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [
        f"{path.name}: {text!r}" for path in files for text in _spellings(secret) if text in path.read_bytes()
    ]


def test_planted_secrets_are_nowhere(
    shop: ShopServer, other: ShopServer, flow: MakeFlow, tmp_path: Path
) -> None:
    report = record(flow(LOGIN, "login"), shop.url, tmp_path / "r")
    sent = {value for _, _, headers, _ in shop.seen for value in headers.values()}
    assert f"Bearer {BEARER}" in sent  # the side did get them
    sid = next(iter(shop.sessions))
    other.faults.add("extra")
    verified = verify(tmp_path / "r", other.url)
    write_junit(verified, tmp_path / "r" / "junit.xml")
    (tmp_path / "r" / "report.md").write_text(to_markdown(verified) + repr(report) + repr(verified))
    for secret in (PASSWORD, EMAIL, BEARER, QUERY, sid, next(iter(other.sessions))):
        assert _holds(tmp_path / "r", secret) == []
    assert [problem.step for problem in report.warnings if problem.flow] == ["login", "form"]


def test_a_verification_that_sends_the_tokens_still_compares(
    shop: ShopServer, flow: MakeFlow, tmp_path: Path
) -> None:
    record(flow(LOGIN, "login"), shop.url, tmp_path / "r")
    report = verify(tmp_path / "r", shop.url)
    assert [line for case in report.cases for line in case.failures] == []


def test_secrets_come_from_the_environment_and_are_kept_by_name(
    shop: ShopServer, flow: MakeFlow, tmp_path: Path
) -> None:
    env = {"SHOP_PASSWORD": "opensesame-4711"}
    report = record(flow(WITH_SECRETS, "enter"), shop.url, tmp_path / "r", env=env)
    assert report.exit_code == 0
    assert '"ok": true' in (tmp_path / "r" / "enter" / "01-enter.json").read_text()
    assert _holds(tmp_path / "r", "opensesame-4711") == []
    assert '"name": "{password}"' in (tmp_path / "r" / "enter" / "02-echo.json").read_text()
    assert verify(tmp_path / "r", shop.url, env=env).exit_code == 0
    missing = verify(tmp_path / "r", shop.url, env={})
    assert missing.exit_code == 2
    assert "SHOP_PASSWORD" in missing.cases[0].failures[0]


def test_a_missing_secret_stops_its_flow_only(shop: ShopServer, flow: MakeFlow, tmp_path: Path) -> None:
    plain = flow('[[step]]\nname = "c"\npath = "/constant"\n', "plain")
    report = record([flow(WITH_SECRETS, "enter"), plain], shop.url, tmp_path / "r", env={})
    assert report.exit_code == 2
    assert "SHOP_PASSWORD" in str(report.problems[0])
    assert report.count("created") == 1


def test_lint_finds_a_secret_that_somebody_wrote_into_a_recording(
    shop: ShopServer, flow: MakeFlow, tmp_path: Path
) -> None:
    record(flow(LOGIN, "login"), shop.url, tmp_path / "r")
    assert lint(tmp_path / "r").exit_code == 0
    file = tmp_path / "r" / "login" / "01-login.json"
    clean = file.read_text()
    for old, new, where in (
        ("set-cookie: sid=⟨cookie⟩", "set-cookie: sid=0a1b2c3d4e5f", "set-cookie"),
        ('"email": "<email:', '"email": "x@example.org", "e": "<email:', "body"),
    ):
        assert old in clean
        file.write_text(clean.replace(old, new, 1))
        report = lint(tmp_path / "r")
        assert report.exit_code == 1
        assert any(where in str(problem) and "unscrubbed" in str(problem) for problem in report.errors)
    lines = clean.replace('"Authorization: <authorization:', '"Authorization: Bearer abc<authorization:')
    file.write_text(lines)
    assert any("'Authorization'" in str(problem) for problem in lint(tmp_path / "r").errors)


def test_a_password_in_an_address_is_sent_and_said_nowhere(
    shop: ShopServer, other: ShopServer, flow: MakeFlow, tmp_path: Path
) -> None:
    flow('[[step]]\nname = "c"\npath = "/constant"\n', "plain")
    url, new, down = (
        address.replace("http://", "http://ann:geheim-4711@")
        for address in (shop.url, other.url, "http://127.0.0.1:9")
    )
    where = ("--dir", str(tmp_path / "r"))
    reports = ["--junit", str(tmp_path / "j.xml"), "--markdown", str(tmp_path / "m.md")]
    reports += ["--save", str(tmp_path / "run.json")]
    for words in (
        ("record", "--from", url, "--flow", str(tmp_path / "flows"), *where),
        ("verify", "--to", new, "--control", url, *where, *reports),
        ("verify", "--to", new, "--control", new, *where),
        ("verify", "--to", down, "--control", url, *where),
        ("verify", "--to", down + "?x=1", *where),
        ("accept", "plain", "--from", down, *where),
    ):
        for json_ in ((), ("--json",)):
            done = banyan(*json_, "golden", *words)
            assert "geheim" not in done.stdout + done.stderr, words
    assert _holds(tmp_path, "geheim-4711") == []
    expected = "Basic " + base64.b64encode(b"ann:geheim-4711").decode()
    assert {headers.get("Authorization") for _, _, headers, _ in shop.seen + other.seen} == {expected}


WITHIN = """
[secrets]
password = "env:SHOP_PASSWORD"
[[step]]
name = "graphql"
method = "POST"
path = "/graphql"
json = { query = 'mutation { login(user: "ann", password: "{password}") { id } }' }
[[step]]
name = "parts"
method = "POST"
path = "/parts"
headers = { content-type = "multipart/form-data; boundary=x" }
body = "--x\\r\\nContent-Disposition: form-data; name=\\"password\\"\\r\\n\\r\\n{password}\\r\\n--x--\\r\\n"
[[step]]
name = "markup"
method = "POST"
path = "/markup"
headers = { content-type = "application/xml" }
body = "<login><password>{password}</password></login>"
"""


def test_a_reference_within_a_body_stays_one(shop: ShopServer, flow: MakeFlow, tmp_path: Path) -> None:
    env = {"SHOP_PASSWORD": "opensesame-4711"}
    report = record(flow(WITHIN, "within"), shop.url, tmp_path / "r", env=env)
    assert [warning for warning in report.warnings if warning.flow] == []
    assert _holds(tmp_path / "r", "opensesame-4711") == []
    assert lint(tmp_path / "r").errors == ()
    recorded = [body for _, _, _, body in shop.seen]
    shop.seen.clear()
    assert verify(tmp_path / "r", shop.url, env=env).exit_code == 0
    assert [body for _, _, _, body in shop.seen] == recorded
    assert all(b"opensesame-4711" in body for body in recorded)


def test_what_a_letter_hands_over_in_a_path_is_a_secret(
    shop: ShopServer, flow: MakeFlow, tmp_path: Path
) -> None:
    paths = ["/reset/Zq8pL4nted77", "/invite/zq8pl4nted?x=1", "/sessions/12345678", "/reset/password-form"]
    steps = "".join(f'[[step]]\nname = "s{at}"\npath = "{path}"\n' for at, path in enumerate(paths))
    report = record(flow(steps, "letter"), shop.url, tmp_path / "r")
    assert [warning.step for warning in report.warnings if warning.flow] == ["s0", "s1"]
    assert _holds(tmp_path / "r", "Zq8pL4nted77") + _holds(tmp_path / "r", "zq8pl4nted") == []
    assert '"target": "/sessions/12345678"' in (tmp_path / "r" / "letter" / "03-s2.json").read_text()
    assert '"target": "/reset/password-form"' in (tmp_path / "r" / "letter" / "04-s3.json").read_text()


def test_secrets_beside_values_are_hidden_and_what_is_made_up_is_no_difference(
    shop: ShopServer, flow: MakeFlow, tmp_path: Path
) -> None:
    step = '[[step]]\nname = "said"\npath = "/said"\n'
    texts = []
    for secret in ("Pl4nted-one-77", "Pl4nted-two-78"):
        cookies = (f"a=1; Path=/reset?token={secret}; Comment={secret}", secret, f"={secret}")
        challenge = f'Digest realm="shop", nonce="{secret}+/=", opaque="{secret}"'
        body = json.dumps({"open": {f"{secret}{secret}".replace("-", ""): {"since": 1}}})
        headers = [("Set-Cookie", one) for one in cookies] + [("WWW-Authenticate", challenge)]
        shop.said = "application/json", body, tuple(headers)
        record(flow(step, "said"), shop.url, tmp_path / secret)
        assert _holds(tmp_path / secret, secret) + _holds(tmp_path / secret, secret.replace("-", "")) == []
        assert lint(tmp_path / secret).errors == ()
        texts.append((tmp_path / secret / "said" / "01-said.json").read_text())
    assert "comment=⟨string⟩; path=/reset?token=<token:" in texts[0]
    assert '"set-cookie: =⟨cookie⟩"' in texts[0]
    assert 'nonce=\\"⟨string⟩\\"' in texts[0]
    assert '"since": 1' in texts[0]
    told = [line for line in texts[0].splitlines() if line not in texts[1].splitlines()]
    assert all("<" in line for line in told)  # only the tokens of two different secrets
