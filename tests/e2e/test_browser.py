"""Every page of the legacy application, in a real browser, through the gateway at 0 % as without it."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.migration import Migration

PAGES = ("/", "/chat", "/scenarios", "/scenario/scenario1", "/watch")


def visible_text(page: Page, url: str) -> str:
    """What a person reads."""
    page.goto(url)
    page.wait_for_load_state("networkidle")
    return page.inner_text("body")


@pytest.mark.parametrize("path", PAGES)
def test_page_reads_the_same_through_the_gateway(browser: Browser, migration: Migration, path: str) -> None:
    """The same text, no error in the console, nothing that failed to load."""
    problems: list[str] = []
    page = browser.new_page()
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("requestfailed", lambda request: problems.append(request.url))
    try:
        through = visible_text(page, migration.url + path)
        direct = visible_text(page, migration.legacy_url + path)
    finally:
        page.close()
    assert through == direct
    assert len(through) > 20
    assert problems == []


@pytest.mark.parametrize("percent", [0, 100])
def test_chat_in_a_browser_through_the_gateway(browser: Browser, migration: Migration, percent: int) -> None:
    """A person holds a conversation, whichever side answers; after a reload it is still there."""
    migration.dial(percent)
    context = browser.new_context(locale="ja-JP")
    page = context.new_page()
    try:
        page.goto(migration.url + "/chat")
        page.get_by_role("button", name="会話を始める").click()
        bubbles = page.locator("#talk li:not(.waiting)")
        expect(bubbles).to_have_count(1)
        for turn in (1, 2):
            page.get_by_label("メッセージ").fill(f"週末は山に行きました {turn}")
            page.get_by_role("button", name="送信").click()
            expect(bubbles).to_have_count(1 + 2 * turn)
            expect(page.get_by_label("メッセージ")).to_have_value("")  # emptied when the answer is whole
        page.reload()
        expect(bubbles).to_have_count(5)
        session = "wr_session" if percent else "session"
        assert {cookie["name"] for cookie in context.cookies()} >= {session, "banyan_key"}
    finally:
        context.close()
        migration.dial(0)
