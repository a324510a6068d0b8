"""From stretches of speech to figures of a conversation. Pure; every time is in milliseconds of the recording."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from hearthline.quality.analysis.voice import Span, bridged, within

TURN_PAUSE_MS = 1000  # who pauses for less has not finished the sentence
MONOLOGUE_PAUSE_MS = 2000  # who pauses for less goes on talking, unless the other one says something
NOD_MS = 900  # what is shorter ("yes", "uh-huh") is a nod: it neither interrupts nor ends a monologue
BREATH_MS = 500  # who draws breath is still speaking
INTERRUPTED_AFTER_MS = 300  # the other one must have been speaking for so long, else both began at once
OVERLAP_MS = 250  # ... and both must speak for so long: ends and beginnings that touch are the art of talking
SILENCE_MS = 2000  # a shorter one is thinking
LONGEST_LATENCY_MS = 10_000  # who speaks up after longer than this does not answer


@dataclass(frozen=True, slots=True)
class Talk:
    """What the spans of both say. The operator's are those while the operator was on the line."""

    contact_first_word_ms: int | None  # from the answer; None: never
    operator_first_word_ms: int | None
    contact_speech_ms: int
    operator_speech_ms: int
    talk_ratio: float | None
    contact_monologue: Span | None
    operator_monologue: Span | None
    longest_silence: Span | None
    silence_share: float
    interruptions_by_operator: tuple[Span, ...]
    interruptions_by_contact: tuple[Span, ...]
    overlap_ms: int
    operator_latency_ms: int | None
    operator_latency_p90_ms: int | None
    contact_latency_ms: int | None
    contact_turns: int
    operator_turns: int


def talk_of(contact: list[Span], operator: list[Span], presences: list[Span]) -> Talk:
    """`presences`: while contact and operator could talk with each other, in order."""
    latencies = latencies_of(contact, operator)
    by_operator, by_contact = interruptions(contact, operator), interruptions(operator, contact)
    silences = silences_of(contact, operator, presences)
    return Talk(
        contact_first_word_ms=first_word(contact),
        operator_first_word_ms=first_word(operator),
        contact_speech_ms=speech_ms(contact),
        operator_speech_ms=speech_ms(operator),
        talk_ratio=talk_ratio(contact, operator),
        contact_monologue=longest_monologue(contact, operator),
        operator_monologue=longest_monologue(operator, contact),
        longest_silence=max(silences, key=lambda span: span.length, default=None),
        silence_share=silence_share(silences, presences),
        interruptions_by_operator=tuple(by_operator),
        interruptions_by_contact=tuple(by_contact),
        overlap_ms=sum(span.length for span in by_operator + by_contact),
        operator_latency_ms=percentile(latencies, 50),
        operator_latency_p90_ms=percentile(latencies, 90),
        contact_latency_ms=percentile(latencies_of(operator, contact), 50),
        contact_turns=len(turns_of(contact, operator)),
        operator_turns=len(turns_of(operator, contact)),
    )


def first_word(spans: Sequence[Span]) -> int | None:
    """Milliseconds until somebody begins to speak; None: never. An operator who lets a contact say "hello?" twice loses them."""
    return spans[0].start if spans else None


def speech_ms(spans: Sequence[Span]) -> int:
    """Milliseconds of speech, pauses of less than `voice.BRIDGED_MS` included."""
    return sum(span.length for span in spans)


def talk_ratio(contact: Sequence[Span], operator: Sequence[Span]) -> float | None:
    """The operator's share, 0..1, of all speech; None: nobody spoke. Near 1 a script was read to somebody, near 0 nobody led."""
    theirs, ours = speech_ms(contact), speech_ms(operator)
    return round(ours / (theirs + ours), 4) if theirs + ours else None


def turns_of(mine: list[Span], other: list[Span]) -> list[Span]:
    """Turns at speaking: pauses of less than a second are part of a turn, unless the other one spoke in them."""
    return _joined(mine, [span for span in other if span.length >= NOD_MS], TURN_PAUSE_MS)


