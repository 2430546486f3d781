"""The environment is made from the lock, and a machine that cannot is told why in one sentence."""

import ast
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parent.parent.parent / "requirements" / "prepare.py"


@pytest.fixture
def prepare() -> ModuleType:
    """The script as a module; it lies in no package."""
    spec = importlib.util.spec_from_file_location("prepare", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_older_python_is_refused_with_what_to_do(
    prepare: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Nothing is created."""
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    assert prepare.main([str(tmp_path / "venv"), "some.lock"]) == 1
    assert "Python 3.11 or later is needed" in capsys.readouterr().err
    assert not (tmp_path / "venv").exists()


def test_a_python_without_venv_and_pip_is_told_which_package_to_install(
    prepare: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Debian splits the module off; its error message is long, ours is not."""
    monkeypatch.setattr(prepare, "find_spec", lambda name: None)
    assert prepare.main([str(tmp_path / "venv"), "some.lock"]) == 1
    assert "apt-get install python3-venv" in capsys.readouterr().err


def test_the_script_reads_on_an_older_python() -> None:
    """No syntax that Python 3.8 would refuse before the sentence can be printed."""
    ast.parse(SCRIPT.read_text(), feature_version=(3, 8))
