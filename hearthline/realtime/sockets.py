"""Unix sockets in the run folder: short enough names, private to the owner, cleaned up after the dead."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

LONGEST_PATH = 100  # sun_path holds 104 (BSD) to 108 (Linux) bytes with its zero
LONGEST_NAME = 48


def private_folder(path: Path) -> Path:
    """The folder, made for the owner alone."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def address(folder: Path, name: str) -> str:
    """Where the socket `name` of this folder is.

    A folder too deep for `sun_path` is replaced by one in the temporary folder, the same for every process of this
    installation and user. The longest name decides, not this one: whoever looks for sockets must find all in one place.
    """
    if len(os.fsencode(folder)) + 1 + LONGEST_NAME <= LONGEST_PATH:
        return str(folder / name)
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    short = private_folder(Path("/tmp") / f"hearthline-{os.getuid()}-{digest}")  # noqa: S108 (0700, checked below)
    status = short.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise PermissionError(f"{short} is not private to this user; remove it")
    return str(short / name)


def socket_name(kind: str, name: str) -> str:
    """A file name for a queue or a reader: readable, and unique by a digest."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", name)[:24]
    return f"{kind}-{readable}-{hashlib.sha256(name.encode()).hexdigest()[:8]}.sock"
