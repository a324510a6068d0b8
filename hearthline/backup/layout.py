"""What a backup is made of: entries with their sums, the index that lists them, the manifest that vouches for the index.

manifest.json       version, time, kind of the database, migrations, rows per table, SHA-256 of the index
index.jsonl         one line an entry, in this order: [name, bytes, mtime in ns, SHA-256]
database.sqlite3    or database.dump (pg_dump's custom format)
secret.key          keeps people signed in
hearthline.env      the settings, for comparison
files/ recordings/ scenarios/  as they lie in the data folder
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, BinaryIO

FORMAT = 1
MANIFEST, INDEX = "manifest.json", "index.jsonl"
SQLITE_FILE, POSTGRESQL_FILE = "database.sqlite3", "database.dump"
SECRET, SETTINGS = "secret.key", "hearthline.env"
SINGLE_FILES = (SQLITE_FILE, POSTGRESQL_FILE, SECRET, SETTINGS)
FOLDERS = ("files", "recordings", "scenarios")
PIECE = 1 << 20  # bytes read at once
LONGEST_LINE = 20_000  # bytes of an index line: a path has at most 4096, each at most six characters in JSON
LARGEST_MANIFEST = 4_000_000


class BackupError(Exception):
    """Why it cannot be done, with what to do about it; for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file. `name` is relative, with slashes."""

    name: str
    size: int
    mtime_ns: int
    sha256: str

    def line(self) -> bytes:
        return json.dumps([self.name, self.size, self.mtime_ns, self.sha256]).encode() + b"\n"

    @property
    def key(self) -> tuple[int, list[str]]:
        """Growing along the index: single files first, then each folder in the order of `walk`."""
        parts = self.name.split("/")
        return (SINGLE_FILES.index(self.name) if len(parts) == 1 else len(SINGLE_FILES), parts)


@dataclass(slots=True)
class Database:
    kind: str  # Django's vendor: "sqlite", "postgresql"
    migrations: list[str] = field(default_factory=list)  # "calls.0002_initial", all that were applied
    rows: dict[str, int] = field(default_factory=dict)  # table → rows, of the same moment as the copy

    @property
    def file(self) -> str:
        return SQLITE_FILE if self.kind == "sqlite" else POSTGRESQL_FILE


@dataclass(slots=True)
class Manifest:
    version: str  # of Hearthline
    made_at: str
    database: Database
    files: int = 0
    size: int = 0  # bytes of all entries
    index_sha256: str = ""
    format: int = FORMAT

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), indent=1).encode() + b"\n"


def read_manifest(text: bytes) -> Manifest:
    """Raises BackupError."""
    try:
        raw: dict[str, Any] = json.loads(text)
        if raw["format"] != FORMAT:
            raise BackupError(
                f"This backup has form {raw['format']}; this version of Hearthline reads form {FORMAT}. "
                "Restore it with the version that made it, then upgrade."
            )
        return Manifest(**{**raw, "database": Database(**raw["database"])})
    except (ValueError, KeyError, TypeError) as error:
        raise BackupError(f"Its {MANIFEST} cannot be read, so it is no whole backup. Take another one.") from error


def read_index(file: IO[bytes]) -> Iterator[Entry]:
    """Raises BackupError."""
    while line := file.readline(LONGEST_LINE):
        try:
            name, size, mtime_ns, sha256 = json.loads(line)
            entry = Entry(str(name), int(size), int(mtime_ns), str(sha256))
        except (ValueError, TypeError) as error:
            raise BackupError(f"Its {INDEX} cannot be read, so it is no whole backup. Take another one.") from error
        check_name(entry.name)
        yield entry


def check_name(name: str) -> None:
    """Nothing is ever written beside the folders that a backup may fill. Raises BackupError."""
    parts = name.split("/")
    inside = parts[0] in FOLDERS and len(parts) > 1 and not any(p in ("", ".", "..") or "\0" in p for p in parts)
    if not inside and name not in SINGLE_FILES:
        raise BackupError(f"It contains {name!r}, which no backup of Hearthline has. Nothing was restored.")


def walk(folder: Path, name: str) -> Iterator[tuple[str, Path]]:
    """Every regular file below, in the order of the index; links are passed over. A folder that is not there is empty."""
    try:
        with os.scandir(folder) as found:
            inside = sorted(found, key=lambda one: one.name)
    except FileNotFoundError:
        return
    for one in inside:
        if one.is_dir(follow_symlinks=False):
            yield from walk(Path(one.path), f"{name}/{one.name}")
        elif one.is_file(follow_symlinks=False):
            yield f"{name}/{one.name}", Path(one.path)


def private_file(path: Path) -> BinaryIO:
    """A new file that only its owner may read, opened for writing."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def pieces(stream: IO[bytes], size: int, digest: Any) -> Iterator[bytes]:
    """Exactly `size` bytes, each piece added to the digest. Raises BackupError when there are fewer."""
    left = size
    while left:
        piece = stream.read(min(PIECE, left))
        if not piece:
            raise BackupError("A file became shorter while it was read. Try again.")
        digest.update(piece)
        left -= len(piece)
        yield piece


def sum_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
