"""A recording announcement that an owner uploads: any usual WAV, turned into what telephones play."""

from __future__ import annotations

import io
import sys
import wave
from array import array
from itertools import accumulate, pairwise
from typing import IO

from django.utils.translation import gettext_lazy as _

from hearthline.lib.errors import InvalidInputError

RATE = 8000  # Hz, of the result: 16-bit mono
LONGEST_S = 60
MAX_BYTES = 25_000_000  # of the upload: a minute of stereo at 96 kHz
_RATES = range(RATE, 96_001)


def telephone_sound(file: IO[bytes]) -> bytes:
    """A WAV file of 16-bit PCM, mono or stereo, as one that switches play. Raises InvalidInputError with what to do."""
    try:
        with wave.open(file) as sound:
            channels, width, rate = sound.getnchannels(), sound.getsampwidth(), sound.getframerate()
            if width != 2 or channels not in (1, 2) or rate not in _RATES:
                raise _refused()
            if sound.getnframes() > LONGEST_S * rate:
                raise InvalidInputError(_("An announcement lasts a minute at most. Shorten it."))
            samples = array("h", sound.readframes(LONGEST_S * rate)[: sound.getnframes() * 2 * channels])
    except (wave.Error, EOFError, ValueError) as error:
        raise _refused() from error
    if sys.byteorder == "big":
        samples.byteswap()
    if channels == 2:
        samples = array("h", ((a + b) // 2 for a, b in zip(samples[0::2], samples[1::2], strict=False)))
    if len(samples) < rate // 2:
        raise InvalidInputError(_("This file is shorter than half a second. Choose the announcement."))
    result = io.BytesIO()
    with wave.open(result, "wb") as written:
        written.setparams((1, 2, RATE, 0, "NONE", ""))
        written.writeframes(_slowed(samples, rate).tobytes())
    return result.getvalue()


def _slowed(samples: array[int], rate: int) -> array[int]:
    """At 8 kHz: each sample is the mean of those that it stands for, which also takes away what would be heard as false tones."""
    if rate == RATE:
        return samples
    sums = [0, *accumulate(samples)]
    edges = [n * rate // RATE for n in range(len(samples) * RATE // rate + 1)]
    return array("h", ((sums[end] - sums[begin]) // (end - begin) for begin, end in pairwise(edges)))


def _refused() -> InvalidInputError:
    return InvalidInputError(
        _("Save the announcement as a WAV file of 16 bits (PCM), mono or stereo, and choose that.")
    )
