"""Install what real servers need and Python packages do not bring: `python -m tests.support.install`.

It never fails: what cannot be installed is said, and the tests that need it are skipped with that reason,
which pytest lists at the end.
"""

import os
import shutil
import subprocess
import sys

from tests.support.chromium import find_chromium
from tests.support.envoy import find_envoy
from tests.support.nginx import find_nginx
from tests.support.postgres import MISSING as NO_POSTGRES
from tests.support.postgres import find_postgres
from tests.support.spawn import ROOT
from tests.support.unleash import find_unleash, install_unleash

PACKAGES = ("chromium", "fonts-noto-cjk")  # the second one because the applications speak Japanese
QUIET = {"DEBIAN_FRONTEND": "noninteractive"}


def main() -> int:
    """Look, install, and say what is there."""
    for say in (browser, web_server, envoy, flag_server):
        print(say(), flush=True)
    return 0


def flag_server() -> str:
    """Unleash, which npm brings, on a PostgreSQL, which is a Python package."""
    if not find_postgres():
        return f"unleash: not installed ({NO_POSTGRES}); the tests that need it will be skipped"
    if not find_unleash():
        print("installing the Unleash server with npm", flush=True)
        if problem := install_unleash():
            return f"unleash: not installed ({problem}); the tests that need it will be skipped"
    return f"unleash: {find_unleash()}"


def browser() -> str:
    """Chromium, which the system's packages bring."""
    if found := find_chromium():
        return f"chromium: {found}"
    if reason := refusal():
        return f"chromium: not installed ({reason}); the tests that need a browser will be skipped"
    print(f"installing {' '.join(PACKAGES)} with apt-get", flush=True)
    failure = apt("update") or apt("install", "--yes", "--no-install-recommends", *PACKAGES)
    return f"chromium: {find_chromium() or f'could not be installed ({failure})'}"


def web_server() -> str:
    """nginx, which the system's packages bring."""
    if found := find_nginx():
        return f"nginx: {found}"
    if reason := refusal():
        return f"nginx: not installed ({reason}); the tests with a proxy in front will be skipped"
    print("installing nginx-light with apt-get", flush=True)
    failure = apt("update") or apt("install", "--yes", "--no-install-recommends", "nginx-light", "curl")
    return f"nginx: {find_nginx() or f'could not be installed ({failure})'}"


def envoy() -> str:
    """Envoy, which a wheel brings where there is one for this machine."""
    if not find_envoy():
        print("installing Envoy from its wheel", flush=True)
        lock = str(ROOT / "requirements" / "bench.lock")
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--require-hashes",
            "--requirement",
            lock,
        ]
        subprocess.run(command, capture_output=True, timeout=600, check=False)
    return (
        f"envoy: {find_envoy() or 'not installed (no wheel); the tests with Envoy in front will be skipped'}"
    )


def refusal() -> str:
    """Why we cannot even try, or nothing."""
    if not shutil.which("apt-get"):
        return "no apt-get here"
    if os.geteuid() != 0:
        return "apt-get needs root"
    return ""


def apt(*words: str) -> str:
    """Run apt-get quietly; the last line it complained with, or nothing."""
    command = ["apt-get", "--quiet", "--quiet", *words]
    try:
        done = subprocess.run(
            command, env={**os.environ, **QUIET}, capture_output=True, text=True, timeout=600, check=False
        )
    except subprocess.TimeoutExpired:
        return f"apt-get {words[0]} took longer than ten minutes"
    if done.returncode == 0:
        return ""
    lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    return lines[-1] if lines else f"apt-get {words[0]} ended with {done.returncode}"


if __name__ == "__main__":
    sys.exit(main())
