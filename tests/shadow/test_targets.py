"""Bytes above ASCII in a target mean what they mean written out, and nobody changes them."""

import re

import pytest

from golden.hiding import Hider
from shadow import Redactor, RequestSnapshot, written_out
from shadow.rewriting import rewrite_target
from shadow.short_ids import ShortId, ShortIds, collection_of, noun_of

RAW = "/caf\xc3\xa9-7/x?q=caf\xc3\xa9-7&r=\xff"
WRITTEN = "/caf%C3%A9-7/x?q=caf%C3%A9-7&r=%FF"


def test_they_are_written_out_as_a_browser_does() -> None:
    """And nothing else."""
    assert written_out(RAW) == WRITTEN
    assert written_out(WRITTEN) == WRITTEN
    assert written_out('/a b?\u540d"<>[]%zz') == '/a b?\u540d"<>[]%zz'


@pytest.mark.parametrize("target", [RAW, WRITTEN])
def test_what_the_other_side_calls_otherwise_is_found_in_them(target: str) -> None:
    """What stays, stays as it came."""

    def replaced(text: str) -> str:
        return text.replace("é-7", "é-9")

    new = rewrite_target(target, replaced)
    assert written_out(new) == WRITTEN.replace("-7", "-9")
    assert new.endswith(target.rpartition("&")[2])
    assert rewrite_target(target, str) == target


@pytest.mark.parametrize("name", ["pr\xc3\xa9cis", "pr%C3%A9cis"])
def test_a_short_id_of_them_is_found(name: str) -> None:
    """A list is known by its name however that was written."""
    known = ShortIds()
    known.learn(ShortId(noun_of("précis"), "7", "9"))
    asked = RequestSnapshot("GET", f"/{name}/7", (), b"")
    assert known.rewrite(asked).target == f"/{name}/9"
    assert collection_of(f"/{name}/7") == noun_of("précis")


@pytest.mark.parametrize(
    "target", ["/a?contrase\xc3\xb1a=caf\xc3\xa9&token=a", "/a?contrase%C3%B1a=caf%C3%A9&token=a"]
)
def test_a_secret_in_them_has_one_token(target: str) -> None:
    """So the same request is the same sample."""
    redactor = Redactor(b"a key", extra_names=["contraseña"])
    assert redactor.target(target) == redactor.target("/a?contrase%C3%B1a=caf%C3%A9&token=a")
    assert "caf" not in redactor.target(target)


@pytest.mark.parametrize(
    "path",
    [
        "/u/user@m\xc3\xbcller.de",
        "/u/user@m%C3%BCller.de",
        "/u/m\xc3\xbcller@example.com",
        "/u/m%c3%bcller%40example.com",
    ],
)
def test_an_address_in_them_is_hidden(path: str) -> None:
    """All of it, in what is shown and in what is recorded."""
    for clean in (Redactor(b"a key").target(path), Redactor(b"a key", paths=False).target(path)):
        assert re.fullmatch(r"/u/<email:[0-9a-f]+>", clean)
    assert "ller" not in Hider(b"a key", ()).target(path)


def test_bytes_that_are_no_text_hinder_nothing() -> None:
    """They stay where nothing is hidden."""
    redactor = Redactor(b"a key")
    assert redactor.target("/a/\xff\xfe/x") == "/a/%FF%FE/x"
    assert "ann" not in redactor.target("/a/\xff/ann@shop.example")
