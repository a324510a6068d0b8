"""The sound of a recording as the analysis takes it: pieces of both channels, at most so much of it.

The contact's leg is what is recorded: the left channel is what the contact said, the right one what the contact heard, which is the
operator, later a manager, and music in between (`hearthline/callcontrol/recordings.py`).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from hearthline.calls.models import Recording
from hearthline.lib.errors import NotFoundError
from hearthline.quality.analysis.frames import RATE, Samples
from hearthline.quality.recordings import samples

LONGEST_S = 2 * 3600  # of a recording; what comes after it is not analysed


@contextmanager
def open_sound(recording: Recording, longest_s: int = LONGEST_S) -> Iterator[Iterator[tuple[Samples, Samples]]]:
    """Pieces of (contact, what the contact heard). Raises NotFoundError when the recording is deleted or its file is gone,
    UnavailableError when its storage does not answer; while reading, DamagedError."""
    if recording.deleted_at is not None:
        raise NotFoundError(samples.GONE)
    with samples.open_samples(recording) as pieces:
        yield as_numbers(pieces, longest_s)


def as_numbers(pieces: Iterator[samples.Piece], longest_s: int = LONGEST_S) -> Iterator[tuple[Samples, Samples]]:
    left = longest_s * RATE
    for contact, heard in pieces:
        if left <= 0:
            return
        yield _numbers(contact)[:left], _numbers(heard)[:left]
        left -= len(contact)


def _numbers(channel: array[int]) -> Samples:
    return np.frombuffer(channel, dtype=np.int16)
