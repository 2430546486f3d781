"""The file of a gateway that is measured, as text: its doors, the two sides on loopback, its state, and
whatever else a program here wants of it.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["gateway_file"]


def gateway_file(
    *,
    traffic: int,
    admin: int,
    legacy: int,
    new: int,
    state: Path | str = "state",
    workers: int = 1,
    in_listen: str = "",
    in_legacy: str = "",
    in_new: str = "",
    in_state: str = "",
    rest: str = "",
) -> str:
    """The text of a `banyan.toml`. Four ports, 0 for a door that the system chooses; `state`: a folder;
    `workers`: 0 for one on each processor; `in_…`: further lines of those tables; `rest`: further tables.
    """
    return f"""\
[listen]
traffic = "127.0.0.1:{traffic}"
admin = "127.0.0.1:{admin}"
workers = {workers}
{in_listen}
[upstreams.legacy]
url = "http://127.0.0.1:{legacy}"
{in_legacy}
[upstreams.new]
url = "http://127.0.0.1:{new}"
{in_new}
[state]
dir = "{state}"
{in_state}
{rest}"""
