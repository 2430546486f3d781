"""The rules in force, whatever becomes of their file."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from gateway import shadow_process
from gateway.shadow_process import ShadowProcess
from gateway.shadowing import RuleBook
from tests.gateway.shadowing.test_pipeline import prepared

RULE = '[[rule]]\nid = "a"\nowner = "o"\nexpires = 2090-01-01\nop = "same-type-and-format"\npath = "**.ts"\n'
WRONG = {
    "deep": "a=" + "[" * 3000,
    "deep table": RULE.replace('"**.ts"', "[" * 400 + "]" * 400),
    "digits": "a=" + "9" * 5000,
    "hexadecimal digits": RULE.replace('"o"', "0x" + "f" * 5000),
}


def test_a_file_that_is_gone_drops_no_rules(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(RULE)
    book = RuleBook(file)
    assert len(book.rules.rules) == 1
    file.rename(tmp_path / "aside")
    assert [book.refresh() for _ in range(3)] == [False] * 3
    assert len(book.rules.rules) == 1
    assert caplog.text.count("cannot be read") == 1, "said once"
    (tmp_path / "aside").rename(file)
    assert book.refresh()
    file.write_text("")
    assert book.refresh()
    assert not book.rules.rules


def test_no_file_at_the_start_is_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    book = RuleBook(tmp_path / "none.toml")
    assert not book.refresh()
    assert not caplog.records


@pytest.mark.parametrize("wrong", WRONG)
def test_a_poisonous_file_is_refused_at_the_start_and_later(
    tmp_path: Path, wrong: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(WRONG[wrong])
    book = RuleBook(file)
    assert "no rules to go by" in caplog.text
    file.write_text(RULE)
    assert book.refresh()
    file.write_text(WRONG[wrong])
    assert not book.refresh()
    assert not book.unknown
    assert len(book.rules.rules) == 1


async def test_a_look_that_fails_is_not_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(shadow_process, "LOOK_INTERVAL", 0.001)
    process, looks, again = ShadowProcess(prepared(tmp_path), 0, tmp_path), list[int](), asyncio.Event()

    def refresh() -> bool:
        looks.append(1)
        if len(looks) > 2:
            process_loop.call_soon_threadsafe(again.set)
        raise RuntimeError("nobody thought of this one")

    process_loop = asyncio.get_running_loop()
    monkeypatch.setattr(process._rules, "refresh", refresh)
    task = asyncio.create_task(process._look())
    async with asyncio.timeout(30):
        await again.wait()
    task.cancel()
    assert "is repeated" in caplog.text
    assert caplog.records[0].levelno == logging.ERROR
