"""Making a backup while the exchange runs: the database first, then the files, which can only have become more since.

In a folder of backups each is a folder of its own, and a file that has not changed since the one before is a hard link to
it. A target that ends in .tar or .tar.gz is one file with everything.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from django.conf import settings

from hearthline import VERSION
from hearthline.backup import databases
from hearthline.backup.layout import (
    FOLDERS,
    INDEX,
    MANIFEST,
    SECRET,
    SETTINGS,
    BackupError,
    Entry,
    Manifest,
    pieces,
    private_file,
    read_index,
    sum_of,
    walk,
)
from hearthline.lib import clock

UNFINISHED = ".unfinished-"


@dataclass(frozen=True, slots=True)
class Made:
    """`files` and `size` are all of the backup's; `linked` of the files were there from the one before."""

    path: Path
    files: int
    size: int
    linked: int
    database: str
    removed: int  # older backups


class Writer(Protocol):
    """Where entries go."""

    linked: int

    def put(self, name: str, source: Path) -> Entry:
        """Copy one file. FileNotFoundError when it has gone meanwhile."""
        ...

    def put_last(self, name: str, source: Path) -> None: ...


def make_backup(target: Path, *, keep: int = 0) -> Made:
    """Back up the configured exchange; `keep` newest backups stay in a folder of them (0: all). Raises BackupError."""
    single = target.name.endswith((".tar", ".tar.gz"))
    try:
        return _into_file(target) if single else _into_folder(target, keep)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise BackupError(f"{target} is full. Nothing half-made was left; make room and try again.") from error
        raise BackupError(f"{error.strerror}: {error.filename or target}") from error


# --- a folder of backups ----------------------------------------------------------------------------------------------


def backups_in(folder: Path) -> list[Path]:
    """The whole ones, oldest first."""
    return sorted(path.parent for path in folder.glob(f"*/{MANIFEST}") if not path.parent.name.startswith("."))


def _into_folder(folder: Path, keep: int) -> Made:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _alone_in(folder):
        for left in folder.glob(f"{UNFINISHED}*"):
            shutil.rmtree(left)
        before = backups_in(folder)
        name = f"{clock.now():%Y-%m-%dT%H%M%SZ}"
        if (folder / name).exists():
            raise BackupError("There is a backup of this very second already. Try again.")
        unfinished = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=folder))  # mode 0700
        try:
            with _FolderWriter(unfinished, before[-1] if before else None) as writer:
                manifest = _write_all(writer, unfinished)
            os.sync()
            unfinished.rename(folder / name)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        old = backups_in(folder)[:-keep] if keep else []
        for path in old:
            shutil.rmtree(path)
    return Made(folder / name, manifest.files, manifest.size, writer.linked, manifest.database.kind, len(old))


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError(f"Another backup into {folder} is being made. Wait for it.") from None
        yield


class _FolderWriter:
    """Files of the backup before are linked to when name, size and time of change are the same. Its index is read along with
    what is written, both in one order, so that memory does not grow with the number of files."""

    def __init__(self, folder: Path, former: Path | None) -> None:
        self.linked = 0
        self._folder = folder
        self._former = former
        self._may_link = True
        self._index = (former / INDEX).open("rb") if former else io.BytesIO()
        self._known = read_index(self._index)
        self._next = next(self._known, None)

    def __enter__(self) -> _FolderWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._index.close()

    def put(self, name: str, source: Path) -> Entry:
        target = self._folder / name
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with source.open("rb") as opened:
            status = os.fstat(opened.fileno())
            wanted = Entry(name, status.st_size, status.st_mtime_ns, "")
            former = self._of_before(wanted) if source != target else None
            if former is not None and self._link(former, target):
                return former
            digest = hashlib.sha256()
            if source != target:
                with private_file(target) as copy:
                    for piece in pieces(opened, status.st_size, digest):
                        copy.write(piece)
                os.utime(target, ns=(status.st_mtime_ns, status.st_mtime_ns))
            else:
                for _ in pieces(opened, status.st_size, digest):
                    continue
        return Entry(name, status.st_size, status.st_mtime_ns, digest.hexdigest())

    def put_last(self, name: str, source: Path) -> None:
        if source != self._folder / name:
            shutil.copyfile(source, self._folder / name)

    def _of_before(self, wanted: Entry) -> Entry | None:
        while self._next is not None and self._next.key < wanted.key:
            self._next = next(self._known, None)
        found = self._next
        same = found is not None and (found.name, found.size, found.mtime_ns) == (
            wanted.name, wanted.size, wanted.mtime_ns,
        )  # fmt: skip
        return found if same else None

    def _link(self, entry: Entry, target: Path) -> bool:
        if not self._may_link or self._former is None:
            return False
        try:
            os.link(self._former / entry.name, target)
        except FileNotFoundError:  # somebody thinned the backup before
            return False
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EXDEV, errno.EMLINK):
                raise
            self._may_link = error.errno == errno.EMLINK  # a file system without links: copy everything
            return False
        self.linked += 1
        return True


