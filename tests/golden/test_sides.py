"""Sides as they really are: they compress unasked, set cookies for another name, and break off."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

from golden import Flow, read_recording, record, verify
from tests.golden.shop import ShopServer

MakeFlow = Callable[..., Flow]
SAID = '[[step]]\nname = "said"\npath = "/said"\n'
BODY = json.dumps({"name": "茶"}).encode()


def _recorded(shop: ShopServer, flow: MakeFlow, folder: Path, text: str = SAID) -> Path:
    report = record(flow(text, "said"), shop.url, folder)
    assert report.exit_code == 0, report.problems
    return folder


def test_a_side_that_compresses_unasked_is_compared_all_the_same(
    shop: ShopServer, other: ShopServer, flow: MakeFlow, tmp_path: Path
) -> None:
    coded = gzip.compress(BODY)
    shop.said = "application/json", coded, (("Content-Encoding", "gzip"),)
    folder = _recorded(shop, flow, tmp_path / "r")
    assert read_recording(folder / "said" / "01-said.json").answer.body.value == {"name": "茶"}
    other.said = "application/json", BODY, ()
    for side in (shop, other):
        assert verify(folder, side.url).exit_code == 0
    other.said = "application/json", gzip.compress(BODY.replace(b"name", b"nome")), shop.said[2]
    assert "body.name: removed" in str(verify(folder, other.url).cases[0].failures)
    for broken in (coded[:-9], b"no gzip at all"):
        other.said = "application/json", broken, shop.said[2]
        report = verify(folder, other.url)
        assert (report.exit_code, report.failed) == (2, 0)
        assert "sent a body coded as 'gzip' that is damaged" in report.cases[0].failures[0]


def test_a_cookie_for_the_side_under_another_name_is_carried_on(
    shop: ShopServer, flow: MakeFlow, tmp_path: Path
) -> None:
    cookie = "who=ann-4711-abc; Domain=shop.example; Path=/; Secure; HttpOnly"
    shop.said = "application/json", BODY, (("Set-Cookie", cookie), ("Set-Cookie", "name=J\u00fcrgen; Path=/"))
    text = SAID + 'extract = { who = "cookie:who" }\n[[step]]\nname = "next"\npath = "/constant?for={who}"\n'
    folder = _recorded(shop, flow, tmp_path / "r", text)
    assert verify(folder, shop.url).exit_code == 0
    for _, path, headers, _ in shop.seen[1::2]:  # of the recording and of the verification
        assert path == "/constant?for=ann-4711-abc"
        assert "who=ann-4711-abc" in {name.lower(): value for name, value in headers.items()}["cookie"]
