"""The part of `banyan check` that looks at this machine: can both ports be bound, can the state folder be
used, are the rules right? It leaves nothing behind.
"""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import Any

from flags import FlagsError, StateFile
from gateway.config import Address, Config
from gateway.machine import StartError, bind
from gateway.runtime_note import Runtime, read_runtime
from shadow import RulesError, load_rules

__all__ = ["ports", "rule_file", "running", "state_folder"]


def running(config: Config) -> Runtime | None:
    """The gateway that runs on the state folder, if one does."""
    return read_runtime(Path(config.state.dir))


def ports(config: Config, here: Runtime | None) -> list[dict[str, Any]]:
    """Whether each address can be listened on. One that the gateway `here` has is as it should be."""
    listen = config.listen
    return [
        _port(
            "listen.traffic", listen.traffic, here, here is not None and here.traffic == listen.traffic_url
        ),
        _port(
            "listen.admin", listen.admin, here, here is not None and here.admin == f"http://{listen.admin}"
        ),
    ]


def state_folder(config: Config) -> dict[str, Any]:
    """Whether the folder can be used, or made."""
    folder = Path(config.state.dir)
    problem = ""
    try:
        problem = _folder_problem(folder)
        if not problem and folder.exists():
            StateFile(folder).load()
    except OSError as error:
        problem = error.strerror or str(error)
    except FlagsError as error:
        problem = str(error)
    return {"name": "state.dir", "dir": str(folder), "usable": not problem, "problem": problem}


def rule_file(config: Config) -> dict[str, Any]:
    """Whether the shadow's rules are right; without a file there are none."""
    path, problem, count = Path(config.shadow.rules), "", 0
    try:
        count = len(load_rules(path).rules) if path.exists() else 0
    except RulesError as error:
        problem = str(error)
    return {"name": "shadow.rules", "file": str(path), "rules": count, "problem": problem}


def _port(key: str, address: Address, here: Runtime | None, ours: bool) -> dict[str, Any]:
    held = here is not None and (ours or (not address.port and not address.path))
    problem = ""
    if not held:
        problem = _socket_problem(Path(address.path)) if address.path else _bind_problem(address, key)
    return {
        "name": key,
        "address": str(address),
        "usable": not problem,
        "problem": problem,
        "held_by": here.pid if held and here else None,
    }


def _bind_problem(address: Address, key: str) -> str:
    try:
        bind(address, key).close()
    except StartError as error:
        cause = error.__cause__
        return (cause.strerror if isinstance(cause, OSError) else "") or str(error)
    return ""


def _socket_problem(path: Path) -> str:
    if not os.access(path.parent, os.W_OK | os.X_OK):
        return f"{path.parent} is no folder that can be written"
    if not path.exists():
        return ""
    if not stat.S_ISSOCK(path.lstat().st_mode):
        return "there is a file that is no socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return ""  # left behind by one that is gone; `banyan run` replaces it
        return "somebody answers there"


def _folder_problem(folder: Path) -> str:
    nearest = next(each for each in (folder, *folder.parents) if each.exists())
    if not nearest.is_dir():
        return f"{nearest} is a file, not a folder"
    if not os.access(nearest, os.R_OK | os.W_OK | os.X_OK):
        return f"{nearest} cannot be written by this user"
    return ""
