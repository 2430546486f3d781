"""Where the browser is, or why there is none."""

import os
import shutil
from pathlib import Path

ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage")
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = (
    "no Chromium on this machine: install the package 'chromium' or set CHROMIUM to its path "
    "(make test installs it where it may use apt-get as root)"
)


def find_chromium() -> Path | None:
    """The executable named by CHROMIUM, or the first one found on the search path."""
    if chosen := os.environ.get("CHROMIUM"):
        return Path(chosen) if Path(chosen).exists() else None
    found = (shutil.which(name) for name in NAMES)
    return next((Path(path) for path in found if path), None)
