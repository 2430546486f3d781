"""What the machine has to give: a lock on a folder, a listening socket, open files. Each refusal is one
sentence.

It must not know what any of them is for.
"""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import socket
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway.config import Address

__all__ = [
    "REPLACED",
    "StartError",
    "bind",
    "bind_door",
    "bound_address",
    "lock_state_folder",
    "open_many_files",
    "remove_socket",
]

_BACKLOG: Final = 4096
REPLACED: Final = signal.SIGUSR1
"""Tells a worker that another one serves already: it may take its time to leave."""


class StartError(Exception):
    """Why the gateway cannot start; one sentence, nothing was started."""


def lock_state_folder(folder: Path) -> int:
    """Take the folder for this process → a file descriptor to keep open. `StartError` when another has it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
    except (FileExistsError, NotADirectoryError) as error:
        raise StartError(
            f"The state folder {folder} cannot be made: it, or what it would lie in, is a file. "
            "Name another one in state.dir, or move the file away."
        ) from error
    except OSError as error:
        raise StartError(f"The state folder {folder} cannot be used: {error.strerror}.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with suppress(OSError):  # a full disk: the lock holds without its holder's number
            os.pwrite(lock, b"%-15d\n" % os.getpid(), 0)
    except BlockingIOError:
        other = os.pread(lock, 32, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(lock)
        raise StartError(
            f"Another gateway (process {other}) uses the state folder {folder}. "
            "Stop that one first, or give this one a folder of its own in state.dir."
        ) from None
    except OSError as error:
        os.close(lock)
        raise StartError(f"The state folder {folder} cannot be used: {error.strerror}.") from error
    return lock


def bind(address: Address, key: str) -> socket.socket:
    """A listening socket, non-blocking. `key` is the configuration key to name when the address cannot be
    had.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address.host, address.port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise StartError(f"The address {address} ({key}) cannot be listened on: {reason}.") from error
    return listener


def bind_door(address: Address, key: str, mode: int) -> socket.socket:
    """The same for an address that may be a Unix socket, which gets the rights `mode`. A socket file that
    nobody answers at was left behind and is replaced.
    """
    if not address.path:
        return bind(address, key)
    path = Path(address.path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o777)  # until it has its rights nobody else can connect
    try:
        _remove_stale(path)
        listener.bind(address.path)
        path.chmod(mode)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise StartError(f"The socket {path} ({key}) cannot be listened on: {reason}.") from error
    finally:
        os.umask(mask)
    return listener


def _remove_stale(path: Path) -> None:
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise OSError("there is a file that is no socket")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        else:
            raise OSError("somebody answers there")


def remove_socket(address: Address, made: int) -> None:
    """Take a Unix socket's file away when it still is the one that was made, by its inode."""
    with suppress(OSError):
        if address.path and Path(address.path).lstat().st_ino == made:
            Path(address.path).unlink()


def bound_address(listener: socket.socket, asked: Address) -> Address:
    """The address asked for, with the port that the system chose where it was 0."""
    if asked.path:
        return asked
    return Address(asked.host, listener.getsockname()[1])


def open_many_files() -> None:
    """Allow this process and its children as many open files as the system lets them: each client is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
