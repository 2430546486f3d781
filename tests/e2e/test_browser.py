"""Every page of the legacy application, in a real browser, through the gateway at 0 % as without it."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.between import PATIENCE
from tests.e2e.migration import Migration, eventually

PAGES = ("/", "/chat", "/scenarios", "/scenario/scenario1", "/watch")


expect.set_options(timeout=PATIENCE * 1000)


def opened(page: Page, url: str) -> Page:
    """With all that it loads."""
    page.goto(url, timeout=2 * PATIENCE * 1000)
    page.wait_for_load_state("networkidle", timeout=2 * PATIENCE * 1000)
    return page


@pytest.mark.parametrize("path", PAGES)
def test_page_reads_the_same_through_the_gateway(browser: Browser, migration: Migration, path: str) -> None:
    """The same text, no error in the console, nothing that failed to load."""
    problems: list[str] = []
    context = browser.new_context()
    context.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    context.on("requestfailed", lambda request: problems.append(request.url))
    try:
        through = opened(context.new_page(), migration.url + path)
        direct = opened(context.new_page(), migration.legacy_url + path)
        # A page may still be writing what it has loaded.
        eventually(lambda: through.inner_text("body") == direct.inner_text("body"))
        texts = through.inner_text("body"), direct.inner_text("body")
    finally:
        context.close()
    assert texts[0] == texts[1]
    assert len(texts[0]) > 20
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
