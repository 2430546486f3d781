"""Prints the page of the wire's rules: ``python -m tests.compliance > docs/wire.md``."""

import sys

from tests.compliance.rules import page

sys.stdout.write(page())
