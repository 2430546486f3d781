"""The pages: complete, in Japanese, self-contained, and true to the session they are opened in."""

from __future__ import annotations

import re

import pytest

from new_app.catalogue import SCENARIOS
from tests.new_app.visitor import PRO, WATCH, Visitor

PAGES = {
    "/": "職場の会話を、",
    "/chat": "会話を始める",
    "/scenarios": "職場のコミュニケーション",
    "/scenario/scenario1": "場面を始める",
    "/watch": "観戦を始める",
}


@pytest.mark.parametrize(("path", "text"), PAGES.items())
def test_a_page_is_complete(visitor: Visitor, path: str, text: str) -> None:
    page = visitor.get(path)
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert '<html lang="ja">' in page.text
    assert page.text.rstrip().endswith("</html>")
    assert text in page.text
    assert not re.search(r"""(src|href)=["'](?!/|data:)""", page.text)
    assert "/static/" not in page.text
    assert "{{" not in page.text
    assert "{%" not in page.text


@pytest.mark.parametrize("path", ["/nowhere", "/scenario/nowhere", "/chat/"])
def test_what_is_not_there_is_a_page_too(visitor: Visitor, path: str) -> None:
    page = visitor.get(path)
    assert page.status_code == 404
    assert "ページが見つかりません" in page.text


def test_every_scenario_is_listed_and_has_its_page(visitor: Visitor) -> None:
    listed = visitor.get("/scenarios").text
    for scenario in SCENARIOS.values():
        assert f'href="/scenario/{scenario.id}"' in listed
        page = visitor.get(f"/scenario/{scenario.id}").text
        assert scenario.title in page
        assert ('id="consent"' in page) == scenario.requires_consent


def test_a_page_shows_the_choices_of_its_session(visitor: Visitor) -> None:
    opening = visitor.post(
        "/api/start_chat", {"partner_type": "boss", "situation": "party", "topic": "news", "model": PRO}
    ).json()["response"]
    page = visitor.get("/chat").text
    for chosen in ("boss", "party", "news", PRO):
        assert f'<option value="{chosen}" selected>' in page
    assert f'data-opening="{opening}"' in page
    visitor.post("/api/watch/start", {**WATCH, "topic": "hobby"})
    assert '<option value="hobby" selected>' in visitor.get("/watch").text


def test_a_path_is_no_way_into_a_page(visitor: Visitor) -> None:
    assert "<script>alert" not in visitor.get("/<script>alert(1)</script>").text
