"""Calls whose truth is known: the robots' voices placed on both channels of a recording, with noise added.

Every line is spoken by eSpeak (or in tones, where it cannot be loaded), so where it begins and ends is known to 10 ms.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hearthline.quality.analysis.voice import BRIDGED_MS, Span, bridged
from hearthline.switch.embedded.pcm import lin2ulaw, ulaw2lin
from hearthline.switch.robots.operator_voice import operator_lines
from hearthline.switch.robots.phrases import lines
from hearthline.switch.robots.speech import espeak

RATE = 8000
Pcm = NDArray[np.float64]


@cache
def spoken(text: str, language: str, voice: str) -> bytes:
    return espeak().say(text, language, voice)


def clean_speech(pcm: Pcm) -> list[Span]:
    """Where a line without noise is not silent: 10 ms frames within 38 dB of its loudest."""
    hops = pcm[: len(pcm) // 80 * 80].reshape(-1, 80)
    level = np.sqrt((hops**2).mean(axis=1))
    loud = level > level.max() * 10 ** (-38 / 20)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], loud.astype(int), [0])))) * 10
    return bridged([Span(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)], BRIDGED_MS)


@dataclass
class SynthesisedCall:
    """Built turn by turn. Times in ms. Truth: `said[side]`, spans of speech joined as the analysis joins them."""

    language: str = "en"
    contact_voice: str = "woman"
    operator_voice: str = "operator"
    contact_level: float = 0.5
    operator_level: float = 0.5
    at: int = 0  # the end of what was said last
    _sounds: dict[str, list[tuple[int, Pcm]]] = field(default_factory=lambda: {"contact": [], "operator": []})
    _said: dict[str, list[Span]] = field(default_factory=lambda: {"contact": [], "operator": []})
    latencies: dict[str, list[int]] = field(default_factory=lambda: {"contact": [], "operator": []})
    interruptions: dict[str, int] = field(default_factory=lambda: {"contact": 0, "operator": 0})
    end: int = 0
    _vowels: dict[str, int] = field(default_factory=lambda: {"contact": 0, "operator": 0})

    def say(self, side: str, text: str, after: int, *, cut: int | None = None) -> Span:
        """`after` ms of silence behind what was said last (negative: into it); `cut`: only so much of it is said."""
        voice = self.contact_voice if side == "contact" else self.operator_voice
        level = self.contact_level if side == "contact" else self.operator_level
        pcm = np.frombuffer(spoken(text, self.language, voice), dtype=np.int16).astype(np.float64) * level
        parts = clean_speech(pcm)
        lead = parts[0].start
        pcm = pcm[lead * 8 : parts[-1].end * 8]
        if cut is not None:
            pcm = pcm[: cut * 8]
        start = (self.at + after) // 10 * 10
        said = [Span(start + s.start, start + s.end) for s in clean_speech(pcm)]
        self._sounds[side].append((start, pcm))
        self._said[side].extend(said)
        share = len(pcm) / 8 / (parts[-1].end - lead)
        self._vowels[side] += round(share * syllables(text))
        whole = Span(start, said[-1].end)
        self.at = self.end = max(whole.end, 0)
        return whole

    def cut_last(self, side: str, at: int) -> None:
        """Whoever spoke last falls silent at `at`."""
        start, pcm = self._sounds[side][-1]
        self._sounds[side][-1] = (start, pcm[: max(0, at - start) * 8])
        self._said[side] = [Span(s.start, min(s.end, at)) for s in self._said[side] if s.start < at]

    def sound(self, side: str, pcm: Pcm, after: int) -> Span:
        """Something that is no speech."""
        start = self.at + after
        self._sounds[side].append((start, pcm))
        self.at = self.end = start + len(pcm) // 8
        return Span(start, self.at)

    def pause(self, ms: int) -> None:
        self.at = self.end = self.at + ms

    def syllables_per_s(self, side: str) -> float | None:
        """By the vowels of what was said; None in English, whose spelling does not tell."""
        return (
            self._vowels[side] * 1000 / sum(span.length for span in self.said(side)) if self.language == "ru" else None
        )

    def said(self, side: str) -> list[Span]:
        return bridged(sorted(self._said[side]), BRIDGED_MS)

    def channels(
        self, *, noise: str = "", snr_db: float = 0.0, seed: int = 1, line_noise: float = 3.0
    ) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        """(contact, operator) as the switch records them, through G.711. `noise`: "", "white" or "babble", on both."""
        dice = np.random.default_rng(seed)
        length = (self.end + 800) * 8
        made = []
        for side in ("contact", "operator"):
            pcm = np.zeros(length)
            for start, sound in self._sounds[side]:
                pcm[start * 8 : start * 8 + len(sound)] += sound[: max(0, length - start * 8)]
            active = pcm[np.abs(pcm) > 0]
            power = float((active**2).mean()) if len(active) else 1e6
            pcm += dice.normal(0, line_noise, length)
            if noise:
                hiss = dice.normal(0, 1, length) if noise == "white" else babble(length, dice, self.language)
                pcm += hiss * np.sqrt(power / 10 ** (snr_db / 10) / (hiss**2).mean())
            linear = np.clip(pcm, -32768, 32767).astype(np.int16)
            coded = np.frombuffer(ulaw2lin(lin2ulaw(linear.tobytes(), 2), 2), dtype=np.int16)
            made.append(coded)
        return made[0], made[1]

    def write(self, path: Path, **noise: object) -> None:
        contact, operator = self.channels(**noise)  # type: ignore[arg-type]  # passed on as they are
        write_stereo(path, contact, operator)


def syllables(text: str) -> int:
    """Each Russian vowel is one."""
    return sum(letter in "аеёиоуыэюя" for letter in text.lower())


def write_stereo(path: Path, left: NDArray[np.int16], right: NDArray[np.int16]) -> None:
    with path.open("wb") as raw, wave.open(raw, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.stack((left, right), axis=1).tobytes())


def tone(hz: float, ms: int, level: float = 6000, second_hz: float = 0) -> Pcm:
    at = np.arange(ms * 8) / RATE
    wave_ = np.sin(2 * np.pi * hz * at)
    if second_hz:
        wave_ = (wave_ + np.sin(2 * np.pi * second_hz * at)) / 2
    return wave_ * level


@cache
def _voices(language: str) -> Pcm:
    """Half a minute of one voice after the other."""
    text = [way for turns in lines(language).values() for ways in turns for way in ways]
    parts = [
        np.frombuffer(spoken(line, language, voice), dtype=np.int16).astype(np.float64)
        for line, voice in zip(text, ("woman", "man", "young_woman", "old_man") * len(text), strict=False)
    ]
    return np.concatenate(parts)


@cache
def _crowd(language: str, talkers: int = 7) -> Pcm:
    """Seven talkers at once, none of them to be understood: three minutes of it."""
    dice, voices = np.random.default_rng(99), _voices(language)
    mixed = np.zeros(180 * RATE)
    for _talker in range(talkers):
        mixed += np.resize(np.roll(voices, int(dice.integers(len(voices)))), len(mixed))
    return mixed


def babble(length: int, dice: np.random.Generator, language: str) -> Pcm:
    """Some of the crowd."""
    crowd = _crowd(language)
    return np.resize(np.roll(crowd, int(dice.integers(len(crowd)))), length)


def conversation(seed: int, language: str = "en", turns: int = 6) -> SynthesisedCall:
    """An ordinary talk: the contact answers, both take turns after known pauses, each interrupts the other once."""
    dice = np.random.default_rng(seed)
    voices = ("woman", "man", "young_woman", "old_man")
    call = SynthesisedCall(
        language,
        contact_voice=voices[seed % 4],
        contact_level=float(dice.uniform(0.15, 0.6)),
        operator_level=float(dice.uniform(0.2, 0.6)),
    )
    talk = lines(language)
    operator = operator_lines(language)
    call.pause(int(dice.integers(300, 1500)))
    call.say("contact", str(dice.choice(talk["greeting"][0])), 0)
    latency(call, "operator", operator.opening, int(dice.integers(30, 150)) * 10)
    barged = {"contact": int(dice.integers(1, turns)), "operator": int(dice.integers(1, turns))}
    for turn in range(turns):
        replies = talk["agrees"][turn % 4] if turn % 2 else talk["long_talker"][turn % 9]
        reply = str(dice.choice(replies))
        if barged["contact"] == turn:
            interrupt(call, "contact", reply)
        else:
            latency(call, "contact", reply, int(dice.integers(30, 140)) * 10)
        line = operator.lines[turn % len(operator.lines)]
        if barged["operator"] == turn:
            interrupt(call, "operator", line)
        else:
            latency(call, "operator", line, int(dice.integers(30, 200)) * 10)
        if turn == turns // 2:
            call.pause(int(dice.integers(25, 60)) * 100)
            call.say("operator", operator.closing, 0)
    return call


def latency(call: SynthesisedCall, side: str, text: str, ms: int) -> None:
    call.say(side, text, ms)
    call.latencies[side].append(ms)


def interrupt(call: SynthesisedCall, side: str, text: str) -> None:
    """In the last second of the other's sentence; the other gives way 600 ms later."""
    other = "contact" if side == "operator" else "operator"
    before = call.at
    call.say(side, text, -1000)
    call.cut_last(other, before - 400)
    call.interruptions[side] += 1
