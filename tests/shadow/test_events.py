"""Server-sent events: how they were cut into pieces does not matter, what they say does."""

from __future__ import annotations

import json

import msgspec
import pytest

from shadow import Observation, Verdict
from shadow.events import common_part, read_events
from tests.shadow.answers import answer, compared, seen


def stream(text: str, cut: bool = False) -> Observation:
    return msgspec.structs.replace(answer(text, "text/event-stream"), cut=cut)


PIECES = (
    'data: {"content": "Good "}\n\ndata: {"content": "morning"}\n\n'
    'data: {"done": true, "full": "Good morning"}\n\n'
)
OTHER_PIECES = (
    'data:{"content":"Go"}\r\n\r\ndata:{"content":"od mor"}\r\n\r\ndata:{"content":"ning"}\r\n\r\n'
    'data:{"full":"Good morning","done":true}\r\n\r\n'
)


def test_reading() -> None:
    text = (
        "\ufeff: hello\nevent: tick\nid: 1\nretry: 5\ndata: a\ndata: b\n\n"
        "event: tick\ndata: c\n\ndata: 1\n\ndata: never ended"
    )
    assert read_events(text.encode(), b"")[0] == [
        {"event": "tick", "data": "a\nbc"},
        {"event": "message", "data": "1"},
    ]


def test_pieces_are_joined() -> None:
    ours, theirs = read_events(PIECES.encode(), OTHER_PIECES.encode())
    assert ours == theirs
    assert ours[0]["data"] == {"content": "Good morning"}
    assert compared(stream(PIECES), stream(OTHER_PIECES)).verdict is Verdict.MATCH


def said(form: str, *texts: str) -> Observation:
    """Each text in an event of this form."""
    return stream("".join(f"data: {form % json.dumps(text)}\n\n" for text in texts))


FORMS = [
    '{"type": "token", "text": %s}',
    '{"type": "token", "index": 0, "delta": {"type": "text", "text": %s}}',
    '{"id": "c1", "choices": [{"index": 0, "delta": {"content": %s}, "end": null}]}',
]


@pytest.mark.parametrize("form", FORMS)
def test_what_stands_in_each_piece_is_no_text_of_them(form: str) -> None:
    assert compared(said(form, "haha"), said(form, "ha", "ha")).verdict is Verdict.MATCH
    assert compared(said(form, "ab", "c"), said(form, "a", "b", "c")).verdict is Verdict.MATCH
    (where,) = seen(compared(said(form, "ab", "c"), said(form, "a", "b")))
    assert where[0].endswith(("text", "content"))
    assert compared(said(form, "ha", "ha"), said(form, "ha", "ha", "ha")).verdict is Verdict.MISMATCH
    other = form.replace("token", "word").replace("c1", "c2")
    (where,) = seen(compared(said(form, "ab", "c"), said(other, "a", "bc")))
    assert where[0].endswith(("type", "id"))


def test_pieces_that_differ_in_more_than_text_are_not_joined() -> None:
    count = '{"n": %s}'
    assert compared(stream("data: [1]\n\n" * 2), stream("data: [1]\n\n" * 3)).verdict is Verdict.MISMATCH
    assert compared(said(count, "1"), said(count, "1", "")).verdict is Verdict.MATCH
    numbers = "".join(f'data: {{"n": {n}, "text": "a"}}\n\n' for n in range(3))
    assert len(read_events(numbers.encode(), b"")[0]) == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            PIECES.replace("morning", "evening"),
            {("body[*].data.content", "value_changed"), ("body[*].data.full", "value_changed")},
        ),
        (PIECES.replace("data: {", "event: x\ndata: {"), {("body[*].event", "value_changed")}),
        (PIECES.rpartition("data:")[0], {("body[*]", "removed")}),
        (PIECES.replace("true", '"yes"'), {("body[*].data.done", "type_changed")}),
    ],
)
def test_what_differs(text: str, expected: set[tuple[str, str]]) -> None:
    assert seen(compared(stream(PIECES), stream(text))) == expected


def test_a_stream_that_was_cut_is_compared_as_far_as_it_goes() -> None:
    part = PIECES[:60]
    same = compared(stream(PIECES), stream(part, cut=True))
    assert same.verdict is Verdict.UNDETERMINED
    assert "cut after 60 bytes" in same.reason
    other = compared(stream(PIECES), stream(part.replace("Good", "Bad "), cut=True))
    assert (other.verdict, seen(other)) == (Verdict.MISMATCH, {("body[*].data.content", "value_changed")})
    assert "cut" in other.reason
    assert compared(stream(PIECES), stream("", cut=True)).verdict is Verdict.UNDETERMINED


def test_the_common_part_of_texts() -> None:
    one, other = common_part(
        [{"event": "a", "data": "abc"}], [{"event": "a", "data": "ab"}, {"event": "b", "data": ""}]
    )
    assert one == other == [{"event": "a", "data": "ab"}]
