"""`python -m tests.access > docs/access.md`."""

from tests.access.table import render

print(render(), end="")
