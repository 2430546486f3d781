"""The keys of this machine."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from gateway.keys import REDACTION_KEY, REDACTION_KEY_BYTES, redaction_key


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    key = redaction_key(tmp_path)
    assert len(key) == REDACTION_KEY_BYTES
    assert redaction_key(tmp_path) == key
    assert (tmp_path / REDACTION_KEY).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("short", [b"", b"x" * (REDACTION_KEY_BYTES - 1)])
def test_a_key_that_is_no_secret_is_made_anew_and_said(
    tmp_path: Path, short: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / REDACTION_KEY).write_bytes(short)
    with caplog.at_level(logging.ERROR, "banyan.shadow"):
        key = redaction_key(tmp_path)
    assert len(key) == REDACTION_KEY_BYTES
    assert redaction_key(tmp_path) == key
    assert "too short to be a key" in caplog.text


def test_what_a_process_of_the_same_number_left_half_written_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / f".{REDACTION_KEY}.{os.getpid()}").write_bytes(b"half")
    assert len(redaction_key(tmp_path)) == REDACTION_KEY_BYTES
    assert [one.name for one in tmp_path.iterdir()] == [REDACTION_KEY]
