"""What about a call a person should look at, with the places in the recording: every threshold of it is here.

What is a matter of an exchange's policy can be set (`Configuration.suspicion_...`); the rest says what the words mean.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings

from hearthline.quality.analysis.analysis import Analysis
from hearthline.quality.analysis.talk import silences_of
from hearthline.quality.analysis.tones import Tone
from hearthline.quality.analysis.voice import Span

CODES = (
    "machine", "fax", "one_way_audio", "silent_operator", "interrupting", "clipped", "noisy", "short", "idle",
)  # fmt: skip

DEAD_SHARE = 0.95  # of a channel in which nothing came at all
ONE_WAY_AFTER_MS = 10_000  # in a shorter call a side may well have said nothing
ONE_WAY_HEARD_MS = 3000  # the other side must have spoken for so long
SILENT_SPEECH_MS = 700  # who spoke for less said nothing (calls.settlement.VOICE_MIN_MS)
FAINT_SPEECH_MS, FAINT_SNR_DB = 3000, 6.0  # nor who spoke for less and no louder: those are louder moments of the noise
INTERRUPTIONS_LEAST = 3  # in one call, however short
NOISY_SPEECH_MS = 3000  # of the operator's speech; less of it is no measure
IDLE_AFTER_MS = 30_000
HELD_MS = (
    2000  # music for so long, nobody knows where, may pass for the operator: what it could be mistaken for is not told
)
EVIDENCE_MOST = 20  # places told of one suspicion


@dataclass(frozen=True, slots=True)
class Policy:
    """From which value on an exchange wants to hear of it."""

    machine_likelihood: float
    interruptions_per_minute: float
    snr_db: float
    clipped_share: float
    contact_speech_ms: int
    silence_share: float


@dataclass(frozen=True, slots=True)
class Claim:
    """What the call was said to be: by the operator's disposition."""

    conversation: bool  # there was a person, whatever they said
    payable: bool


@dataclass(frozen=True, slots=True)
class Suspicion:
    """`value` is the figure that met the threshold; `side`: "contact" or "operator" where it matters, else empty."""

    code: str
    at: tuple[Span, ...]
    value: float
    threshold: float
    side: str = ""


def policy() -> Policy:
    set_ = settings.HEARTHLINE
    return Policy(
        machine_likelihood=set_.suspicion_machine_percent / 100,
        interruptions_per_minute=set_.suspicion_interruptions_per_minute,
        snr_db=set_.suspicion_snr_db,
        clipped_share=set_.suspicion_clipped_percent / 100,
        contact_speech_ms=set_.suspicion_contact_speech_ms,
        silence_share=set_.suspicion_silence_percent / 100,
    )


def suspicions_of(analysis: Analysis, claim: Claim, bar: Policy) -> list[Suspicion]:
    """In the order of `CODES`. A machine is told of only when the call was said to be a conversation; then what follows from its
    being one (nobody takes turns, somebody is silent) is not told as well."""
    found = _machine(analysis, claim, bar)
    mechanical = analysis.machine.fax or analysis.machine.likelihood >= bar.machine_likelihood
    if not mechanical:
        found += _one_way(analysis)
        if not found:
            found += _silent_operator(analysis)
        found += _interrupting(analysis, bar)
    found += _microphone(analysis, bar)
    if not mechanical and not any(one.code in {"one_way_audio", "silent_operator"} for one in found):
        found += _short(analysis, claim, bar) + _idle(analysis, bar)
    return sorted(found, key=lambda one: CODES.index(one.code))


def _machine(analysis: Analysis, claim: Claim, bar: Policy) -> list[Suspicion]:
    machine = analysis.machine
    if not claim.conversation or machine.likelihood < bar.machine_likelihood:
        return []
    if machine.fax:
        places = _places(tone for tone in analysis.contact_tones if tone.kind in {"fax_answer", "fax_calling"})
        return [Suspicion("fax", places, 1.0, bar.machine_likelihood)]
    heard = [span for span in (machine.greeting, machine.beep) if span is not None]
    places = tuple(heard) or _places(tone for tone in analysis.contact_tones if tone.kind == "repeated")
    return [Suspicion("machine", places, machine.likelihood, bar.machine_likelihood)]


