"""A hostile or careless other side: no second request is made of a copy, and it gets no second write."""

from __future__ import annotations

import json
import time
from collections import Counter
from itertools import count
from pathlib import Path

import httpx
import pytest

from tests.e2e.between import JSON, PATIENCE, Asked, Says, between

SMUGGLED = "DELETE /victim HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
PRIMARY = "Miss Mary Ann"
TOLD = [f"Miss\r\nContent-Length: 0\r\n\r\n{SMUGGLED}", "Miss; session=another; Path=/"]


@pytest.mark.parametrize("told", TOLD)
def test_a_copy_stays_one_request(tmp_path: Path, told: str) -> None:
    """In a header, a cookie, the path, the query and a form alike."""
    copies: list[Asked] = []

    def legacy(asked: Asked) -> Says:
        return Says(json.dumps({"name": PRIMARY}).encode())

    def new(asked: Asked) -> Says:
        copies.append(asked)
        return Says(json.dumps({"name": told}).encode(), headers=(*JSON, ("Banyan-Shadow", "honoured")))

    cookie = f"mine={PRIMARY}"
    books: Counter[str] = Counter()
    with between(tmp_path, legacy, new, shadow="control_twice = 0") as gateway:
        for number in range(5):
            copies.clear()
            with httpx.Client(
                base_url=gateway.url, trust_env=False, headers={"X-User": f"{number}"}, timeout=PATIENCE
            ) as client:
                client.get("/name")
                gateway.settled(eligible=4 * number + 1)
                client.get("/in/header", headers={"X-Name": PRIMARY, "Cookie": cookie})
                client.post(f"/in/{PRIMARY}/all", params={"q": PRIMARY}, data={"name": PRIMARY})
                gateway.settled(eligible=4 * number + 3)
                client.get("/after")
                books = gateway.settled(eligible=4 * number + 4)
            assert all(asked.is_shadow for asked in copies)
            assert not [one for one in copies if one.method == "DELETE" or "victim" in one.target.split("/")]
            if sum(asked.target != "/" for asked in copies) == 4:
                break  # a busy machine leaves out some: then another user asks for the same
    seen = {asked.target for asked in copies}
    assert {"/name", "/in/header", "/after"} <= seen
    assert sum(target.startswith("/in/") for target in seen) == 2, "each of them whole"
    shown = next(asked for asked in copies if asked.target == "/in/header").headers
    assert shown["cookie"] == cookie
    assert shown["x-name"] in (PRIMARY, told)
    assert books["shadow_error"] == 0
    form = next(asked for asked in copies if asked.method == "POST")
    assert form.body.count(b"=") == 1, "one field"


def test_a_side_that_honours_the_header_at_its_root_alone_gets_one_write(tmp_path: Path) -> None:
    writes: list[str] = []
    numbers, tries = count(1), iter(range(20, 0, -1))

    def new(asked: Asked) -> Says:
        if asked.target == "/":
            return Says(headers=(*JSON, ("Banyan-Shadow", "honoured")))
        writes.append(asked.target)
        return Says()

    with between(tmp_path, lambda _: Says(), new, shadow="control_twice = 0") as gateway:

        def post() -> None:
            number = next(numbers)
            httpx.post(
                f"{gateway.url}/{number}",
                headers={"X-User": f"{number}"},
                trust_env=False,
                timeout=PATIENCE,
            )
            gateway.settled(eligible=number)

        while "no further write is copied to it" not in gateway.log():  # a busy machine leaves out some
            assert next(tries, 0), gateway.books()
            post()
        # Only an answer shows it, and on a busy machine one may come too late.
        assert len(writes) <= 1 + gateway.books()["shadow_timeout"]
        before = list(writes)
        for _ in range(3):
            time.sleep(1.1)  # a probe is worth a second
            post()
        assert writes == before
