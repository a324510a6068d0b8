"""The sound of a recording as the analysis takes it: pieces of both channels, at most so much of it.

The contact's leg is what is recorded: the left channel is what the contact said, the right one what the contact heard, which is the
operator, later a manager, and music in between (`hearthline/callcontrol/recordings.py`).
"""

from __future__ import annotations

import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from hearthline.calls.models import Recording
from hearthline.lib.errors import NotFoundError
from hearthline.quality.analysis.frames import RATE, Samples

LONGEST_S = 4 * 3600  # of a recording; what comes after it is not analysed
PIECE = 10 * RATE  # samples of each channel
_HEADER_BYTES = 44


class DamagedError(Exception):
    """The file is not what a switch writes; the text says why."""


@contextmanager
def open_samples(recording: Recording) -> Iterator[Iterator[tuple[Samples, Samples]]]:
    """Pieces of (contact, what the contact heard). Raises NotFoundError when the file is gone; while reading, DamagedError."""
    folder: Path = settings.HEARTHLINE.recordings_folder.resolve()
    path = (folder / recording.path).resolve()
    if not path.is_relative_to(folder) or not path.is_file():
        raise NotFoundError(_("The file of this recording is gone. It may have been removed after its time."))
    yield bounded(read_wav(path))


def read_wav(path: Path) -> Iterator[tuple[Samples, Samples]]:
    """Of a stereo 16-bit WAV at 8 kHz; one whose header a crash left unfinished is read to its end."""
    try:
        with path.open("rb") as raw, wave.open(raw) as sound:
            if (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) != (2, 2, RATE):
                raise DamagedError("a recording is 16-bit stereo at 8000 Hz")
            unfinished = sound.getnframes() == 0
            if unfinished:
                raw.seek(_HEADER_BYTES)
            while data := raw.read(4 * PIECE) if unfinished else sound.readframes(PIECE):
                both = np.frombuffer(data[: len(data) // 4 * 4], dtype="<i2").astype(np.int16).reshape(-1, 2)
                yield both[:, 0].copy(), both[:, 1].copy()
    except (EOFError, wave.Error) as error:
        raise DamagedError(f"not a WAV file: {error}") from error


def bounded(pieces: Iterator[tuple[Samples, Samples]]) -> Iterator[tuple[Samples, Samples]]:
    left = LONGEST_S * RATE
    for contact, heard in pieces:
        if left <= 0:
            return
        yield contact[:left], heard[:left]
        left -= len(contact)
