"""Whether the key phrases of a script were said, as far as a recogniser understood. Pure.

A phrase is looked for anywhere in what the operator said, letter by letter: recognisers mishear words, split and join them, but most
letters stay. Likeness is 1 less the letters that must be changed, put in or left out, as a share of the phrase's (the edit distance to
the best place).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hearthline.quality.analysis.transcription.port import Heard

SAID = 0.70  # likeness from which on a phrase counts as said; texts that have nothing to do with it reach 0.5
SHORT_LETTERS, SHORT_SAID = 12, 0.80  # short phrases are like many things
MOST_LETTERS = 300  # of a phrase

_NO_LETTERS = re.compile(r"[^0-9a-zа-я]+")


@dataclass(frozen=True, slots=True)
class Said:
    """`at_ms`: where the most alike place begins, about."""

    phrase: str
    said: bool
    at_ms: int
    likeness: float


def check(phrases: Sequence[tuple[str, str]], heard: Sequence[Heard]) -> list[Said]:
    """`phrases`: as written, and as it should sound for this contact (variables filled in)."""
    letters, times = _letters_of(heard)
    return [_said(written, letters_of(spoken)[:MOST_LETTERS], letters, times) for written, spoken in phrases]


def letters_of(text: str) -> str:
    """Small letters and digits alone; ё is written е."""
    return _NO_LETTERS.sub("", text.lower().replace("ё", "е"))


def _said(written: str, phrase: str, letters: str, times: Sequence[int]) -> Said:
    likeness, at = most_alike(phrase, letters)
    bar = SHORT_SAID if len(phrase) < SHORT_LETTERS else SAID
    return Said(written, likeness >= bar, times[at] if times else 0, round(likeness, 2))


def most_alike(phrase: str, letters: str) -> tuple[float, int]:
    """How alike the most alike place of `letters` is, 0..1, and about where it begins."""
    if not phrase or not letters:
        return 0.0, 0
    text = np.frombuffer(letters.encode("utf-32-le"), dtype=np.uint32)
    row = np.zeros(len(text) + 1, dtype=np.int32)  # a place may begin anywhere at no cost (Sellers, 1980)
    steps = np.arange(len(text) + 1, dtype=np.int32)
    for count, letter in enumerate(np.frombuffer(phrase.encode("utf-32-le"), dtype=np.uint32), 1):
        changed = row[:-1] + (text != letter)
        best = np.concatenate(([count], np.minimum(changed, row[1:] + 1))).astype(np.int32)
        row = np.minimum.accumulate(best - steps) + steps
    end = int(row.argmin())
    return max(0.0, 1 - float(row[end]) / len(phrase)), min(len(letters) - 1, max(0, end - len(phrase)))


def _letters_of(heard: Sequence[Heard]) -> tuple[str, list[int]]:
    """All letters in order, and for each about when it was said."""
    letters: list[str] = []
    times: list[int] = []
    for one in heard:
        own = letters_of(one.text)
        letters.append(own)
        span = one.end_ms - one.start_ms
        times += [one.start_ms + span * position // len(own) for position in range(len(own))]
    return "".join(letters), times
