"""Flows in YAML: the same keys, plain values, and a sentence with a line for what is refused."""

from pathlib import Path

import pytest

from golden import Flow, FlowError, load_flows, record, verify
from golden.yaml_text import load_yaml
from tests.golden.shop import ShopServer

BUY = """\
name: buy
step:
  - name: token
    path: /token
    extract: {csrf: "json:csrf_token"}
  - name: add tea
    method: POST
    path: /cart
    headers:
      X-CSRF-Token: "{csrf}"
    json: {item: 緑茶, amount: 2, note: ~, on: 2024-05-01, sure: no}
  - name: create
    method: POST
    path: /orders
    extract:
      number: json:id
  - name: show
    path: /orders/{number}
  - name: form
    path: /form
    extract: {form: "html:input[name=csrf_token]"}
  - name: send
    method: POST
    path: /form
    form: {csrf_token: "{form}", text: a b}
"""


def test_a_flow_in_yaml_is_recorded_and_verified(shop: ShopServer, other: ShopServer, tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "any.yml").write_text(BUY, "utf-8")
    (tmp_path / "flows" / "one.YAML").write_text("step: [{name: a, path: /constant}]")
    (tmp_path / "flows" / "notes.txt").write_text("no flow")
    flows, problems = load_flows([tmp_path / "flows"])
    assert ([flow.name for flow in flows], problems) == (["buy", "one"], [])
    assert record(flows, shop.url, tmp_path / "r").exit_code == 0
    cart = next(body for _, path, _, body in shop.seen if path == "/cart")
    assert b'"note":null,"on":"2024-05-01","sure":"no"' in cart
    other.orders = 10
    report = verify(tmp_path / "r", other.url, flows=flows)
    assert (report.exit_code, report.passed) == (0, 7)


DEEP = "[" * 200_000
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 10)}]\n"
    for before, name in zip("abcdefg", "bcdefgh", strict=True)
)
REFUSED = {
    "unknown key": ("step: [{name: a, pth: /}]", "step 'a': unknown key 'pth'"),
    "key twice": ("name: a\nname: b\n", "line 2, column 1: the key 'name' is there twice"),
    "no YAML": ("step: [", "is no valid YAML (line "),
    "an object": ("!!python/object/apply:os.system [id]", "is no valid YAML (line 1"),
    "an alias within itself": ("step: &a [*a]", "is no valid YAML"),
    "too many aliases": (LAUGHS, "unfold to more than"),
    "too deep": (DEEP, "nested deeper than 100"),
    "two documents": ("--- {}\n--- {}\n", "is no valid YAML (line 2"),
    "a text": ("hello", "holds no flow"),
    "nothing": ("", "holds no flow"),
    "no list": ("step: {name: a}", "has no [[step]] (in YAML: step, a list)"),
}


@pytest.mark.parametrize(("text", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused_is_named(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(text)
    with pytest.raises(FlowError) as caught:
        Flow.load(file)
    assert said in str(caught.value)
    assert str(caught.value).startswith(str(file))


def test_scalars_are_those_of_yaml_1_2() -> None:
    plain = "true, False, null, ~, 10, -3, 0x1f, 0o17, 1.5, 1e3"
    assert load_yaml(f"[{plain}, no, on, 12:30, 010, 1_000, 2024-05-01, '7', .inf]") == [
        *(True, False, None, None, 10, -3, 31, 15, 1.5, 1000.0),
        *("no", "on", "12:30", 10, "1_000", "2024-05-01", "7", ".inf"),
    ]
    assert load_yaml("{1: a, yes: b, base: {<<: {x: 1, y: 2}, x: 3}}") == {
        "1": "a",
        "yes": "b",
        "base": {"y": 2, "x": 3},
    }
