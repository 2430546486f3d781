"""A shop, a second one that may differ, and flows written into a folder."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from golden import Flow
from tests.golden.shop import ShopServer, running_shop

BUY = """
[[step]]
name = "token"
path = "/token"
extract = { csrf = "json:csrf_token", sid = "cookie:sid" }
[[step]]
name = "add tea"
method = "POST"
path = "/cart"
headers = { X-CSRF-Token = "{csrf}" }
json = { item = "緑茶", amount = 2 }
[[step]]
name = "add cake"
method = "POST"
path = "/cart"
headers = { X-CSRF-Token = "{csrf}" }
json = { item = "ケーキ", amount = 1 }
[[step]]
name = "look"
path = "/cart"
[[step]]
name = "without token"
method = "POST"
path = "/cart"
json = {}
"""

ORDER = """
[[step]]
name = "create"
method = "POST"
path = "/orders"
extract = { number = "json:id", where = "header:Location" }
[[step]]
name = "show"
path = "/orders/{number}"
[[step]]
name = "form"
path = "/form"
extract = { form = "html:input[name=csrf_token]" }
[[step]]
name = "send"
method = "POST"
path = "/form"
form = { csrf_token = "{form}", text = "a b" }
"""


@pytest.fixture
def shop() -> Iterator[ShopServer]:
    """The side that is right."""
    with running_shop() as server:
        yield server


@pytest.fixture
def other() -> Iterator[ShopServer]:
    """The side that may be wrong."""
    with running_shop() as server:
        yield server


@pytest.fixture
def flow(tmp_path: Path) -> Callable[..., Flow]:
    """Writes a flow file and loads it."""

    def make(text: str, name: str = "buy") -> Flow:
        file = tmp_path / "flows" / f"{name}.toml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, "utf-8")
        return Flow.load(file)

    return make
