"""`python -m gateway.config`: print the page of all keys, for `docs/configuration.md`."""

import sys

from gateway.config.documentation import render_keys

sys.stdout.write(render_keys())
