"""compare(): the stages, the verdicts, the severities, and that it never raises."""

from __future__ import annotations

import gzip
import hashlib
import zlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shadow import DEFAULT_RULES, Kind, Observation, Redactor, Severity, Verdict, compare
from shadow.coding import MAX_PLAIN
from tests.shadow.answers import PROFILE, REQUEST, TODAY, answer, as_json, compared, request, rule, seen


def test_equal_bytes_match_without_parsing() -> None:
    assert compared(answer("{broken"), answer("{broken")).verdict is Verdict.MATCH


def test_frameworks_write_json_differently_and_match() -> None:
    flask = answer('{\n  "b": "\\u3042",\n  "a": 1\n}\n', Date="x", Server="gunicorn", Content_Length="29")
    fastapi = answer('{"a":1,"b":"あ"}', date="y", server="uvicorn")
    result = compared(flask, fastapi)
    assert (result.verdict, result.stage, result.differences) == (Verdict.MATCH, "parse", ())


@pytest.mark.parametrize(
    ("control", "candidate", "kind", "severity"),
    [
        ({"a": 1}, {}, Kind.REMOVED, Severity.HIGH),
        ({"a": 1}, {"a": "1"}, Kind.TYPE_CHANGED, Severity.HIGH),
        ({"a": 1}, {"a": 2}, Kind.VALUE_CHANGED, Severity.MEDIUM),
        ({}, {"a": 1}, Kind.ADDED, Severity.LOW),
    ],
)
def test_severity_follows_the_kind(
    control: object, candidate: object, kind: Kind, severity: Severity
) -> None:
    result = compared(as_json(control), as_json(candidate))
    assert (result.verdict, result.severity, result.stage) == (Verdict.MISMATCH, severity, "walk")
    assert [(each.path, each.kind, each.severity) for each in result.differences] == [
        ("body.a", kind, severity)
    ]


def test_the_worst_unexcused_difference_gives_the_severity() -> None:
    control, candidate = as_json({"a": 1, "b": 1}), as_json({"b": 2})
    assert compared(control, candidate).severity is Severity.HIGH
    assert compared(control, candidate, rule()).severity is Severity.MEDIUM


@pytest.mark.parametrize(
    ("status", "severity"), [(201, Severity.MEDIUM), (404, Severity.HIGH), (500, Severity.HIGH)]
)
def test_a_status_of_another_class_is_high(status: int, severity: Severity) -> None:
    result = compared(answer("x", "text/plain"), answer("x", "text/plain", status=status))
    assert (result.verdict, result.severity, result.stage) == (Verdict.MISMATCH, severity, "head")


@pytest.mark.parametrize(
    ("body", "kind", "path"),
    [
        ("{}", "application/octet-stream", "body.sha256"),
        (
            "--x\r\nContent-Disposition: form-data; name=password\r\n\r\n{}\r\n--x--",
            "multipart/form-data; boundary=x",
            "body[*].sha256",
        ),
    ],
)
def test_the_hash_of_something_short_cannot_be_guessed(body: str, kind: str, path: str) -> None:
    """It may be a password, as short as they are: the hash is a keyed one."""
    result = compared(answer(body.format("hunter2"), kind), answer(body.format("hunter3"), kind))
    assert seen(result) == {(path, "value_changed")}
    (found,) = result.differences
    assert found.control != found.candidate
    assert hashlib.sha256(b"hunter2").hexdigest()[:16] not in str(result.differences)
    longer = compared(answer(body.format("hunter2"), kind), answer(body.format("hunter2") * 2, kind))
    assert hashlib.sha256(b"hunter2").hexdigest()[:16] not in str(longer.differences)
    none = compared(answer(body.format("hunter2"), kind), answer("--x--", kind))
    assert hashlib.sha256(b"hunter2").hexdigest()[:16] not in str(none.differences)


def test_wrong_bytes_in_a_form_stay_apart() -> None:
    form = "application/x-www-form-urlencoded"
    assert seen(compared(answer("a=%ff", form), answer("a=%fe", form))) == {("body.a[*]", "value_changed")}
    assert compared(answer("a=%ff", form), answer("a=%FF", form)).verdict is Verdict.MATCH


