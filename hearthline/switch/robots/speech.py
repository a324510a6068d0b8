"""Speech as 8 kHz 16-bit mono WAV files, rendered once into a folder by eSpeak NG, or tone syllables without it."""

from __future__ import annotations

import ctypes
import hashlib
import math
import os
import threading
import wave
from array import array
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from hearthline.switch.embedded.pcm import RATE, maxpp, mul, ratecv

_SPEED = 165  # words a minute
_PEAK = 18_000  # of 32,767: what a telephone's microphone gives

# eSpeak NG voice variants
_VARIANTS = {"woman": "f2", "man": "m3", "young_woman": "f4", "old_man": "m7", "operator": "f5"}
_PITCH = {"woman": 55, "man": 42, "young_woman": 66, "old_man": 30, "operator": 52}
_ESPEAK_VOICES = {"ru": "ru", "en": "en-us"}

_SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS: samples come through the callback
_CHARS_UTF8 = 1
_RATE_PARAMETER, _PITCH_PARAMETER = 1, 3


class SpeechUnavailableError(Exception):
    """eSpeak NG could not be loaded; the text says why."""


class Espeak:
    """The library, loaded once in a process; it keeps global state, hence the lock."""

    def __init__(self) -> None:
        """Raises SpeechUnavailableError."""
        try:
            import espeakng_loader

            self._library = ctypes.CDLL(espeakng_loader.get_library_path())
            data = espeakng_loader.get_data_path()
            self._rate = int(self._library.espeak_Initialize(_SYNCHRONOUS, 0, os.fsencode(data), 0))
        except (ImportError, OSError, AttributeError) as error:
            raise SpeechUnavailableError(f"eSpeak NG cannot be loaded: {error}") from error
        if self._rate <= 0:
            raise SpeechUnavailableError("eSpeak NG does not start: its data cannot be read")
        self._samples = bytearray()
        signature = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
        self._callback = signature(self._take)  # kept: the library calls it
        self._library.espeak_SetSynthCallback(self._callback)
        self._lock = threading.Lock()

    def _take(self, samples: ctypes._Pointer[ctypes.c_short], count: int, _events: int | None) -> int:
        if count > 0:
            self._samples += ctypes.string_at(samples, 2 * count)
        return 0

    def say(self, text: str, language: str, voice: str) -> bytes:
        """Linear audio at 8 kHz. Raises SpeechUnavailableError when the voice cannot speak."""
        base = _ESPEAK_VOICES.get(language, _ESPEAK_VOICES["en"])
        with self._lock:
            self._samples.clear()
            for name in (f"{base}+{_VARIANTS[voice]}", base):
                if self._library.espeak_SetVoiceByName(name.encode()) == 0:
                    break
            else:
                raise SpeechUnavailableError(f"eSpeak NG has no voice for {language}")
            self._library.espeak_SetParameter(_RATE_PARAMETER, _SPEED, 0)
            self._library.espeak_SetParameter(_PITCH_PARAMETER, _PITCH[voice], 0)
            data = text.encode()
            failed = self._library.espeak_Synth(data, len(data) + 1, 0, 0, 0, _CHARS_UTF8, None, None)
            self._library.espeak_Synchronize()
            if failed or not self._samples:
                raise SpeechUnavailableError("eSpeak NG made no sound")
            return _to_telephone(bytes(self._samples), self._rate)


@lru_cache(maxsize=1)
def espeak() -> Espeak:
    """One for the process: initialising the library a second time takes its memory away from whoever uses it."""
    return Espeak()


def _to_telephone(pcm: bytes, rate: int) -> bytes:
    """To 8 kHz and an even loudness. The weights make `ratecv` smooth what would fold back above 4 kHz."""
    narrow, _ = ratecv(pcm, 2, 1, rate, RATE, None, 3, 1)
    peak = maxpp(narrow, 2) / 2
    return mul(narrow, 2, _PEAK / peak) if peak else narrow


_VOWELS = frozenset("aeiouyаеёиоуыэюя")


def tone_syllables(text: str, _language: str, voice: str) -> bytes:
    """Stands in for speech: a tone for each vowel, a pause for each comma, so that turns can be heard."""
    base = 90 + 2 * _PITCH[voice]
    samples = array("h")
    for position, char in enumerate(text.lower()):
        if char in _VOWELS:
            hz = base * (1 + 0.3 * math.sin(position))
            length = int(0.14 * RATE)
            for i in range(length):
                envelope = math.sin(math.pi * i / length)
                samples.append(int(_PEAK / 2 * envelope * math.sin(2 * math.pi * hz * i / RATE)))
        elif char in ",.?!:":
            samples.extend([0] * int(0.12 * RATE))
    return samples.tobytes()


class SpeechFolder:
    """A folder of rendered lines. `apology` is "" or a sentence on why it holds tones instead of speech."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.apology = ""
        self._say: Callable[[str, str, str], bytes]
        try:
            self._say = espeak().say
            self._kind = "espeak"
        except SpeechUnavailableError as error:
            self.apology = f"{error}. Robots will speak in tones."
            self._say = tone_syllables
            self._kind = "tones"

    def line(self, text: str, language: str, voice: str) -> Path:
        """The file with this line, rendered when it is not there yet."""
        name = hashlib.sha256(f"{self._kind}:{_SPEED}:{language}:{voice}:{text}".encode()).hexdigest()[:24]
        path = self._folder / f"{name}.wav"
        if not path.exists():
            partial = path.with_suffix(f".{os.getpid()}.part")  # another process may render the same line
            write_wav(partial, self._say(text, language, voice))
            partial.replace(path)
        return path


def write_wav(path: Path, pcm: bytes) -> None:
    """8 kHz 16-bit mono."""
    with path.open("wb") as raw, wave.open(raw, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(pcm)


def read_wav(path: Path) -> bytes:
    """Raises ValueError for a file of another format."""
    with wave.open(str(path), "rb") as sound:
        if (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) != (1, 2, RATE):
            raise ValueError(f"{path.name} is not 8 kHz 16-bit mono")
        return sound.readframes(sound.getnframes())
