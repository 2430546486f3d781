"""What a flow file may say, and the sentence for everything else."""

from pathlib import Path

import pytest

from golden import Flow, FlowError, ThreadingError, load_flows
from golden.extraction import extract, parse
from golden.flow_text import to_toml
from golden.step import Step
from golden.telling import with_names
from golden.template import escape, fill, names
from shadow import Observation

ONE = '[[step]]\nname = "a"\npath = "/"\n'

REFUSED = {
    "unknown key of a step": (ONE + 'pth = "/"\n', "step 'a': unknown key 'pth'"),
    "unknown key above": ('nme = "x"\n' + ONE, "unknown key 'nme'"),
    "no step": ('name = "x"\n', "has no [[step]]"),
    "single table": ('[step]\nname = "a"\n', "has no [[step]]"),
    "no TOML": ("[[step]\n", "is no valid TOML"),
    "no name": ('[[step]]\npath = "/"\n', "a step's name is ''"),
    "name that leaves the folder": ('[[step]]\nname = "../a"\npath = "/"\n', "a step's name is '../a'"),
    "flow name that leaves the folder": ('name = "../x"\n' + ONE, "the flow's name is '../x'"),
    "name twice": (ONE + ONE, "step 'a': the name is used twice"),
    "path without slash": ('[[step]]\nname = "a"\npath = "x"\n', "path = 'x'"),
    "no path": ('[[step]]\nname = "a"\n', "path = ''"),
    "path with a space": ('[[step]]\nname = "a"\npath = "/a b"\n', "path = '/a b'"),
    "small letters": (ONE + 'method = "post"\n', "method = 'post'"),
    "two bodies": (ONE + 'json = {}\nbody = ""\n', "has both json and body"),
    "number as header": (ONE + "headers = { a = 1 }\n", "headers.a = 1: expected a string"),
    "date in JSON": (ONE + "json = { at = 2024-01-01 }\n", "which JSON has no form for"),
    "infinity in JSON": (ONE + "json = [inf]\n", "which JSON has no form for"),
    "unknown source": (ONE + 'extract = { x = "xml:a" }\n', "expected json:PATH"),
    "a secret's name": (
        '[secrets]\nx = "env:X"\n' + ONE + 'extract = { x = "json:a" }\n',
        "extract x: a secret is called so already",
    ),
    "wrong selector": (ONE + 'extract = { x = "html:input" }\n', "expected html:tag[attribute=value]"),
    "wrong name of a value": (ONE + 'extract = { "a-b" = "json:x" }\n', "expected a name of letters"),
    "value nobody hands on": (
        '[[step]]\nname = "a"\npath = "/{id}"\n',
        "{id} is handed on by no earlier step",
    ),
    "value of the same step": (
        ONE.replace('"/"', '"/{x}"') + 'extract = { x = "json:x" }\n',
        "{x} is handed on by",
    ),
    "secret in the file": ('[secrets]\np = "hunter2"\n' + ONE, "a secret stands in no file"),
}


@pytest.mark.parametrize(("text", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused_is_named(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "f.toml"
    file.write_text(text)
    with pytest.raises(FlowError) as caught:
        Flow.load(file)
    assert said in str(caught.value)
    assert str(caught.value).startswith(str(file))
    assert "hunter2" not in str(caught.value)


def test_the_other_flows_are_loaded_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("x = 1")
    (tmp_path / "good.toml").write_text(ONE)
    (tmp_path / "twin.toml").write_text('name = "good"\n' + ONE)
    flows, problems = load_flows([tmp_path, tmp_path / "missing.toml"])
    assert [flow.name for flow in flows] == ["good"]
    assert [Path(problem.file).name for problem in problems] == ["bad.toml", "twin.toml", "missing.toml"]
    assert "taken by" in str(problems[1])


def test_references() -> None:
    assert fill("/a/{id}?x={y}", {"id": "7", "y": "z"}) == "/a/7?x=z"
    assert fill('{"a": {"b": {}}} {{id}}', {"id": "7"}) == '{"a": {"b": {}}} {id}'
    assert names({"a": ["{x}", 1], "{y}": "{{z}}"}) == {"x", "y"}
    assert fill(escape("{x} {{y}} {"), {}) == "{x} {{y}} {"
    assert escape("{x}") == "{{x}}"
    with pytest.raises(ThreadingError, match=r"\{b\} is not known here \(known: a\)"):
        fill("{b}", {"a": "1"})


JSON = b'{"a": {"b": [{"id": 7}, {"id": "x"}]}, "t": true, "n": null, "e": ""}'
PAGE = b"""<!-- <INPUT NAME=up VALUE=old> --><script>var x = '<input name=up value=js>'</script>
<meta name="csrf" content="m1"><input value='v&amp;1' name=tok type=hidden><a id="l" href="/x">
<INPUT TYPE=hidden NAME=up VALUE=first value=second><input data-x='a>b' name="user[token]" value=in>
<textarea name=area>\nsome &amp; more</textarea>
<select name=chosen><option value=1>one<option value=2 selected>two</select>
<select name=first><option> plain text <option>other</select>"""

FOUND = {
    "json:a.b[0].id": "7",
    "json:a.b.1.id": "x",
    "json:t": "true",
    "header:location": "/n",
    "cookie:sid": "c",
    "html:input[name=tok]": "v&1",
    "html:meta[name=csrf]": "m1",
    "html:a[id=l]@href": "/x",
    "html:input[name=up]": "first",
    'html:input[name="user[token]"]': "in",
    "html:textarea[name=area]": "some & more",
    "html:select[name=chosen]": "2",
    "html:select[name=first]": "plain text",
}


@pytest.mark.parametrize(("where", "value"), FOUND.items())
def test_a_value_is_taken_out(where: str, value: str) -> None:
    body = PAGE if where.startswith("html") else JSON
    answer = Observation("new", 200, ((b"Location", b"/n"),), body)
    assert extract(parse("x", where), answer, {"sid": "c"}) == value


@pytest.mark.parametrize(
    "where", ["json:n", "json:a", "json:e", "json:a.b[2].id", "header:x", "cookie:x", "html:input[name=x]"]
)
def test_a_value_that_is_not_there_is_named(where: str) -> None:
    answer = Observation("new", 404, (), JSON)
    with pytest.raises(ThreadingError, match=r"found nothing for \{x\} in the answer \(status 404\)"):
        extract(parse("x", where), answer, {})


@pytest.mark.parametrize("method", ["M-SEARCH", "FOO2", "-BLARGH", "$%&", "A_'B*C"])
def test_any_method_that_is_served_makes_a_flow_that_can_be_read(method: str, tmp_path: Path) -> None:
    steps = with_names([Step(1, "", method, "/orders"), Step(2, "", method, "/orders")])
    file = tmp_path / "f.toml"
    file.write_text(to_toml(Flow("f", "f.toml", tuple(steps), {})))
    assert [(one.name, one.method) for one in Flow.load(file).steps] == [(s.name, method) for s in steps]
