"""What a shadow process needs before it begins."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from gateway.shadow_process import KEY_BYTES, KEY_NAME, redaction_key


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    key = redaction_key(tmp_path)
    assert len(key) == KEY_BYTES
    assert redaction_key(tmp_path) == key
    assert (tmp_path / KEY_NAME).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("short", [b"", b"x" * (KEY_BYTES - 1)])
def test_a_key_that_is_no_secret_is_made_anew_and_said(
    tmp_path: Path, short: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / KEY_NAME).write_bytes(short)
    with caplog.at_level(logging.ERROR, "banyan.shadow"):
        key = redaction_key(tmp_path)
    assert len(key) == KEY_BYTES
    assert redaction_key(tmp_path) == key
    assert "too short to be a key" in caplog.text
