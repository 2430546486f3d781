"""What a gateway occupies, without its children: what stands beside the state page stays true of it."""

from __future__ import annotations

from pathlib import Path

from flags import PAGE_NAME
from gateway.config import load_config
from gateway.notes import OFFSETS_FILE
from gateway.page_keeper import HELD_NAME
from gateway.premises import Premises
from tests.gateway.running import write_config


def test_the_offsets_are_those_of_a_page_made_anew(tmp_path: Path) -> None:
    """A feature that came later has the last place in the old page, and its place by name in the new one."""
    premises = Premises(load_config(str(write_config(tmp_path, features=("reports",))), {}))
    try:
        premises.adopt(load_config(str(write_config(tmp_path, features=("orders", "reports"))), {}))
        places = premises.page.offsets()
        (premises.folder / PAGE_NAME).unlink()
        (premises.folder / HELD_NAME).unlink()
        assert "there is a new one" in premises.look_at_page()
        assert premises.page.offsets() != places
        lines = (premises.folder / OFFSETS_FILE).read_text().splitlines()
        assert dict(line.rsplit(" ", 1) for line in lines) == {
            name: str(place) for name, place in premises.page.offsets().items()
        }
    finally:
        premises.close()
