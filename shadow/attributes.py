"""How an attribute of an element is written, and what it then says: alike for comparing and for redaction."""

from __future__ import annotations

import html
import re

ATTRIBUTE = re.compile(
    r"""[\s/]*+(?P<name>[^\s/>=][^\s/>=]*+)(?:\s*+=\s*+(?:"(?P<double>[^"]*+)"|'(?P<single>[^']*+)'|(?P<bare>[^\s>]*+)))?"""
)


def unescaped(text: str) -> str:
    """Text or a value with its characters in place of references to them."""
    try:
        return html.unescape(text) if "&" in text else text
    except ValueError:  # a character number of more digits than Python converts
        return text