def test_differences_are_grouped_by_path_and_kind() -> None:
    control = as_json([{"id": index} for index in range(1000)])
    result = compared(control, as_json([{"id": -index - 1} for index in range(1000)]))
    assert [(each.path, each.count) for each in result.differences] == [("body[*].id", 1000)]


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        ("timeout", Verdict.SHADOW_TIMEOUT),
        ("first byte timeout", Verdict.SHADOW_TIMEOUT),
        ("connect", Verdict.SHADOW_ERROR),
    ],
)
def test_no_answer_is_no_mismatch(error: str, verdict: Verdict) -> None:
    silent = Observation("new", 0, (), b"", error=error)
    assert compared(as_json(1), silent).verdict is verdict


@pytest.mark.parametrize("side", ["control", "candidate"])
@pytest.mark.parametrize("flag", ["cut", "truncated"])
def test_part_of_an_answer_is_never_equal(flag: str, side: str) -> None:
    whole = as_json({"a": 1})
    part = msgspec.structs.replace(whole, **{flag: True})
    pair = (part, whole) if side == "control" else (whole, part)
    result = compared(*pair)
    assert result.verdict is Verdict.UNDETERMINED
    assert result.reason


def test_half_a_json_body_is_not_called_invalid() -> None:
    part = msgspec.structs.replace(answer('{"a": '), cut=True)
    assert compared(as_json({"a": 1}), part).verdict is Verdict.UNDETERMINED


def test_whole_floats_are_the_profiles_business() -> None:
    one, other = as_json({"a": 1}), as_json({"a": 1.0})
    assert seen(compared(one, other)) == {("body.a", "type_changed")}
    assert compared(one, other, PROFILE).verdict is Verdict.MATCH


def test_compression_is_no_difference() -> None:
    packed = answer(gzip.compress(b'{"a":1}', mtime=0), Content_Encoding="gzip")
    wrapped = answer(zlib.compress(b'{ "a": 1 }'), Content_Encoding="deflate")
    assert compared(packed, wrapped).verdict is Verdict.MATCH
    assert compared(as_json({"a": 1}), packed).verdict is Verdict.MATCH
    assert seen(compared(as_json({"a": 2}), packed)) == {("body.a", "value_changed")}


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("br", b"whatever"),
        ("gzip", b"no gzip"),
        ("gzip", gzip.compress(b'{"a":1}', mtime=0)[:-9]),
        ("gzip", gzip.compress(b" " * 2 * MAX_PLAIN, mtime=0)),
    ],
)
def test_what_cannot_be_unpacked_is_undetermined(coding: str, body: bytes) -> None:
    assert compared(as_json({"a": 1}), answer(body, Content_Encoding=coding)).verdict is Verdict.UNDETERMINED


def test_part_of_an_answer_with_another_status_is_a_mismatch() -> None:
    part = msgspec.structs.replace(as_json({"a": 1}, status=500), cut=True)
    assert compared(as_json({"a": 1}), part).verdict is Verdict.MISMATCH


@pytest.mark.parametrize("body", [b'{"a":1,"a":1}', b"[NaN]", b"[" * 300 + b"]" * 300])
def test_json_of_open_meaning_is_undetermined(body: bytes) -> None:
    assert compared(as_json({"a": 1}), answer(body)).verdict is Verdict.UNDETERMINED
    assert compared(answer(body), as_json({"a": 1})).verdict is Verdict.UNDETERMINED


def test_what_only_calls_itself_json_is_a_changed_type() -> None:
    result = compared(as_json({"a": 1}), answer("<h1>oops</h1>"))
    assert (result.verdict, seen(result)) == (Verdict.MISMATCH, {("body", "type_changed")})


def test_another_media_type_is_high() -> None:
    result = compared(as_json({"a": 1}), answer("<p>a</p>", "text/html"))
    assert seen(result) == {("header.content-type", "type_changed"), ("body", "type_changed")}


def test_other_bodies() -> None:
    assert compared(answer("a=1&b=2", FORM), answer("b=2&a=1", FORM)).verdict is Verdict.MATCH
    assert seen(compared(answer("a=1", FORM), answer("a=2", FORM))) == {("body.a[*]", "value_changed")}
    assert seen(compared(answer("one", "text/plain"), answer("two", "text/plain"))) == {
        ("body", "value_changed")
    }
    binary = seen(compared(answer(b"\x00\x01", "image/png"), answer(b"\x00\x02", "image/png")))
    assert binary == {("body.sha256", "value_changed")}


