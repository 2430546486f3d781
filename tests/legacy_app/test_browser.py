"""A person at the pages, in a real browser: a conversation in each mode, without console errors."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.legacy_app.servers import Legacy


@pytest.fixture
def page(browser: Browser, legacy: Legacy) -> Iterator[Page]:
    """A page of a new visitor; whatever the browser complains about fails the test."""
    context = browser.new_context(base_url=legacy.url, locale="ja-JP")
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    assert complaints == []


def say(page: Page, text: str) -> None:
    page.get_by_label("メッセージ").fill(text)
    page.get_by_role("button", name="送信").click()


def said(page: Page) -> list[str]:
    return page.locator("#talk .said").all_inner_texts()


def test_from_the_home_page_to_a_chat(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="雑談を始める").click()
    page.get_by_label("相手").select_option("上司")
    page.get_by_role("button", name="会話を始める").click()
    bubbles = page.locator("#talk li:not(.waiting)")
    expect(bubbles).to_have_count(1)
    say(page, '<b>カレー</b>が好きです & "ラーメン"も')
    expect(bubbles).to_have_count(3)
    page.get_by_label("メッセージ").fill("部長はどうですか？")
    page.keyboard.press("Control+Enter")
    expect(bubbles).to_have_count(5)
    lines = said(page)
    assert lines[1] == '<b>カレー</b>が好きです & "ラーメン"も'
    assert "「<b>カレー</b>" in lines[2]
    expect(page.get_by_label("メッセージ")).to_have_value("")

    page.reload()
    expect(bubbles).to_have_count(5)
    assert said(page) == lines
    page.get_by_role("button", name="フィードバックを見る").click()
    expect(page.locator("#feedback")).to_contain_text("上司との会話")
    expect(page.locator("#feedback progress")).to_have_count(6)
    page.get_by_role("button", name="履歴をクリア").click()
    expect(bubbles).to_have_count(1)
    expect(page.locator("#feedback")).to_be_hidden()
    say(page, "もう一度お願いします")
    expect(bubbles).to_have_count(3)


def test_a_scene_that_asks_for_consent(page: Page) -> None:
    page.goto("/scenarios")
    page.get_by_role("link", name="容姿についての発言を止める").click()
    start = page.get_by_role("button", name="場面を始める")
    expect(start).to_be_disabled()
    page.get_by_label("理解しました").check()
    start.click()
    bubbles = page.locator("#talk li:not(.waiting)")
    expect(bubbles).to_have_count(1)
    say(page, "その言い方は良くないと思います")
    expect(bubbles).to_have_count(3)
    page.reload()
    expect(bubbles).to_have_count(3)
    page.get_by_role("button", name="フィードバックを見る").click()
    expect(page.locator("#feedback")).to_contain_text("学習ポイント")
    page.get_by_role("button", name="履歴をクリア").click()
    expect(bubbles).to_have_count(0)
    expect(start).to_be_enabled()


def test_watching_two_speakers(page: Page) -> None:
    page.goto("/watch")
    page.get_by_role("button", name="観戦を始める").click()
    bubbles = page.locator("#talk li:not(.waiting)")
    expect(bubbles).to_have_count(1)
    for count in (2, 3):
        page.get_by_role("button", name="次の発言").click()
        expect(bubbles).to_have_count(count)
    assert page.locator("#talk .who").all_inner_texts() == ["太郎", "花子", "太郎"]
    page.get_by_label("自動で進める").check()
    expect(bubbles.nth(3)).to_be_visible()
    page.get_by_label("自動で進める").uncheck()
    expect(page.get_by_role("button", name="次の発言")).to_be_enabled()  # nothing is under way any more
    lines = said(page)
    page.reload()
    expect(bubbles).to_have_count(len(lines))
    assert said(page) == lines
    page.get_by_role("button", name="履歴をクリア").click()
    expect(bubbles).to_have_count(0)
    expect(page.get_by_role("button", name="次の発言")).to_be_disabled()


def test_a_replaced_session_is_noticed_and_survived(browser: Browser, legacy: Legacy) -> None:
    # Not the fixture above: here the browser is right to report the refused request.
    with browser.new_context(base_url=legacy.url) as context:
        page = context.new_page()
        page.goto("/chat")
        page.get_by_role("button", name="会話を始める").click()
        bubbles = page.locator("#talk li:not(.waiting)")
        expect(bubbles).to_have_count(1)
        context.clear_cookies()
        context.request.get("/api/csrf-token")
        page.get_by_role("button", name="会話を始める").click()
        expect(bubbles).to_have_count(1)
        say(page, "続けられますか？")
        expect(bubbles).to_have_count(3)
        expect(page.get_by_role("alert")).to_be_hidden()
