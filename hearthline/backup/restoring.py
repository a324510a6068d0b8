"""Restoring: everything is unpacked beside the exchange's data and compared with the manifest before anything is changed;
what was there before is kept aside, never deleted.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO

from django.conf import settings
from django.db import connection

from hearthline.backup import databases
from hearthline.backup.layout import (
    FOLDERS,
    INDEX,
    LARGEST_MANIFEST,
    MANIFEST,
    SECRET,
    SETTINGS,
    SQLITE_FILE,
    BackupError,
    Entry,
    Manifest,
    check_name,
    pieces,
    private_file,
    read_index,
    read_manifest,
    sum_of,
)
from hearthline.backup.making import backups_in
from hearthline.calls.models import Node
from hearthline.ledger import check
from hearthline.lib import clock
from hearthline.supervisor.exchange import CannotRunError, check_folder

Member = tuple[str, int, int, IO[bytes]]  # name, size, mtime in ns, content
NODE_ALIVE = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Restored:
    manifest: Manifest
    former: str  # where what was there before is kept; empty: there was nothing
    books: check.Report


def verify_backup(source: Path) -> Manifest:
    """Read all of it and compare every sum; nothing is written but a list. Raises BackupError."""
    with tempfile.TemporaryDirectory(prefix="hearthline-verify-") as folder:
        return _unpack(source, Path(folder), keep=False)


def restore_backup(source: Path, *, force: bool, migrate: Callable[[], None]) -> Restored:
    """Put the configured exchange into the backup's state. Raises BackupError; the exchange is then as it was."""
    configuration = settings.HEARTHLINE
    data: Path = configuration.data
    with _stopped():
        occupied = databases.has_people() or any(_has_files(data / name) for name in FOLDERS)
        if occupied and not force:
            raise BackupError(
                f"There is an exchange in {data} already. To put the backup in its place (what is there now is kept aside): "
                "hearthline restore --force"
            )
        _check_places(data)
        stamp = f"{clock.now():%Y%m%dt%H%M%S%f}"
        staging = data / f"restoring-{stamp}"
        try:
            manifest = _unpack_beside(source, staging)
            former = _replace(manifest, staging, data, stamp, keep=occupied)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        migrate()
        return Restored(manifest, former, check.prove())


def _unpack_beside(source: Path, staging: Path) -> Manifest:
    try:
        staging.mkdir(mode=0o700)
        manifest = _unpack(source, staging, keep=True)
    except OSError as error:
        raise BackupError(f"{error.strerror}: {error.filename or staging}. The exchange is as it was.") from error
    _check_fit(manifest)
    return manifest


def _check_places(data: Path) -> None:
    """What is swapped by renaming must lie on one file system. Raises BackupError."""
    for name in FOLDERS:
        place = data / name
        if place.is_symlink() or place.is_mount():
            raise BackupError(
                f"{place} is a place of its own (a link or a mount), which cannot be swapped. Take it away, restore, then move "
                f"the restored {name} there."
            )


@contextmanager
def _stopped() -> Iterator[None]:
    """Nothing else works on this exchange. Raises BackupError."""
    try:
        lock = check_folder(settings.HEARTHLINE)
    except CannotRunError as error:
        raise BackupError(str(error).splitlines()[0] + "\nEnd it first.") from None
    with lock:
        if others := databases.others_connected():
            raise BackupError(
                f"{others} other connections work on the database. End web, callcontrol and worker on every host first."
            )
        if holder := _who_has(databases.sqlite_path() if connection.vendor == "sqlite" else None):
            raise BackupError(f"Process {holder} works on the database. End web, callcontrol and worker first.")
        if databases.has_people() and (node := _living_node()):
            raise BackupError(f"The node {node} has told of itself a moment ago. End its call control first.")
        connection.close()
        yield


def _living_node() -> str:
    fresh = Node.objects.filter(heartbeat_at__gt=clock.now() - NODE_ALIVE).values_list("name", flat=True)
    return fresh.first() or ""


def _who_has(path: Path | None) -> int:
    """Another process that has the file open; 0: none that we may know of. (Linux; elsewhere nobody is asked.)"""
    if path is None or not path.exists():
        return 0
    wanted = {path.resolve(), path.resolve().with_name(path.name + "-wal")}
    for folder in Path("/proc").glob("[0-9]*/fd"):
        if int(folder.parent.name) == os.getpid():
            continue
        try:
            if any(Path(os.readlink(one)) in wanted for one in folder.iterdir()):
                return int(folder.parent.name)
        except OSError:  # another user's, or it has ended
            continue
    return 0


def _has_files(folder: Path) -> bool:
    return folder.is_dir() and any(files for _, _, files in os.walk(folder))


def _check_fit(manifest: Manifest) -> None:
    if manifest.database.kind != connection.vendor:
        raise BackupError(
            f"This is a backup of {manifest.database.kind}, and this exchange is set to {connection.vendor}. "
            "Set HEARTHLINE_DATABASE_URL to a database of that kind."
        )
    if unknown := databases.unknown_migrations(manifest.database):
        raise BackupError(
            f"It was made by a newer version of Hearthline ({manifest.version}; this one does not know {unknown[0]}). "
            "Install that version, then restore."
        )


# --- reading ----------------------------------------------------------------------------------------------------------