FORM = "application/x-www-form-urlencoded"


def test_the_body_of_head_is_not_compared() -> None:
    assert (
        compared(answer("", "text/plain"), answer("x", "text/plain"), request=request("HEAD")).verdict
        is Verdict.MATCH
    )


def test_an_excused_difference_is_accepted_and_still_shown() -> None:
    result = compared(as_json({"a": 1}), as_json({"a": 2}), rule())
    assert (result.verdict, result.severity) == (Verdict.ACCEPTED, None)
    assert [each.excused_by for each in result.differences] == ["r1"]
    assert result.unexcused == ()


def test_excerpts_hold_no_secret_even_without_a_redactor() -> None:
    control, candidate = (
        as_json({"csrf_token": "a" * 32, "n": {"email": "x@y.example"}}),
        as_json({"csrf_token": "b" * 32}),
    )
    text = str(compared(control, candidate))
    assert "a" * 32 not in text
    assert "x@y.example" not in text


def test_excerpts_are_redacted_with_the_redactor_given() -> None:
    redactor = Redactor(b"key")
    result = compared(as_json({"token": "one"}), as_json({"token": "two"}), redactor=redactor)
    assert result.differences[0].control == redactor.token("token", "one")


def test_too_many_excused_differences_are_not_called_equal() -> None:
    control = as_json({str(index): {"a": index} for index in range(300)})
    candidate = as_json({str(index): {"a": -index - 1} for index in range(300)})
    result = compared(control, candidate, rule(path="body.*.a"))
    assert result.verdict is Verdict.UNDETERMINED


def test_framework_differences_that_users_see_stay_visible() -> None:
    assert seen(compared(as_json({"message": "x"}), as_json({"detail": "x"}), PROFILE)) == {
        ("body.message", "removed"),
        ("body.detail", "added"),
    }
    for one, other in ((400, 422), (307, 308)):
        assert seen(compared(answer("", "", one), answer("", "", other), PROFILE)) == {("status", "status")}


def test_half_a_surrogate_pair_can_be_shown() -> None:
    result = compared(as_json({}), answer(b'{"\\ud800": "\\udfff"}'))
    assert [(each.path, each.candidate) for each in result.differences] == [("body.\\ud800", "\\udfff")]
    assert msgspec.json.encode(result)


CONTENT_TYPES = st.sampled_from(
    [
        "application/json",
        "text/html; charset=nonsense",
        "text/event-stream",
        FORM,
        "text/plain",
        "image/png",
        "",
        ";;=",
        "a/b;c",
    ]
)
BODIES = st.binary(max_size=60) | st.sampled_from(
    [
        b"{}",
        b"[1]",
        b"null",
        b"data: x\n\n",
        b"<a b=c",
        b"<![CDATA[",
        b"&#xffffffff;",
        b"a=%ff&b",
        b'{"a":"\\ud800"}',
        b"\xff\xfe",
    ]
)
LINES = st.lists(
    st.tuples(
        st.sampled_from([b"Location", b"Set-Cookie", b"Allow", b"Retry-After", b"Cache-Control", b"\xff"]),
        st.binary(max_size=20)
        | st.sampled_from([b"http://[", b"a=b; Max-Age=x; Expires=never", b"=", b"a=1; Expires=Thu, 99"]),
    ),
    max_size=4,
)


@settings(max_examples=300, deadline=None)
@given(CONTENT_TYPES, CONTENT_TYPES, BODIES, BODIES, LINES, LINES)
def test_nothing_that_a_server_can_send_makes_it_raise(
    type_a: str,
    type_b: str,
    a: bytes,
    b: bytes,
    lines_a: list[tuple[bytes, bytes]],
    lines_b: list[tuple[bytes, bytes]],
) -> None:
    one = Observation("legacy", 200, ((b"Content-Type", type_a.encode()), *lines_a), a)
    other = Observation("new", 200, ((b"Content-Type", type_b.encode()), *lines_b), b)
    result = compare(REQUEST, one, other, DEFAULT_RULES, today=TODAY)
    assert msgspec.json.encode(result)
    assert compare(REQUEST, one, one, DEFAULT_RULES, today=TODAY).verdict is Verdict.MATCH
