"""A live request is recognised by what it asks and by what its session did before."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import httpx
import pytest

from golden import Flow, GoldenIndex, compare_with_golden, record
from shadow import DEFAULT_RULES, Observation, RequestSnapshot, Verdict
from tests.golden.conftest import BUY, ORDER
from tests.golden.shop import ShopServer

MakeFlow = Callable[..., Flow]
TODAY = date(2030, 1, 1)
GIVEN = Observation("new", 200, ((b"Set-Cookie", b"other_name=1; Path=/"),), b"")


def _ask(client: httpx.Client, method: str, path: str, **more: object) -> tuple[RequestSnapshot, Observation]:
    request = client.build_request(method, path, **more)  # type: ignore[arg-type]
    answer = client.send(request)
    snapshot = RequestSnapshot(method, path, tuple(request.headers.raw), request.content)
    return snapshot, Observation("new", answer.status_code, tuple(answer.headers.raw), answer.content)


@pytest.fixture
def index(shop: ShopServer, flow: MakeFlow, tmp_path: Path) -> GoldenIndex:
    record([flow(BUY), flow(ORDER, "order")], shop.url, tmp_path / "r")
    return GoldenIndex.load(tmp_path / "r")


def test_a_session_that_does_the_same_is_compared_step_by_step(index: GoldenIndex, other: ShopServer) -> None:
    state = index.begin()
    found = []
    with httpx.Client(base_url=other.url, trust_env=False) as client:
        token, answer = _ask(client, "GET", "/token")
        csrf = {"x-csrf-token": httpx.Response(200, content=answer.body).json()["csrf_token"]}
        steps = [
            (token, answer),
            _ask(client, "POST", "/cart", json={"amount": 2, "item": "緑茶"}, headers=csrf),
            _ask(client, "POST", "/cart", json={"item": "ケーキ", "amount": 1}, headers=csrf),
            _ask(client, "GET", "/cart"),
        ]
    for request, observed in steps:
        recording = index.find(request, state.fingerprint)
        assert recording is not None
        verdict = compare_with_golden(recording, request, observed, DEFAULT_RULES, TODAY).verdict
        found.append((recording.id, verdict))
        state.advance(request, recording, observed)
    assert found == [
        ("buy/01-token", Verdict.MATCH),
        ("buy/02-add-tea", Verdict.MATCH),
        ("buy/03-add-cake", Verdict.MATCH),
        ("buy/04-look", Verdict.MATCH),
    ]


def test_a_stateful_answer_is_not_looked_up_in_another_state(index: GoldenIndex) -> None:
    look = RequestSnapshot("GET", "/cart", (), b"")
    tea = RequestSnapshot(
        "POST", "/cart", ((b"Content-Type", b"application/json"),), '{"item":"緑茶","amount":2}'.encode()
    )
    state = index.begin()
    state.advance(RequestSnapshot("GET", "/token", (), b""), None, GIVEN)
    before = state.fingerprint
    assert index.find(look, state.fingerprint) is None
    state.advance(look)
    assert state.fingerprint == before
    assert index.find(tea, state.fingerprint) is not None
    state.advance(tea)
    assert index.find(look, state.fingerprint) is None  # recorded after tea and cake only


def test_headers_and_cookies_do_not_count(index: GoldenIndex) -> None:
    plain = RequestSnapshot("GET", "/token", (), b"")
    full = RequestSnapshot("GET", "/token", ((b"Cookie", b"sid=1"), (b"X-Request-Id", b"7")), b"")
    start = index.begin().fingerprint
    assert index.find(plain, start) == index.find(full, start) is not None
    assert index.find(RequestSnapshot("GET", "/token?a=1", (), b""), start) is None
    assert index.find(RequestSnapshot("HEAD", "/token", (), b""), start) is None


def test_a_difference_is_named(index: GoldenIndex, other: ShopServer) -> None:
    with httpx.Client(base_url=other.url, trust_env=False) as client:
        request, observed = _ask(client, "GET", "/token")
    changed = Observation("new", 200, observed.headers, observed.body.replace(b"3600", b'"3600"'))
    recording = index.find(request, index.begin().fingerprint)
    assert recording is not None
    comparison = compare_with_golden(recording, request, changed, DEFAULT_RULES, TODAY)
    assert comparison.verdict is Verdict.MISMATCH
    assert [item.path for item in comparison.unexcused] == ["body.expires_in"]
    failed = Observation("new", 0, (), b"", error="timeout")
    verdict = compare_with_golden(recording, request, failed, DEFAULT_RULES, TODAY).verdict
    assert verdict is Verdict.SHADOW_TIMEOUT


def test_asking_twice_is_another_state_than_asking_once(index: GoldenIndex) -> None:
    token = RequestSnapshot("GET", "/token", (), b"")
    state = index.begin()
    assert index.find(token, state) is not None
    state.advance(token, None, GIVEN)
    assert index.find(token, state) is None  # recorded as the first request only, when there was no session
    before = state.fingerprint
    state.advance(token, None, GIVEN)
    assert state.fingerprint == before  # the same cookie again is nothing new


def test_a_number_handed_on_is_known_by_its_name(index: GoldenIndex, other: ShopServer) -> None:
    other.orders = 98
    state = index.begin()
    found = []
    with httpx.Client(base_url=other.url, trust_env=False) as client:
        for method, path in (("POST", "/orders"), ("GET", "/orders/99")):
            request, observed = _ask(client, method, path)
            recording = index.find(request, state)
            assert recording is not None, path
            found.append(compare_with_golden(recording, request, observed, DEFAULT_RULES, TODAY).verdict)
            state.advance(request, recording, observed)
        assert index.find(RequestSnapshot("GET", "/orders/98", (), b""), state) is None
    assert found == [Verdict.MATCH, Verdict.MATCH]


@pytest.mark.parametrize("target", ["/menu?q=caf\xc3\xa9", "/menu?q=caf%C3%A9"])
def test_bytes_above_ascii_are_known_written_out_or_not(
    target: str, shop: ShopServer, flow: MakeFlow, tmp_path: Path
) -> None:
    """As they stood on the wire, as a browser writes them, and as somebody wrote the flow."""
    steps = '[[step]]\nname = "look"\npath = "/menu?q=café"\n'
    record([flow(steps, "menu")], shop.url, tmp_path / "menu")
    index = GoldenIndex.load(tmp_path / "menu")
    assert len(index) == 1
    assert index.find(RequestSnapshot("GET", target, (), b""), index.begin()) is not None
    assert index.find(RequestSnapshot("GET", "/menu?q=caf\xe9", (), b""), index.begin()) is None


def test_an_id_of_a_kind_is_known_in_a_path(shop: ShopServer, flow: MakeFlow, tmp_path: Path) -> None:
    """Where the recording holds a placeholder for what the answer before handed on."""
    steps = """
