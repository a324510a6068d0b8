"""The sounds that call control plays: short chimes, made at the start, so that nothing has to be shipped and
no language has to be guessed."""

from __future__ import annotations

import array
import math
import wave
from pathlib import Path

from hearthline.calls.call_effects import Sound

RATE = 8000  # Hz, 16-bit mono: what the port plays
_AMPLITUDE = 6000
_CHIMES: dict[Sound, tuple[float, ...]] = {
    Sound.GOODBYE: (659.3, 523.3, 392.0),  # a falling chord: the call ends
    Sound.CONTACT_GONE: (523.3, 392.0),
    Sound.PRESS_A_KEY: (523.3, 523.3, 0, 0, 0, 0),  # twice the same: a question; silence until it is played again
    Sound.LINE_OPEN: (392.0, 523.3, 659.3),  # a rising chord
}
_NOTE_S = 0.28


def prepare_sounds(folder: Path) -> dict[Sound, str]:
    """Write the files and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths: dict[Sound, str] = {}
    for sound, notes in _CHIMES.items():
        path = folder / f"{sound.value}.wav"
        _write(path, notes)
        paths[sound] = str(path)
    return paths


def _write(path: Path, notes: tuple[float, ...]) -> None:
    samples = array.array("h")
    length = int(RATE * _NOTE_S)
    for frequency in notes:
        for n in range(length):
            fade = math.sin(math.pi * n / length)  # no clicks at the edges
            samples.append(int(_AMPLITUDE * fade * math.sin(2 * math.pi * frequency * n / RATE)))
    part = path.with_suffix(".part")
    with wave.open(str(part), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    part.replace(path)
