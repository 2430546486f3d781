"""What the tests in this folder read: tracked files, the project file, the modules and their imports."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent
PRODUCT = ("gateway", "golden", "shadow", "flags")
APPLICATIONS = ("legacy_app", "new_app")
HELPERS = ("bench", "deploy", "tests")
PRODUCTS_AND_APPLICATIONS = (*PRODUCT, *APPLICATIONS)


class Import(NamedTuple):
    """One imported module, the names taken from it (none for a plain import), and where it stands."""

    module: str
    names: tuple[str, ...]
    file: Path
    line: int

    @property
    def place(self) -> str:
        """File and line, for a message."""
        return f"{self.file.relative_to(ROOT)}:{self.line}"


@cache
def project() -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def read(name: str) -> str:
    """A file of the project."""
    return (ROOT / name).read_text(encoding="utf-8")


@cache
def tracked_files() -> tuple[Path, ...]:
    """Every tracked file; without git (an unpacked archive) every file outside ignored folders."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        found = (ROOT / name for name in listed.stdout.split("\0") if name)
    else:
        ignored = {".venv", "var", "build", "dist", "node_modules", "__pycache__"}
        found = (path for path in ROOT.rglob("*") if not ignored.intersection(path.parts))
    return tuple(path for path in found if path.is_file())


def tracked_texts() -> Iterator[tuple[Path, str]]:
    """Every tracked text file with its content."""
    for path in tracked_files():
        try:
            yield path, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def modules(*packages: str) -> list[Path]:
    """The source files of these top-level packages."""
    return [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]


@cache
def imports(package: str) -> tuple[Import, ...]:
    """Every import in a top-level package, those inside functions included."""
    found = []
    for path in modules(package):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found += [Import(name.name, (), path, node.lineno) for name in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = tuple(name.name for name in node.names)
                found.append(Import(node.module, names, path, node.lineno))
    return tuple(found)


def is_standard(module: str) -> bool:
    """Whether a module comes with Python."""
    return module.partition(".")[0] in sys.stdlib_module_names


def requirement_name(requirement: str) -> str:
    """The normalised name in a requirement."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found, requirement
    return normalised(found.group())


def normalised(name: str) -> str:
    """A distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared() -> dict[str, set[str]]:
    """The declared distributions: the product's own, and those of every group."""
    found = {"product": {requirement_name(line) for line in project()["project"]["dependencies"]}}
    for group, lines in project()["dependency-groups"].items():
        found[group] = {requirement_name(line) for line in lines}
    return found