[[step]]
name = "create"
method = "POST"
path = "/uuids"
extract = { order = "json:id" }
[[step]]
name = "show"
path = "/uuids/{order}"
"""
    record([flow(steps, "ids")], shop.url, tmp_path / "ids")
    index = GoldenIndex.load(tmp_path / "ids")
    state = index.begin()
    found = []
    with httpx.Client(base_url=shop.url, trust_env=False) as client:
        request, observed = _ask(client, "POST", "/uuids")
        recording = index.find(request, state)
        found.append(recording.id if recording else None)
        state.advance(request, recording, observed)
        request, _ = _ask(client, "GET", f"/uuids/{httpx.Response(200, content=observed.body).json()['id']}")
        recording = index.find(request, state)
        found.append(recording.id if recording else None)
    assert found == ["ids/01-create", "ids/02-show"]


def test_a_number_that_nobody_handed_on_is_left_alone(index: GoldenIndex) -> None:
    create = RequestSnapshot("POST", "/orders", (), b"")
    state = index.begin()
    recording = index.find(create, state.fingerprint)
    assert recording is not None
    state.advance(create)
    assert index.find(RequestSnapshot("GET", "/orders/1", (), b""), state.fingerprint) is None
    created = Observation(
        "new",
        201,
        ((b"Content-Type", b"application/json"), (b"Location", b"/orders/99")),
        b'{"id":99,"ref":"6f7c7f3c-3c0c-4f0e-8a43-9d4e6f0f5a10"}',
    )
    comparison = compare_with_golden(recording, create, created, DEFAULT_RULES, TODAY)
    assert [item.path for item in comparison.unexcused] == [
        "header.set-cookie.sid"
    ]  # only what was left out here


def test_an_unusable_file_is_a_problem_not_a_crash(index: GoldenIndex, tmp_path: Path) -> None:
    (tmp_path / "r" / "buy" / "02-add-tea.json").write_text("{")
    again = GoldenIndex.load(tmp_path / "r")
    assert len(again.problems) == 2  # the file, and the journey that is not whole
    start = again.begin().fingerprint
    assert again.find(RequestSnapshot("GET", "/token", (), b""), start) is None
    assert len(GoldenIndex.load(tmp_path / "nowhere")) == 0
