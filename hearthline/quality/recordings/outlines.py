"""The outline of a recording: what a player draws before it has any audio. Made once, while the samples pass by."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Iterable, Iterator

from hearthline.quality.recordings.opus_file import RATE, Piece

POINTS = 600  # at most, of each channel
_STEP = RATE // 50  # the finest that is kept while the length is not known: 20 ms


class Outliner:
    """Let the pieces run through `watch`, then ask for `outline`."""

    def __init__(self) -> None:
        self.samples = 0  # of each channel
        self.power = [0.0, 0.0]  # sum of squares of each channel
        self._peaks: list[list[int]] = [[], []]
        self._rest = (array("h"), array("h"))

    def watch(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        for piece in pieces:
            self.samples += len(piece.contact)
            for channel, samples in enumerate(piece):
                self.power[channel] += sum(s * s for s in samples[::4]) * 4  # every fourth: it is compared roughly
                rest = self._rest[channel]
                rest.extend(samples)
                whole = len(rest) // _STEP * _STEP
                self._peaks[channel] += [_peak(rest[at : at + _STEP]) for at in range(0, whole, _STEP)]
                del rest[:whole]
            yield piece

    def outline(self) -> list[list[int]]:
        """Peaks of both channels from 0 to 100, equally many, at most POINTS."""
        peaks = [
            [*channel, *([_peak(rest)] if rest else [])] for channel, rest in zip(self._peaks, self._rest, strict=True)
        ]
        return [_thinned(channel) for channel in peaks]

    def level(self, channel: int) -> float:
        """Root mean square of a channel, of 32768."""
        return float((self.power[channel] / max(1, self.samples)) ** 0.5)


def _peak(samples: array[int]) -> int:
    return round(100 * min(32767, max(max(samples), -min(samples))) / 32767)


def _thinned(peaks: list[int]) -> list[int]:
    """Every point the highest of an equal share, so that nothing loud is lost."""
    if len(peaks) <= POINTS:
        return peaks
    edges = [n * len(peaks) // POINTS for n in range(POINTS + 1)]
    return [max(peaks[begin:end]) for begin, end in itertools.pairwise(edges)]
