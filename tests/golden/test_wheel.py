"""A fresh project with nothing but the wheel (and pytest): the plugin is there, and so is the command."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from golden import Flow, record
from tests.golden.conftest import BUY, ORDER
from tests.golden.shop import ShopServer
from tests.support.spawn import ROOT

MakeFlow = Callable[..., Flow]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that holds the wheel; what the wheel depends on is lent to it."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "env", with_pip=False)
    packages = next((folder / "env").glob("lib/python*/site-packages"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    # A path in a .pth is added as it is: the checkout, which stands there by a .pth of its own, is not.
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "env" / "bin" / "python"


def _run(python: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("BANYAN", "PYTHON", "PYTEST"))}
    command = [str(python), *words]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def project(shop: ShopServer, flow: MakeFlow, tmp_path: Path) -> Path:
    """Recordings and nothing else."""
    folder = tmp_path / "project"
    record([flow(BUY), flow(ORDER, "order")], shop.url, folder / "golden" / "recordings")
    return folder


def test_the_plugin_is_there(python: Path, project: Path, other: ShopServer) -> None:
    where = _run(python, project, "-c", "import golden; print(golden.__file__)")
    assert str(python.parents[1]) in where.stdout, where.stderr
    pytest_ = ("-m", "pytest", "-p", "no:cacheprovider", "-q", f"--golden-to={other.url}")
    run = _run(python, project, *pytest_)
    assert "9 passed" in run.stdout, run.stdout + run.stderr
    other.faults = {"renamed"}
    run = _run(python, project, *pytest_)
    assert run.returncode == 1
    assert "3 failed, 6 passed" in run.stdout
    assert "body.items: removed" in run.stdout


def test_several_processes_give_the_same_verdicts(python: Path, project: Path, other: ShopServer) -> None:
    other.faults = {"renamed"}
    run = _run(
        python, project, "-m", "pytest", "-p", "no:cacheprovider", "-n", "2", f"--golden-to={other.url}"
    )
    assert run.returncode == 1
    assert "3 failed, 6 passed" in run.stdout, run.stdout + run.stderr
    failed = sorted(line.split(" ")[1] for line in run.stdout.splitlines() if line.startswith("FAILED"))
    assert [name.rpartition("::")[2] for name in failed] == [
        "buy/02-add-tea",
        "buy/03-add-cake",
        "buy/04-look",
    ]


def test_the_command_is_there(python: Path, project: Path, other: ShopServer) -> None:
    run = _run(python, project, "-m", "gateway", "golden", "verify", "--to", other.url)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "9 passed" in run.stdout