def _unpack(source: Path, work: Path, *, keep: bool) -> Manifest:
    """Read every entry, compare it with the index and the index with the manifest; `keep`: lay them down in `work`."""
    found_path, told_path = work / "found.jsonl", work / "told.jsonl"
    try:
        manifest = _lay_all_down(source, work, found_path, told_path, keep=keep)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise BackupError(f"{source} is no whole backup: {error}. Take another one.") from error
    if manifest is None or not told_path.exists() or sum_of(told_path) != manifest.index_sha256:
        raise BackupError(f"{source} is no whole backup: its index is not what its manifest vouches for. Take another.")
    with found_path.open("rb") as found, told_path.open("rb") as told:
        _compare(read_index(told), read_index(found))
    if keep and manifest.database.kind == "sqlite":
        databases.check_sqlite(work / SQLITE_FILE, manifest.database)
    return manifest


def _lay_all_down(source: Path, work: Path, found_path: Path, told_path: Path, *, keep: bool) -> Manifest | None:
    manifest: Manifest | None = None
    with found_path.open("xb") as found:
        for name, size, mtime_ns, content in _members(source):
            if name == MANIFEST:
                manifest = read_manifest(content.read(LARGEST_MANIFEST))
            elif name == INDEX:
                with told_path.open("xb") as told:
                    shutil.copyfileobj(content, told)
            else:
                check_name(name)
                digest = hashlib.sha256()
                _lay_down(work / name if keep else None, pieces(content, size, digest), mtime_ns)
                found.write(Entry(name, size, mtime_ns, digest.hexdigest()).line())
    return manifest


def _compare(told: Iterator[Entry], found: Iterator[Entry]) -> None:
    for expected in told:
        entry = next(found, None)
        if entry is None or entry.name != expected.name:
            raise BackupError(f"{expected.name} is missing in it. Take another backup. Nothing was restored.")
        if (entry.size, entry.sha256) != (expected.size, expected.sha256):
            raise BackupError(f"{expected.name} is damaged in it. Take another backup. Nothing was restored.")
    if extra := next(found, None):
        raise BackupError(f"{extra.name} is in it but not in its index. Take another backup. Nothing was restored.")


def _lay_down(target: Path | None, content: Iterator[bytes], mtime_ns: int) -> None:
    if target is None:
        for _ in content:
            continue
        return
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with private_file(target) as file:
        for piece in content:
            file.write(piece)
    os.utime(target, ns=(mtime_ns, mtime_ns))


def _members(source: Path) -> Iterator[Member]:
    """Entries in the order of the index, and the two files that vouch for them. Raises BackupError."""
    if source.is_dir():
        yield from _in_folder(_newest(source))
    elif source.is_file():
        yield from _in_tar(source)
    else:
        raise BackupError(f"There is no backup at {source}.")


def _newest(folder: Path) -> Path:
    """A backup itself, or the newest of a folder of them."""
    if (folder / MANIFEST).is_file():
        return folder
    whole = backups_in(folder)
    if not whole:
        raise BackupError(f"There is no whole backup in {folder}.")
    return whole[-1]


def _in_folder(folder: Path) -> Iterator[Member]:
    for name in (MANIFEST, INDEX):
        with _opened(folder / name) as content:
            yield name, 0, 0, content
    with (folder / INDEX).open("rb") as index:
        for entry in read_index(index):
            with _opened(folder / entry.name) as content:
                yield entry.name, os.fstat(content.fileno()).st_size, entry.mtime_ns, content


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise BackupError(f"{path.name} is missing in it. Take another backup. Nothing was restored.") from None
    with file:
        yield file


def _in_tar(path: Path) -> Iterator[Member]:
    with tarfile.open(path, mode="r|*") as tar:
        for about in tar:
            content = tar.extractfile(about) if about.isreg() else None
            if content is None:
                raise BackupError(f"It contains {about.name!r}, which no backup of Hearthline has.")
            yield about.name, about.size, int(about.mtime) * 1_000_000_000, content


# --- replacing --------------------------------------------------------------------------------------------------------


def _replace(manifest: Manifest, staging: Path, data: Path, stamp: str, *, keep: bool) -> str:
    """From here on things change: the database first, then renames, which do not fail half-way on one file system. Returns
    where the former exchange lies; empty when it was none (`keep` is false)."""
    aside = data / f"before-restore-{stamp}"
    try:
        former = ""
        if manifest.database.kind == "postgresql":
            with databases.postgresql_replaced(staging / manifest.database.file, manifest.database, stamp) as former:
                _swap_files(staging, data, aside)
        else:
            connection.close()
            _swap_sqlite(staging, aside)
            _swap_files(staging, data, aside)
    except OSError as error:
        raise BackupError(f"Stopped half-way ({error.strerror}). What was there before lies in {aside}.") from error
    if keep:
        return " and ".join([*([f"the schema {former}"] if former else []), *([str(aside)] if aside.exists() else [])])
    if former:
        databases.forget_former(former)
    shutil.rmtree(aside, ignore_errors=True)
    return ""


def _swap_sqlite(staging: Path, aside: Path) -> None:
    current = databases.sqlite_path()
    if current.exists():
        aside.mkdir(mode=0o700)
        for name in (current.name, f"{current.name}-wal", f"{current.name}-shm"):
            if (current.parent / name).exists():
                (current.parent / name).rename(aside / name)
    (staging / SQLITE_FILE).rename(current)


def _swap_files(staging: Path, data: Path, aside: Path) -> None:
    for name in (*FOLDERS, SECRET):
        current, new = data / name, staging / name
        if name == SECRET and not new.exists():
            continue  # it was in the settings there: whoever restores has it in the settings here
        if current.exists():
            aside.mkdir(mode=0o700, exist_ok=True)
            current.rename(aside / name)
        if new.exists():
            new.rename(current)
    if (staging / SETTINGS).exists():
        (staging / SETTINGS).rename(data / f"{SETTINGS}.restored")
    for left in data.glob("bus.sqlite3*"):
        left.unlink()  # events of another time; pages read their state anew
