"""A recording's bytes for a listener: from the folder or the bucket, whole or a range of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from hearthline.calls.models import Recording, RecordingPlace
from hearthline.lib.errors import NotFoundError, UnavailableError
from hearthline.quality.recordings.keeping import CONTENT_TYPES
from hearthline.quality.recordings.object_storage import MissingObjectError, StorageError, key_of, required_bucket
from hearthline.quality.recordings.outlines import Outliner
from hearthline.quality.recordings.places import OPUS, local_file
from hearthline.quality.recordings.samples import AWAY, GONE, open_samples

PIECE = 64 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Content:
    """What can be served of a recording now. `suffix` is ".wav" or ".opus"."""

    size: int
    suffix: str
    etag: str
    path: Path | None  # None: it lies in the bucket
    key: str = ""

    @property
    def content_type(self) -> str:
        return CONTENT_TYPES[self.suffix]

    @contextmanager
    def open(self, first: int, last: int) -> Iterator[Iterator[bytes]]:
        """Pieces of the bytes `first` to `last`, both included. NotFoundError, UnavailableError."""
        if self.path is not None:
            try:
                file = self.path.open("rb")
            except FileNotFoundError as error:  # packed or deleted in this very moment
                raise NotFoundError(GONE) from error
            with file:
                file.seek(first)
                yield _pieces_of(file, last - first + 1)
            return
        try:
            with required_bucket().open(self.key, first, last) as pieces:
                yield pieces
        except MissingObjectError as error:
            raise NotFoundError(GONE) from error
        except StorageError as error:
            raise UnavailableError(AWAY) from error


def content_of(recording: Recording) -> Content:
    """Raises NotFoundError when no copy is left here, or it was deleted. Whether the bucket has it is seen when it is opened."""
    if recording.deleted_at is not None:
        raise NotFoundError(GONE)
    path = local_file(recording)
    if path is not None:
        size, suffix = path.stat().st_size, path.suffix
        return Content(size, suffix, _etag(recording, suffix, size), path)
    if recording.place != RecordingPlace.BUCKET:
        raise NotFoundError(GONE)
    return Content(recording.size, OPUS, _etag(recording, OPUS, recording.size), None, key_of(recording.path))


def outline_of(recording: Recording) -> list[list[float]]:
    """Peaks of what the contact said and heard, 0 to 1. Kept with a packed recording, else worked out now.
    Raises NotFoundError, UnavailableError, DamagedError."""
    if recording.outline is None:
        outliner = Outliner()
        with open_samples(recording) as pieces:
            for _piece in outliner.watch(pieces):
                continue
        peaks = outliner.outline()
    else:
        peaks = recording.outline
    return [[peak / 100 for peak in channel] or [0.0] for channel in peaks]


def _etag(recording: Recording, suffix: str, size: int) -> str:
    return f'"{recording.pk.hex}-{suffix[1:]}-{size:x}"'


def _pieces_of(file: BinaryIO, length: int) -> Iterator[bytes]:
    while length > 0:
        piece = file.read(min(PIECE, length))
        if not piece:
            return  # shorter than it was a moment ago: the connection ends early and the browser notices
        length -= len(piece)
        yield piece
