"""Prints the page of the wire's rules: ``python -m tests.compliance > docs/wire.md``.

``--record`` runs the table for the gateway first and records the outcome, ``--oracle`` for Envoy.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import redirect_stdout

from tests.compliance import oracle
from tests.compliance.rules import page
from tests.support.envoy import MISSING


def main() -> int:
    """Exit status 2 when Envoy is asked for and there is none."""
    parser = argparse.ArgumentParser(prog="python -m tests.compliance", description=__doc__)
    parser.add_argument("--record", action="store_true", help="run the table for the gateway first")
    parser.add_argument("--oracle", action="store_true", help="run the table for Envoy first")
    given = parser.parse_args()
    for name, wanted in (("gateway", given.record), ("envoy", given.oracle)):
        with redirect_stdout(sys.stderr):
            status = oracle.ask(name) if wanted else 0
        if status:
            print(MISSING, file=sys.stderr)
            return status
    sys.stdout.write(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