def _one_way(analysis: Analysis) -> list[Suspicion]:
    """Nothing at all came from one side; or, from the contact's, nothing but noise while the operator spoke to them."""
    if analysis.present_ms < ONE_WAY_AFTER_MS:
        return []
    talk = analysis.talk
    contact, operator = analysis.contact_line.dead_share, analysis.operator_microphone.dead_share
    if operator >= DEAD_SHARE and talk.operator_speech_ms < SILENT_SPEECH_MS:
        return [Suspicion("one_way_audio", tuple(analysis.presences), operator, DEAD_SHARE, "operator")]
    if talk.contact_speech_ms < SILENT_SPEECH_MS and (
        contact >= DEAD_SHARE or talk.operator_speech_ms >= ONE_WAY_HEARD_MS
    ):
        return [Suspicion("one_way_audio", tuple(analysis.presences), contact, DEAD_SHARE, "contact")]
    return []


def _silent_operator(analysis: Analysis) -> list[Suspicion]:
    talk = analysis.talk
    snr_db = analysis.operator_microphone.snr_db
    faint = snr_db is not None and snr_db < FAINT_SNR_DB and talk.operator_speech_ms < FAINT_SPEECH_MS
    said_nothing = faint or talk.operator_speech_ms < SILENT_SPEECH_MS
    if said_nothing and (analysis.present_ms >= ONE_WAY_AFTER_MS or talk.contact_speech_ms >= ONE_WAY_HEARD_MS):
        places = tuple(analysis.contact[:EVIDENCE_MOST]) or tuple(analysis.presences)
        return [Suspicion("silent_operator", places, talk.operator_speech_ms, SILENT_SPEECH_MS)]
    return []


def _interrupting(analysis: Analysis, bar: Policy) -> list[Suspicion]:
    if analysis.held_ms >= HELD_MS:
        return []
    places = analysis.talk.interruptions_by_operator
    minutes = max(1.0, analysis.present_ms / 60_000)
    rate = round(len(places) / minutes, 2)
    if len(places) >= INTERRUPTIONS_LEAST and rate >= bar.interruptions_per_minute:
        return [Suspicion("interrupting", places[:EVIDENCE_MOST], rate, bar.interruptions_per_minute)]
    return []


def _microphone(analysis: Analysis, bar: Policy) -> list[Suspicion]:
    microphone, found = analysis.operator_microphone, list[Suspicion]()
    if analysis.talk.operator_speech_ms < NOISY_SPEECH_MS:
        return found
    places = tuple(sorted(sorted(analysis.operator, key=lambda span: -span.length)[:3]))
    if microphone.clipped_share >= bar.clipped_share:
        found.append(Suspicion("clipped", places, microphone.clipped_share, bar.clipped_share))
    if microphone.snr_db is not None and microphone.snr_db < bar.snr_db and analysis.held_ms < HELD_MS:
        found.append(Suspicion("noisy", places, microphone.snr_db, bar.snr_db))
    return found


def _short(analysis: Analysis, claim: Claim, bar: Policy) -> list[Suspicion]:
    """Paid as a conversation, and the contact said hardly anything."""
    said = analysis.talk.contact_speech_ms
    if claim.payable and said < bar.contact_speech_ms:
        return [Suspicion("short", tuple(analysis.contact[:EVIDENCE_MOST]), said, bar.contact_speech_ms)]
    return []


def _idle(analysis: Analysis, bar: Policy) -> list[Suspicion]:
    share = analysis.talk.silence_share
    if analysis.present_ms < IDLE_AFTER_MS or share < bar.silence_share:
        return []
    silences = silences_of(analysis.contact, analysis.operator, analysis.presences)
    places = tuple(sorted(sorted(silences, key=lambda span: -span.length)[:3]))
    return [Suspicion("idle", places, share, bar.silence_share)]


def _places(tones: Iterable[Tone]) -> tuple[Span, ...]:
    return tuple(tone.span for tone in tones)[:EVIDENCE_MOST]
