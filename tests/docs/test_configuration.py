"""docs/configuration.md is what the table of keys says."""

from gateway.config import render_keys
from tests.docs.repository import ROOT


def test_the_page_is_up_to_date() -> None:
    written = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert written == render_keys(), "run: python -m gateway.config > docs/configuration.md"
