"""What stands for a value in a recording is mistaken for nothing: not for markup, JSON or a form, and nothing
that a side says is mistaken for it.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from golden import Flow, lint, read_recording, record, verify
from tests.golden.shop import ShopServer

MakeFlow = Callable[..., Flow]

SAID = '[[step]]\nname = "said"\npath = "/said"\n'
HEX = "0123456789abcdef0123456789abcdef"
OTHER = "fedcba9876543210fedcba9876543210"
MEDIA = {
    "a page": (
        "text/html",
        f'<form><input name="password" value="{HEX}"></form><p data-at="{HEX}">a</p>',
    ),
    "XML": ("application/xml", f"<answer><session_id>{HEX}</session_id><a>{HEX}</a><b>end</b></answer>"),
    "JSON": (
        "application/json",
        json.dumps({"session_id": HEX, "s": f'{{"token": "{HEX}"}}', "b": [HEX]}),
    ),
    "JSON in a page": ("text/html", f'<script>var state = {{"csrf_token": "{HEX}", "a": 1}};</script>'),
    "a form": ("application/x-www-form-urlencoded", f"access_token={HEX}&name=%C3%A9&b={HEX}&text=日本"),
    "a text": ("text/plain", f"token: {HEX}\nand {HEX}, twice"),
    "lines": ("text/event-stream", f'data: {{"token": "{HEX}"}}\n\ndata: {HEX}\n\n'),
}


@pytest.mark.parametrize(("content_type", "body"), MEDIA.values(), ids=MEDIA.keys())
def test_a_placeholder_is_read_as_one_wherever_it_stands(
    content_type: str, body: str, shop: ShopServer, flow: MakeFlow, tmp_path: Path
) -> None:
    shop.said = content_type, body, (("Location", f"/reset/{HEX}?token={HEX}"),)
    assert record(flow(SAID, "said"), shop.url, tmp_path / "r").exit_code == 0
    kept = (tmp_path / "r" / "said" / "01-said.json").read_text()
    assert HEX not in kept
    assert kept.count("⟨hex-32⟩") >= 3  # named, and not hidden behind a token for its name
    assert [str(problem) for problem in lint(tmp_path / "r").errors] == []
    shop.said = content_type, body.replace(HEX, OTHER), (("Location", f"/reset/{OTHER}?token={OTHER}"),)
    report = verify(tmp_path / "r", shop.url)
    assert [line for case in report.cases for line in case.failures] == []
    shop.said = content_type, body.replace(HEX, "nothing"), (("Location", "/reset/no?token=no"),)
    (case,) = verify(tmp_path / "r", shop.url).cases
    assert case.failed
    assert "header.location" in " ".join(case.failures)
    assert "â" not in " ".join(case.failures)


def test_nothing_that_a_side_says_is_a_placeholder(shop: ShopServer, flow: MakeFlow, tmp_path: Path) -> None:
    said = {"note": "⟨any⟩", "⟨uuid⟩": 1, "password": "⟨string⟩", "math": "⟨x, y⟩"}
    shop.said = "application/json", json.dumps(said, ensure_ascii=False), ()
    record(flow(SAID, "said"), shop.url, tmp_path / "r")
    assert verify(tmp_path / "r", shop.url).exit_code == 0
    shop.said = "application/json", json.dumps(said), ()  # the same, written with escapes
    assert verify(tmp_path / "r", shop.url).exit_code == 0
    kept = read_recording(tmp_path / "r" / "said" / "01-said.json")
    assert kept.answer.body.value["password"].startswith("<password:")
    shop.said = "application/json", json.dumps({**said, "note": 7}), ()
    (case,) = verify(tmp_path / "r", shop.url).cases
    assert case.failed
    assert case.failures[0].startswith("body.note: type_changed")
