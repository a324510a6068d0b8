"""How far the analysis errs on synthesised calls: each figure against its truth, by kind and strength of noise.

`python -m bench analysis` prints it; docs/analysis.md has a copy.
"""

from __future__ import annotations

import io
import time
from array import array
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import mean, median

import numpy as np
from django.conf import settings

from hearthline.quality.analysis.analysis import Analysis, analyse
from hearthline.quality.analysis.frames import HOP_MS, Samples
from hearthline.quality.analysis.microphone import mask_of
from hearthline.quality.analysis.reading import as_numbers
from hearthline.quality.analysis.suspicions import Claim, policy, suspicions_of
from hearthline.quality.analysis.talk import talk_of
from hearthline.quality.recordings.opus_file import Piece, read_opus, write_opus
from tests.quality import calls
from tests.quality.synthesis import SynthesisedCall, conversation

PACKED = "as Opus"  # without noise, through the codec in which recordings are kept
GATED = "gated"  # nothing at all is sent while nobody speaks, as by noise suppressors and robots; through Opus, too
CONDITIONS = [
    ("", 0.0),
    (PACKED, 0.0),
    (GATED, 0.0),
    *((noise, snr) for noise in ("white", "babble") for snr in (20.0, 10.0, 5.0)),
]
CLAIM = Claim(conversation=True, payable=True)
SPEAKS = 10  # conversations; half of them Russian
MACHINES = 6


@dataclass
class Row:
    """One condition. `errors`: of each figure, absolute; `found`: of how many calls of a kind, how many were told for it."""

    name: str
    errors: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    found: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    cpu_s: float = 0.0
    audio_s: float = 0.0

    def alarm(self, found: Analysis) -> None:
        """Nothing is wrong with this call, unless that it is noisy."""
        self.found["false alarms"].append(bool(set(_codes(found)) - {"noisy"}))

    def error(self, figure: str) -> float:
        return mean(self.errors[figure])


def _seeds(count: int) -> range:
    """Far from those on which thresholds were chosen."""
    return range(101, 101 + count)


def measured() -> Iterator[Row]:
    talks = [conversation(seed, "en" if seed % 2 else "ru") for seed in _seeds(SPEAKS)]
    machines = [calls.voicemail(seed, "en" if seed % 3 else "ru") for seed in _seeds(MACHINES)]
    people = [calls.patient_person(seed, language) for seed in _seeds(2) for language in ("en", "ru")]
    faxes = [calls.fax(seed, calling=seed % 2 == 0) for seed in _seeds(4)]
    rude = [calls.interrupting_operator(seed, "en" if seed % 2 else "ru") for seed in _seeds(4)]
    silent = [calls.silent_operator(seed, "en" if seed % 2 else "ru") for seed in _seeds(4)]
    for noise, snr_db in CONDITIONS:
        row = Row(f"{noise} {snr_db:.0f} dB" if snr_db else noise or "no noise")
        for seed, call in enumerate(talks):
            found = _analysed(row, call, noise, snr_db, seed)
            _compare(row, call, found, snr_db or None)
            row.alarm(found)
        for kind, group, told in (
            ("machines", machines, {"machine"}), ("faxes", faxes, {"fax"}), ("interrupting", rude, {"interrupting"}),
            ("silent", silent, {"silent_operator", "one_way_audio"}),  # the latter where nothing came at all
        ):  # fmt: skip
            for seed, call in enumerate(group):
                row.found[kind].append(bool(told & set(_codes(_analysed(row, call, noise, snr_db, seed)))))
        for seed, call in enumerate(people):
            row.alarm(_analysed(row, call, noise, snr_db, seed))
        yield row


def _analysed(row: Row, call: SynthesisedCall, noise: str, snr_db: float, seed: int) -> Analysis:
    known = "" if noise in (PACKED, GATED) else noise
    quiet = 0.0 if noise == GATED else 3.0
    channels = call.channels(noise=known, snr_db=snr_db, seed=seed + 1, line_noise=quiet)
    if noise in (PACKED, GATED):
        channels = packed(*channels)
    began = time.process_time()
    found = analyse([channels])
    row.cpu_s += time.process_time() - began
    row.audio_s += found.duration_ms / 1000
    return found


def packed(contact: Samples, operator: Samples) -> tuple[Samples, Samples]:
    """Through the codec in which recordings are kept, at its usual rate."""
    file = io.BytesIO()
    pieces = [Piece(array("h", contact.tobytes()), array("h", operator.tobytes()))]
    write_opus(file, pieces, bits_per_s=settings.HEARTHLINE.recordings_bits_per_s, serial=1)
    file.seek(0)
    both = list(as_numbers(read_opus(file)))
    return np.concatenate([one for one, _other in both]), np.concatenate([other for _one, other in both])


def _codes(analysis: Analysis) -> list[str]:
    return [one.code for one in suspicions_of(analysis, CLAIM, policy())]


def _compare(row: Row, call: SynthesisedCall, found: Analysis, snr_db: float | None) -> None:
    truth = talk_of(call.said("contact"), call.said("operator"), found.presences)
    talk = found.talk
    frames = found.duration_ms // HOP_MS
    for side, spans in (("contact", found.contact), ("operator", found.operator)):
        true, heard = mask_of(call.said(side), frames), mask_of(spans, frames)
        row.errors["speech missed, %"].append(100 * float((true & ~heard).sum() / true.sum()))
        row.errors["noise taken for speech, %"].append(100 * float((heard & ~true).sum() / (~true).sum()))
    pairs: list[tuple[str, float | None, float | None]] = [
        ("first word, ms", talk.contact_first_word_ms, truth.contact_first_word_ms),
        ("first word, ms", talk.operator_first_word_ms, truth.operator_first_word_ms),
        ("talk ratio", talk.talk_ratio, truth.talk_ratio),
        ("answer latency, median, ms", talk.operator_latency_ms, median(call.latencies["operator"])),
        ("answer latency, p90, ms", talk.operator_latency_p90_ms, truth.operator_latency_p90_ms),
        ("silence share", talk.silence_share, truth.silence_share),
        ("interruptions, count", len(talk.interruptions_by_operator), call.interruptions["operator"]),
        ("interruptions, count", len(talk.interruptions_by_contact), call.interruptions["contact"]),
        ("syllables a second", found.operator_microphone.syllables_per_s, call.syllables_per_s("operator")),
        ("signal to noise, dB", found.operator_microphone.snr_db, snr_db),
    ]
    for side in ("contact", "operator"):
        own, true_span = getattr(talk, f"{side}_monologue"), getattr(truth, f"{side}_monologue")
        pairs.append(("longest monologue, ms", own and own.length, true_span and true_span.length))
    own, true_span = talk.longest_silence, truth.longest_silence
    pairs.append(("longest silence, ms", own and own.length, true_span and true_span.length))
    for name, value, true_value in pairs:
        if true_value is None:
            continue
        assert value is not None, f"{name} is not told in {row.name}"
        row.errors[name].append(abs(float(value) - float(true_value)))
