"""Both channels of a recording, whatever form it has and wherever it lies: `open_samples(recording)`."""

from __future__ import annotations

import sys
import tempfile
import wave
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from django.utils.translation import gettext_lazy as _

from hearthline.calls.models import Recording, RecordingPlace
from hearthline.lib.errors import NotFoundError, UnavailableError
from hearthline.quality.recordings.object_storage import MissingObjectError, StorageError, key_of, required_bucket
from hearthline.quality.recordings.ogg import DamagedError
from hearthline.quality.recordings.opus_file import RATE, Piece, read_opus
from hearthline.quality.recordings.places import WAV, local_file

_HEADER_BYTES = 44
SPOOLED = 4_000_000  # bytes fetched from a bucket that stay in memory; more goes to a temporary file
GONE = _("The file of this recording is gone. It may have been removed after its time.")
AWAY = _("The storage of the recordings does not answer. Try again in a minute.")
PIECE = RATE  # samples of each channel: a second

__all__ = ["RATE", "DamagedError", "Piece", "open_samples", "read_wav"]


@contextmanager
def open_samples(recording: Recording) -> Iterator[Iterator[Piece]]:
    """Pieces of both channels from the beginning, 16-bit at 8 kHz, at most about a second each, so that memory does not grow
    with the length of the call:

        with open_samples(recording) as pieces:
            for contact, heard in pieces:   # array("h"), equally long

    `contact` is what the contact said (the left channel), `heard` what they heard: the operator, later a manager, or music.
    A stretch that was silenced (`recording.pauses`) is silent on both sides. Raises NotFoundError when the file is gone,
    UnavailableError when the bucket does not answer; while reading, DamagedError when it is not what was written.
    """
    path = local_file(recording)
    if path is not None:
        with path.open("rb") as file:
            yield read_wav(file) if path.suffix == WAV else read_opus(file)
    elif recording.place == RecordingPlace.BUCKET:
        with tempfile.SpooledTemporaryFile(SPOOLED) as fetched:
            _fetch(recording, cast(BinaryIO, fetched))
            yield read_opus(cast(BinaryIO, fetched))
    else:
        raise NotFoundError(GONE)


def _fetch(recording: Recording, file: BinaryIO) -> None:
    """Bring it here from the bucket. Raises NotFoundError, UnavailableError."""
    try:
        with required_bucket().open(key_of(recording.path)) as pieces:
            for piece in pieces:
                file.write(piece)
    except MissingObjectError as error:
        raise NotFoundError(GONE) from error
    except StorageError as error:
        raise UnavailableError(AWAY) from error
    file.seek(0)


def read_wav(file: BinaryIO) -> Iterator[Piece]:
    """Pieces of a stereo 16-bit WAV at 8 kHz, as switches write it. What a crash left counts up to its last whole sample.
    DamagedError for another kind of file."""
    try:
        with wave.open(file) as sound:
            if (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) != (2, 2, RATE):
                raise DamagedError("a recording is 16-bit stereo at 8000 Hz")
            unfinished = sound.getnframes() == 0
            if unfinished:  # the header was never completed: everything behind it is audio
                file.seek(_HEADER_BYTES)
            while data := file.read(4 * PIECE) if unfinished else sound.readframes(PIECE):
                both = array("h", data[: len(data) // 4 * 4])
                if sys.byteorder == "big":
                    both.byteswap()
                if both:
                    yield Piece(both[0::2], both[1::2])
    except (EOFError, wave.Error) as error:
        raise DamagedError(f"not a WAV file: {error}") from error
