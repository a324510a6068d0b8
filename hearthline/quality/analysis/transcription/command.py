"""A recogniser that is a program: given a WAV file, it prints what it hears with times.

Understood is what whisper.cpp prints, and SRT and WebVTT:

    [00:00:01.200 --> 00:00:04.000]  Good afternoon!

    00:00:01,200 --> 00:00:04,000
    Good afternoon!
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import wave
from pathlib import Path

import numpy as np
from django.conf import settings

from hearthline.quality.analysis.frames import RATE, Samples
from hearthline.quality.analysis.transcription.port import Heard, TranscriptionError

WANTED_RATE = 2 * RATE  # 16 kHz: what recognisers are trained on; nothing is gained above 4 kHz, but they ask for it
MOST_OUTPUT = 2_000_000  # characters
MOST_TEXT = 2000  # of one stretch
MOST_STRETCHES = 5000
BLOCK, REACH = 30 * RATE, 32  # samples; see write_wav
_CURVE = np.sinc(np.arange(-REACH, REACH + 1) / 2) * np.hamming(2 * REACH + 1)

_TIMES = re.compile(
    r"^\[?\s*(?:(\d{1,2}):)?(\d{1,2}):(\d{2})[.,](\d{1,3})\s*-->\s*(?:(\d{1,2}):)?(\d{1,2}):(\d{2})[.,](\d{1,3})\s*\]?(.*)$"
)


class Command:
    """`HEARTHLINE_TRANSCRIBER_COMMAND`, its arguments with `{file}` and `{language}` filled in; no shell."""

    def transcribe(self, samples: Samples, language: str) -> list[Heard]:
        command: list[str] = settings.HEARTHLINE.transcriber_command
        if not command:
            raise TranscriptionError("HEARTHLINE_TRANSCRIBER_COMMAND names no program")
        with tempfile.TemporaryDirectory(prefix="hearthline-words-") as folder:
            file = Path(folder) / "speech.wav"
            write_wav(file, samples)
            filled = [
                part.replace("{file}", str(file)).replace("{language}", language.split("-")[0]) for part in command
            ]
            return heard_of(_output(filled, Path(folder)))


def _output(command: list[str], folder: Path) -> str:
    """What it printed; through a file, so that it may print as much as it likes."""
    told, trouble = folder / "told", folder / "trouble"
    try:
        with told.open("wb") as out, trouble.open("wb") as err:
            done = subprocess.run(  # noqa: S603 - the admin's own program, without a shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                timeout=settings.HEARTHLINE.transcriber_timeout_s,
                check=False,
            )
    except OSError as error:
        raise TranscriptionError(f"{command[0]} cannot be started: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise TranscriptionError(f"{command[0]} took longer than {error.timeout:.0f} s") from error
    if done.returncode:
        lines = _beginning(trouble).strip().splitlines()
        raise TranscriptionError(f"{command[0]} ended with {done.returncode}: {lines[-1][:200] if lines else ''}")
    return _beginning(told)


def _beginning(file: Path) -> str:
    with file.open(encoding="utf-8", errors="replace") as text:
        return text.read(MOST_OUTPUT)


def heard_of(output: str) -> list[Heard]:
    """The stretches of a recogniser's output; lines that belong to none are passed over."""
    found: list[Heard] = []
    for line in output.splitlines():
        if match := _TIMES.match(line.strip()):
            start, end = _milliseconds(match.groups()[:4]), _milliseconds(match.groups()[4:8])
            found.append(Heard(start, max(start, end), match[9].strip()[:MOST_TEXT]))
            if len(found) == MOST_STRETCHES:
                break
        elif found and line.strip() and not line.strip().isdigit():
            last = found[-1]
            found[-1] = Heard(last.start_ms, last.end_ms, f"{last.text} {line.strip()}".strip()[:MOST_TEXT])
    return [heard for heard in found if heard.text]


def write_wav(path: Path, samples: Samples) -> None:
    """Twice the rate, 16 bit, mono: a low-pass at 3.9 kHz fills in what lies between the samples. A block at a time."""
    with path.open("wb") as raw, wave.open(raw, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(WANTED_RATE)
        for start in range(0, len(samples), BLOCK):
            before = min(start, REACH)  # samples on either side on which the block's own depend
            near = samples[start - before : start + BLOCK + REACH]
            wide = np.zeros(2 * len(near))
            wide[::2] = near
            smooth = np.convolve(wide, _CURVE, "same")[2 * before : 2 * (before + len(samples[start : start + BLOCK]))]
            out.writeframes(np.clip(smooth, -32768, 32767).astype("<i2").tobytes())


def _milliseconds(parts: tuple[str | None, ...]) -> int:
    hours, minutes, seconds, fraction = parts
    whole = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    return whole * 1000 + int((fraction or "0").ljust(3, "0"))
