"""Sounds that the engine plays: WAV files it is given, and hold music of its own making."""

from __future__ import annotations

import array
import functools
import math
import os
import wave
from collections import OrderedDict

from hearthline.switch.embedded.pcm import FRAME_BYTES, RATE, add, mul

MAX_SOUND_BYTES = 10 << 20  # of one file: about eleven minutes
_CACHE_BYTES = 32 << 20


class SoundError(Exception):
    """A sound that cannot be played; the sentence says why."""


def load_sound(path: str) -> bytes:
    """Linear audio of a WAV file (16-bit mono 8 kHz), padded to whole frames. SoundError when it is something else.
    Reads the disk: not for the event loop's thread."""
    try:
        if os.path.getsize(path) > MAX_SOUND_BYTES + 4096:
            raise SoundError(f"The sound is longer than {MAX_SOUND_BYTES // (2 * RATE) // 60} minutes.")
        with wave.open(path, "rb") as file:
            shape = (file.getnchannels(), file.getsampwidth(), file.getframerate())
            if shape != (1, 2, RATE):
                raise SoundError("A sound must be a 16-bit mono WAV file at 8000 Hz.")
            audio = file.readframes(MAX_SOUND_BYTES // 2)
    except (OSError, EOFError, wave.Error) as error:
        raise SoundError(f"The sound cannot be read as a WAV file ({type(error).__name__}).") from error
    if not audio:
        raise SoundError("The sound has no audio in it.")
    return audio + bytes(-len(audio) % FRAME_BYTES)


class SoundCache:
    """The sounds used last, by path and time of change; bounded by their size."""

    def __init__(self) -> None:
        self._sounds: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._size = 0

    def get(self, path: str) -> bytes:
        """SoundError as for `load_sound`. Reads the disk."""
        try:
            key = (path, os.stat(path).st_mtime_ns)
        except OSError as error:
            raise SoundError("There is no such sound file.") from error
        if key in self._sounds:
            self._sounds.move_to_end(key)
            return self._sounds[key]
        audio = load_sound(path)
        self._sounds[key] = audio
        self._size += len(audio)
        while self._size > _CACHE_BYTES and len(self._sounds) > 1:
            _, dropped = self._sounds.popitem(last=False)
            self._size -= len(dropped)
        return audio


class Playback:
    """A sound on its way to one leg."""

    __slots__ = ("_at", "_audio", "loop", "name")

    def __init__(self, name: str, audio: bytes, *, loop: bool) -> None:
        self.name = name
        self.loop = loop
        self._audio = audio
        self._at = 0

    def frame(self) -> bytes | None:
        """The next frame; None when the sound is over."""
        at = self._at
        if at >= len(self._audio):
            if not self.loop:
                return None
            at = 0
        self._at = at + FRAME_BYTES
        return self._audio[at : at + FRAME_BYTES]


# --- hold music -----------------------------------------------------------------------------------------------------

# Sixteen bars of broken chords, two seconds each (C - Am - F - G with their sevenths, played twice with another order
# of notes), in soft plucked tones between 196 and 880 Hz: they pass a telephone well and tire nobody.
_CHORDS = (
    ("C4", "E4", "G4", "B4"),
    ("A3", "C4", "E4", "G4"),
    ("F4", "A4", "C5", "E5"),
    ("G3", "B3", "D4", "F4"),
    ("C4", "E4", "G4", "C5"),
    ("E4", "G4", "B4", "D5"),
    ("F4", "A4", "C5", "A4"),
    ("G3", "D4", "G4", "B4"),
)
_PATTERNS = ((0, 1, 2, 3, 2, 1, 2, 3), (0, 2, 1, 3, 2, 3, 1, 2))
_NOTE_S = 0.25
_RING_S = 1.6
_PEAK = 5000  # of one note; four sound at once
_STEPS = {"C": -9, "D": -7, "E": -5, "F": -4, "G": -2, "A": 0, "B": 2}


def _pitch(name: str) -> float:
    """Hertz of a note such as "A4" (440), equal temperament."""
    return float(440 * 2 ** ((_STEPS[name[0]] + 12 * (int(name[1]) - 4)) / 12))


@functools.cache
def _note(name: str) -> bytes:
    turn = 2 * math.pi * _pitch(name) / RATE
    count = int(RATE * _RING_S)
    samples = array.array("h")
    for i in range(count):
        attack = min(1.0, i / 120)
        decay = math.exp(-3.2 * i / RATE) * (1 - i / count)
        tone = math.sin(turn * i) + 0.28 * math.sin(2 * turn * i) * math.exp(-4 * i / RATE)
        samples.append(int(_PEAK * attack * decay * tone))
    return samples.tobytes()


@functools.cache
def hold_music() -> bytes:
    """Sixteen bars, 32 s, that loop without a seam; made in about a quarter of a second, the same every time."""
    step = int(RATE * _NOTE_S) * 2
    notes = [(chord[i]) for pattern in _PATTERNS for chord in _CHORDS for i in pattern]
    length = step * len(notes)
    ring = len(_note("A4"))
    audio = bytearray(length + ring)
    for place, name in enumerate(notes):
        at = place * step
        audio[at : at + ring] = add(bytes(audio[at : at + ring]), _note(name), 2)
    # What rings on after the last note sounds over the beginning, so the loop has no seam.
    audio[:ring] = add(bytes(audio[:ring]), bytes(audio[length:]), 2)
    return mul(bytes(audio[:length]), 2, 0.8)
