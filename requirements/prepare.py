"""Make the virtual environment from the lock file, with nothing but a Python and a package registry.

Run by `make setup` with the system's Python, so it uses the standard library only, and an older Python must
be able to read it: that is how a too old one gets a sentence instead of a syntax error.
"""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

OLDEST = (3, 11)
ROOT = Path(__file__).resolve().parent.parent


def main(arguments: "list[str]") -> int:
    """Create the environment named by the first argument from the lock named by the second."""
    if sys.version_info < OLDEST:
        found = ".".join(map(str, sys.version_info[:3]))
        return complain(
            f"Python 3.11 or later is needed, {sys.executable} is {found}. Try: make PYTHON=python3.11"
        )
    environment, lock = Path(arguments[0]), Path(arguments[1])
    python = environment / "bin" / "python"
    if not working(python) and not create(environment, python):
        return complain(
            "this Python can make no environment with pip in it (no ensurepip, no pip). "
            "On Debian or Ubuntu: apt-get install python3-venv"
        )
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "-qq", "install"]  # -qq: errors only
    print(f"installing {lock} into {environment}", flush=True)
    if run([*pip, "--require-hashes", "--requirement", str(lock)]):
        return complain("the packages could not be installed; the lines above say why")
    if run([*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)]):
        return complain("the project itself could not be installed; the lines above say why")
    return 0


def create(environment: Path, python: Path) -> bool:
    """Make the environment: with the bundled pip, or with the pip this Python already has."""
    if find_spec("ensurepip") and find_spec("venv"):
        run([sys.executable, "-m", "venv", str(environment)])
    elif find_spec("pip") and find_spec("venv"):
        run([sys.executable, "-m", "venv", "--without-pip", str(environment)])
        run([sys.executable, "-m", "pip", "--quiet", "--python", str(python), "install", "pip"])
    return working(python)


def working(python: Path) -> bool:
    """Whether this interpreter exists and has pip."""
    return python.exists() and run([str(python), "-c", "import pip"]) == 0


def run(command: "list[str]") -> int:
    """Run a command in the foreground and return its exit status."""
    return subprocess.run(command, check=False).returncode


def complain(sentence: str) -> int:
    """Say what is wrong, in one sentence."""
    print(f"setup: {sentence}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
