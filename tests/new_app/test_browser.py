"""A person at the pages, in a real browser: each mode, streamed, and where only the plain routes answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect


@pytest.fixture
def page(browser: Browser, app: str) -> Iterator[Page]:
    """A page of a new visitor; whatever the browser complains about fails the test."""
    context = browser.new_context(base_url=app, locale="ja-JP")
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    assert [text for text in complaints if "404" not in text] == []  # of the test without streams


def say(page: Page, text: str) -> None:
    page.get_by_label("メッセージ").fill(text)
    page.get_by_role("button", name="送信").click()


@pytest.mark.parametrize("streams", [True, False])
def test_a_chat(page: Page, streams: bool) -> None:
    if not streams:  # as behind a gateway that sends this path to an application without streams
        page.route("**/api/v2/**", lambda route: route.fulfill(status=404, body="{}"))
    page.goto("/")
    page.get_by_role("link", name="雑談を始める").click()
    page.get_by_label("相手").select_option("上司")
    page.get_by_role("button", name="会話を始める").click()
    bubbles = page.locator("#talk li")
    expect(bubbles).to_have_count(1)
    say(page, '<b>カレー</b>が好きです & "ラーメン"も')
    expect(bubbles).to_have_count(3)
    expect(bubbles.nth(2)).to_contain_text("「<b>カレー</b>が好きです")
    expect(page.get_by_label("メッセージ")).to_have_value("")
    lines = page.locator("#talk .said").all_inner_texts()
    page.reload()
    expect(bubbles).to_have_count(3)
    assert page.locator("#talk .said").all_inner_texts() == lines
    page.get_by_role("button", name="フィードバックを見る").click()
    expect(page.locator("#feedback")).to_contain_text("上司との会話")
    expect(page.locator("#feedback progress")).to_have_count(6)
    page.get_by_role("button", name="履歴をクリア").click()
    expect(bubbles).to_have_count(1)


def test_a_scene_that_asks_for_consent(page: Page) -> None:
    page.goto("/scenarios")
    page.get_by_role("link", name="容姿についての発言を止める").click()
    start = page.get_by_role("button", name="場面を始める")
    expect(start).to_be_disabled()
    page.get_by_label("理解しました").check()
    start.click()
    bubbles = page.locator("#talk li")
    expect(bubbles).to_have_count(1)
    say(page, "その言い方は良くないと思います")
    expect(bubbles).to_have_count(3)
    expect(page.get_by_label("メッセージ")).to_have_value("")  # the last bubble is there before its words are
    page.reload()
    expect(bubbles).to_have_count(3)
    page.get_by_role("button", name="フィードバックを見る").click()
    expect(page.locator("#feedback")).to_contain_text("学習ポイント")
    page.get_by_role("button", name="履歴をクリア").click()
    expect(bubbles).to_have_count(0)
    expect(start).to_be_enabled()


def test_watching(page: Page) -> None:
    page.goto("/watch")
    page.get_by_role("button", name="観戦を始める").click()
    bubbles = page.locator("#talk li")
    expect(bubbles).to_have_count(1)
    following = page.get_by_role("button", name="次の発言")
    for count in (2, 3):
        expect(following).to_be_enabled()
        following.click()
        expect(bubbles).to_have_count(count)
    expect(following).to_be_enabled()
    assert page.locator("#talk .who").all_inner_texts() == ["太郎", "花子", "太郎"]
    assert not any("太郎" in text for text in page.locator("#talk .said").all_inner_texts())
    page.reload()
    expect(bubbles).to_have_count(3)
