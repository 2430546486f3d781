"""The programs of `bench.endurance` in small: what they find holds here too, but for the times, which are for
a machine with nothing else to do."""

from __future__ import annotations

import pytest
import uvloop

from bench.endurance.__main__ import PARTS


@pytest.mark.parametrize("part", PARTS)
def test_it_holds_in_small(part: str) -> None:
    """Every byte, every slot, every file; memory."""
    figures = uvloop.run(PARTS[part](40))
    assert figures
    assert [str(figure) for figure in figures if figure.unit != "ms" and not figure.holds] == []