def longest_monologue(mine: list[Span], other: list[Span]) -> Span | None:
    """The longest stretch in which one side alone spoke, pauses of less than two seconds and the other's nods included. Long ones
    are scripts read out, or, on the contact's side, a story that nobody steered."""
    spoken = [span for span in other if span.length >= NOD_MS]
    stretches = _joined(mine, spoken, MONOLOGUE_PAUSE_MS)
    return max(stretches, key=lambda span: span.length, default=None)


def silences_of(contact: list[Span], operator: list[Span], presences: list[Span]) -> list[Span]:
    """Where nobody spoke for two seconds or more while both were there."""
    both = bridged(sorted(contact + operator), 1)
    gaps: list[Span] = []
    for presence in presences:
        spoken = within(both, [presence])
        edges = [presence.start, *(time for span in spoken for time in (span.start, span.end)), presence.end]
        gaps += [Span(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True)]
    return [gap for gap in gaps if gap.length >= SILENCE_MS]


def silence_share(silences: Sequence[Span], presences: Sequence[Span]) -> float:
    """The share, 0..1, of the talk in which nobody spoke (stretches of two seconds or more). Much of it: a form filled in while
    the contact waits, or time being spent."""
    total = speech_ms(presences)
    return round(speech_ms(silences) / total, 4) if total else 0.0


def interruptions(interrupted: list[Span], by: list[Span]) -> list[Span]:
    """Where `by` began to speak, more than a nod, in the middle of what the other said; each from its beginning to where one of
    the two fell silent."""
    found = []
    interrupted = bridged(interrupted, BREATH_MS)
    for turn in turns_of(by, interrupted):
        if turn.length < NOD_MS:
            continue
        at = bisect_left(interrupted, turn.start, key=lambda span: span.start) - 1
        if at < 0:
            continue
        spoken = interrupted[at]
        overlap = Span(turn.start, min(spoken.end, turn.end))
        if turn.start - spoken.start >= INTERRUPTED_AFTER_MS and overlap.length >= OVERLAP_MS:
            found.append(overlap)
    return found


def latencies_of(asked: list[Span], answered: list[Span]) -> list[int]:
    """Milliseconds from the end of each turn of one side to the beginning of the other's answer; where the answer began before the
    end there is none. Long ones: an operator who is not there; very short ones: one who does not listen."""
    found = []
    ends = [turn.end for turn in turns_of(asked, answered)]
    mine = [turn.end for turn in turns_of(answered, asked)]
    for turn in turns_of(answered, asked):
        before = bisect_left(ends, turn.start + 1) - 1
        if before < 0 or any(span.start < turn.start < span.end for span in asked):
            continue
        own = bisect_left(mine, turn.start + 1) - 1
        if own >= 0 and mine[own] > ends[before]:
            continue  # the same one spoke last: going on is no answer
        wait = turn.start - ends[before]
        if wait <= LONGEST_LATENCY_MS:
            found.append(wait)
    return found


def percentile(values: Sequence[int], share: int) -> int | None:
    """The value below which `share` per cent lie (nearest rank); None of nothing."""
    if not values:
        return None
    if share == 50:
        return round(median(values))
    return sorted(values)[max(0, -(-len(values) * share // 100) - 1)]


def _joined(mine: list[Span], spoken: list[Span], pause_ms: int) -> list[Span]:
    """Neighbours become one over a pause shorter than `pause_ms` unless the other one spoke in it or began to."""
    joined: list[Span] = []
    for span in mine:
        if joined and span.start - joined[-1].end < pause_ms:
            pause = Span(joined[-1].end, span.start)
            if not any(pause.start - OVERLAP_MS <= other.start < pause.end for other in spoken):
                joined[-1] = Span(joined[-1].start, max(span.end, joined[-1].end))
                continue
        joined.append(span)
    return joined
