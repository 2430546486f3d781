"""For `gunicorn legacy_app.wsgi:app`: the application, made from the environment on import."""

import os
import sys

from .app import create_app
from .settings import Settings, SettingsError, read_settings

# gunicorn's code for "the application cannot be loaded": it stops instead of trying for ever.
APP_LOAD_ERROR = 4


def _settings() -> Settings:
    try:
        return read_settings(os.environ)
    except SettingsError as error:
        print(f"legacy_app: {error}", file=sys.stderr)
        sys.exit(APP_LOAD_ERROR)


app = create_app(_settings())
