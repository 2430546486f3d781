"""The pages as HTML: complete, relative, the same for the same session."""

import re

import pytest

from tests.legacy_app.servers import START, Person

PAGES = ["/", "/chat", "/scenarios", "/scenario/scenario1", "/scenario/scenario11", "/watch"]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_whole_and_has_only_own_addresses(person: Person, path: str) -> None:
    answer = person.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.text.startswith("<!doctype html>")
    addresses = re.findall(r'(?:href|src|action)="([^"]*)"', answer.text)
    assert addresses
    assert all(re.match(r"/(?!/)", address) for address in addresses)
    for address in set(addresses):
        assert person.get(address).status_code == 200, address
    assert person.get(path).text == answer.text


@pytest.mark.parametrize("name", ["api.js", "talk.js", "chat.js", "scenario.js", "watch.js", "style.css"])
def test_the_parts_name_no_other_host(person: Person, name: str) -> None:
    answer = person.get(f"/static/{name}")
    assert answer.status_code == 200
    assert "//" not in answer.text.replace("\n//", "").replace(" // ", "").removeprefix("//")
    again = person.get(f"/static/{name}", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


def test_an_unknown_scenario_has_a_page_that_says_so(person: Person) -> None:
    answer = person.get("/scenario/nothing")
    assert answer.status_code == 404
    assert "ページが見つかりません" in answer.text


def test_harassment_scenarios_ask_for_consent(person: Person) -> None:
    assert 'id="consent"' in person.get("/scenario/scenario11").text
    assert 'id="consent"' not in person.get("/scenario/scenario1").text


def test_the_chat_page_remembers_the_choices(person: Person) -> None:
    opening = person.said("/api/start_chat", {**START, "partner_type": "boss"})["response"]
    page = person.get("/chat").text
    assert '<option value="boss" selected>' in page
    assert f'data-opening="{opening}"' in page
    assert person.token() not in page
