"""The dashboard in a real browser: asks for a token, shows what holds, and treats other people's words as
text.
"""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from tests.gateway.running import Running


def test_it_asks_for_a_token_and_shows_what_holds(gateway: Running, browser: Browser) -> None:
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if "Content Security" in line.text else None)
    page.goto(gateway.admin + "/")
    expect(page.locator("#board")).to_be_hidden()
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("alert")).to_have_text("This token is not known here.")

    gateway.call("PUT", "/api/v1/features/orders/dial", json={"percent": 37.5, "reason": "<b>bold</b> step"})
    page.get_by_label("Token").fill(gateway.token)
    page.get_by_role("button", name="Open").click()
    card = page.locator("article", has_text="orders")
    expect(page.locator("#door")).to_be_hidden()
    expect(card).to_contain_text("37.5 %")
    expect(card.locator(".badge")).to_have_text("both")
    expect(page.locator("#workers tr")).to_have_count(1)
    expect(page.locator("#workers")).to_contain_text("current")
    expect(page.locator("#machines-section")).to_be_hidden()
    expect(page.locator("#ledger tr").first).to_contain_text("<b>bold</b> step")
    expect(page.get_by_role("status")).to_have_text("in step")

    expect(card).to_contain_text("hold; 0 of 500 samples on the new side")
    gateway.call("POST", "/api/v1/freeze", json={"reason": "<i>a launch</i>"})
    expect(page.get_by_role("alert")).to_contain_text("All raises are frozen (admin: <i>a launch</i>).")
    gateway.call("DELETE", "/api/v1/freeze", json={"reason": "over"})

    gateway.call("POST", "/api/v1/rollback", json={"reason": "a test"})
    expect(card.locator(".badge")).to_have_text("rolled back")
    expect(page.get_by_role("status")).to_have_text("everything rolled back")
    assert page.evaluate("Object.keys(localStorage).length") == 0
    page.get_by_role("button", name="Forget token").click()
    expect(page.locator("#board")).to_be_hidden()
    expect(page.locator("#door")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0
    assert errors == []
    page.close()
