"""The application object for any ASGI server: `uvicorn new_app.main:app`."""

from __future__ import annotations

import os
import sys

from new_app.app import create_app
from new_app.settings import SettingsError, read_settings

try:
    app = create_app(read_settings(os.environ))
except SettingsError as error:
    sys.stderr.write(f"new_app: {error}\n")
    raise SystemExit(2) from None
