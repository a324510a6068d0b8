"""Whether a machine answered: an answering machine, an announcement, a fax. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hearthline.quality.analysis.talk import NOD_MS, turns_of
from hearthline.quality.analysis.tones import Tone
from hearthline.quality.analysis.voice import Span, bridged

GREETING_PAUSE_MS = 1200  # a greeting is over when nothing is said for so long
SHORT_GREETING_MS, LONG_GREETING_MS = 2500, 5000  # people say "hello?"; machines explain
BEEP_WITHIN_MS = 4000  # of the greeting's end
HEARD_OUT_MS = 6000  # who says nothing for so long after the greeting, though spoken to, may be no person
FIRST_WITHIN_MS = 8000  # a greeting comes soon after the answer


@dataclass(frozen=True, slots=True)
class Machine:
    """`likelihood` 0..1. What it rests on stands beside it."""

    likelihood: float
    greeting: Span | None
    beep: Span | None
    answers_after_greeting: int
    fax: bool


def machine_of(contact: list[Span], operator: list[Span], tones: Sequence[Tone], end_ms: int) -> Machine:
    """By the contact's speech and tones; `operator`: what was said to it; `end_ms`: until when.

    Three signs, none of them enough alone: a long greeting without a pause (up to 0.35), a beep after it (0.4), and nobody
    who takes turns afterwards (0.3). Each answer after the greeting takes 0.3 away: a person may explain at length, too. A fax tone, or
    a tone of the network that repeats, is certain.
    """
    fax = any(tone.kind in {"fax_answer", "fax_calling"} for tone in tones)
    greeting = _greeting(contact)
    beep = _beep(greeting, tones)
    answers = _answers(contact, operator, greeting)
    score = 0.0
    if greeting is not None:
        longer = (greeting.length - SHORT_GREETING_MS) / (LONG_GREETING_MS - SHORT_GREETING_MS)
        score += 0.35 * min(1.0, max(0.0, longer))
    if beep is not None:
        score += 0.4
    after = end_ms - (greeting.end if greeting is not None else 0)
    if (greeting is not None or beep is not None) and not answers and after >= HEARD_OUT_MS:
        score += 0.3
    score -= 0.3 * answers
    repeats = any(tone.kind == "repeated" for tone in tones) and len(contact) <= 1
    likelihood = 1.0 if fax or repeats else round(min(1.0, max(0.0, score)), 2)
    return Machine(likelihood, greeting, beep, answers, fax)


def _greeting(contact: list[Span]) -> Span | None:
    """What the contact says first, until a pause."""
    first = bridged(contact, GREETING_PAUSE_MS)[:1]
    return first[0] if first and first[0].start <= FIRST_WITHIN_MS else None


def _beep(greeting: Span | None, tones: Sequence[Tone]) -> Span | None:
    until = (greeting.end if greeting is not None else FIRST_WITHIN_MS) + BEEP_WITHIN_MS
    begin = greeting.start if greeting is not None else 0
    return next((tone.span for tone in tones if tone.kind == "beep" and begin <= tone.span.start <= until), None)


def _answers(contact: list[Span], operator: list[Span], greeting: Span | None) -> int:
    """How often the contact spoke, more than a nod, after the operator had spoken behind the greeting."""
    begin = greeting.end if greeting is not None else 0
    asked = [span for span in operator if span.end > begin]
    if not asked:
        return 0
    replies = [turn for turn in turns_of(contact, operator) if turn.start >= begin and turn.length >= NOD_MS // 2]
    return sum(any(span.start < turn.start for span in asked) for turn in replies)
