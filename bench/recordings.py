"""Packing of recordings: two people's speech as Ogg/Opus, read back and checked as the worker does it.

The speech is eSpeak NG's, half of the time one person, half of the time the other, with breaths in between. What it is
compared with is libopus alone on the same samples: one coupled stream, which is cheaper and mixes the two people.
"""

from __future__ import annotations

import io
import math
import os
import time
import wave
from array import array
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.figure import Figure

MINUTES = float(os.environ.get("BENCH_RECORDING_MINUTES", "20"))
BAR_BYTES = 7.2e6  # an hour: about a gigabyte for a month of 160 hours of nothing but talk
BAR_CPU_S = 60.0  # of an hour of recording: one core packs for sixty operators who talk all the time
RATE = 8000
SENTENCES = (
    ("Здравствуйте, меня зовут Анна, я звоню из стоматологии на улице Ленина. Вам удобно говорить?", "woman"),
    ("Да, слушаю вас, но только недолго, я за рулём.", "man"),
    ("Мы приглашаем вас на бесплатный осмотр в эту субботу. Когда вам удобнее прийти, утром или вечером?", "woman"),
    ("Наверное, утром. А сколько это займёт времени и нужно ли что-то взять с собой?", "man"),
)


def figures() -> Iterator[Figure]:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hearthline.settings")
    import django

    django.setup()
    from hearthline.quality.recordings.keeping import compare
    from hearthline.quality.recordings.opus_file import read_opus, write_opus
    from hearthline.quality.recordings.outlines import Outliner
    from hearthline.quality.recordings.samples import read_wav

    contact, heard = _talk()
    seconds = len(contact) / RATE
    with TemporaryDirectory(prefix="hearthline-bench-") as folder:
        source = Path(folder) / "talk.wav"
        _write(source, contact, heard)
        began = time.process_time()
        recorded, packed = Outliner(), Outliner()
        file = io.BytesIO()
        with source.open("rb") as wav:
            write_opus(file, recorded.watch(read_wav(wav)), bits_per_s=8000, serial=1)
        file.seek(0)
        left, right = array("h"), array("h")
        for piece in packed.watch(read_opus(file)):
            left.extend(piece.contact)
            right.extend(piece.heard)
        compare(recorded, packed)
        recorded.outline()
        spent = time.process_time() - began
    cpu, size = spent / seconds * 3600, len(file.getvalue()) / seconds * 3600
    yield Figure(
        "recordings: packed, read back, checked; CPU an hour of talk",
        f"{cpu:.1f} s",
        f"at most {BAR_CPU_S:.0f} s",
        cpu <= BAR_CPU_S,
    )
    yield Figure(
        "recordings: bytes an hour of talk", f"{size / 1e6:.2f} MB", f"at most {BAR_BYTES / 1e6:.1f} MB", size <= BAR_BYTES,
        f"WAV: {RATE * 4 * 3600 / 1e6:.0f} MB; 160 hours: {160 * size / 1e9:.2f} GB",
    )  # fmt: skip
    leak = _leak(contact, left, right)
    yield Figure("recordings: one person on the other's side", f"{leak:.0f} dB", "at most -60 dB", leak <= -60)


def _talk() -> tuple[array[int], array[int]]:
    from hearthline.switch.robots.speech import Espeak

    speaker = Espeak()
    turns = [(array("h", speaker.say(text, "ru", voice)), voice == "man") for text, voice in SENTENCES]
    contact, heard = array("h"), array("h")
    while len(contact) < MINUTES * 60 * RATE:
        for samples, by_contact in turns:
            quiet = array("h", bytes(2 * len(samples)))
            contact.extend(samples if by_contact else quiet)
            heard.extend(quiet if by_contact else samples)
    return contact, heard


def _write(path: Path, contact: array[int], heard: array[int]) -> None:
    both = array("h", bytes(4 * len(contact)))
    both[0::2], both[1::2] = contact, heard
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, RATE, 0, "NONE", ""))
        file.writeframes(both.tobytes())


def _leak(contact: array[int], left: array[int], right: array[int]) -> float:
    """How loud the contact's side is while the operator speaks, against the operator, in dB: over seconds of one alone."""
    alone = [
        at
        for at in range(0, len(contact) - RATE, RATE)
        if not any(contact[max(0, at - RATE // 5) : at + RATE + RATE // 5])
    ]
    here = sum(s * s for at in alone for s in left[at : at + RATE]) or 1
    there = sum(s * s for at in alone for s in right[at : at + RATE])
    return 10 * math.log10(here / there)