# --- one file -------------------------------------------------------------------------------------------------------


def _into_file(target: Path) -> Made:
    if target.exists():
        raise BackupError(f"{target} exists already. Name another file, or remove that one.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=target.parent) as folder:
        work = Path(folder)
        unfinished = work / target.name
        zipped = target.name.endswith(".gz")
        with (
            private_file(unfinished) as raw,
            tarfile.open(fileobj=raw, mode="w|gz" if zipped else "w|", format=tarfile.PAX_FORMAT) as tar,
        ):
            writer = _TarWriter(tar)
            manifest = _write_all(writer, work)
        os.sync()
        unfinished.rename(target)
    return Made(target, manifest.files, manifest.size, 0, manifest.database.kind, 0)


class _TarWriter:
    def __init__(self, tar: tarfile.TarFile) -> None:
        self.linked = 0
        self._tar = tar

    def put(self, name: str, source: Path) -> Entry:
        with source.open("rb") as opened:
            status = os.fstat(opened.fileno())
            digest = hashlib.sha256()
            self._add(name, status, _Summed(pieces(opened, status.st_size, digest)))
        return Entry(name, status.st_size, status.st_mtime_ns, digest.hexdigest())

    def put_last(self, name: str, source: Path) -> None:
        with source.open("rb") as opened:
            self._add(name, os.fstat(opened.fileno()), opened)

    def _add(self, name: str, status: os.stat_result, content: io.BufferedIOBase | io.RawIOBase) -> None:
        about = tarfile.TarInfo(name)
        about.size, about.mtime, about.mode = status.st_size, int(status.st_mtime), 0o600
        self._tar.addfile(about, content)


class _Summed(io.RawIOBase):
    """A stream of pieces, for tarfile, which asks for as many bytes as it likes."""

    def __init__(self, source: Iterator[bytes]) -> None:
        self._source = source
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        while len(self._rest) < size and (piece := next(self._source, b"")):
            self._rest += piece
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken


# --- what goes in ---------------------------------------------------------------------------------------------------


def _write_all(writer: Writer, work: Path) -> Manifest:
    configuration = settings.HEARTHLINE
    copy = work / "database.copy"
    database = databases.dump(copy)
    copy.rename(work / database.file)
    manifest = Manifest(VERSION, clock.now().isoformat(timespec="seconds"), database)
    singles = [(SECRET, configuration.data / SECRET), (SETTINGS, configuration.data / SETTINGS)]
    places = {
        "files": configuration.data / "files",
        "recordings": configuration.recordings_folder,
        "scenarios": configuration.data / "scenarios",
    }
    index = work / INDEX
    with private_file(index) as lines:
        for name, source in _sources(work / database.file, database.file, singles, places):
            with contextlib.suppress(FileNotFoundError):  # it was deleted since it was listed
                entry = writer.put(name, source)
                lines.write(entry.line())
                manifest.files += 1
                manifest.size += entry.size
    manifest.index_sha256 = sum_of(index)
    writer.put_last(INDEX, index)
    (work / MANIFEST).write_bytes(manifest.to_json())
    writer.put_last(MANIFEST, work / MANIFEST)
    return manifest


def _sources(
    database: Path, database_name: str, singles: list[tuple[str, Path]], places: dict[str, Path]
) -> Iterator[tuple[str, Path]]:
    yield database_name, database
    yield from singles
    for name in FOLDERS:
        yield from walk(places[name], name)
