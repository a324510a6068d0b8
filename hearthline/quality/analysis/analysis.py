"""The whole analysis of one call: samples in, figures out. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from hearthline.quality.analysis.frames import Framer, Frames, Samples
from hearthline.quality.analysis.machines import Machine, machine_of
from hearthline.quality.analysis.microphone import Microphone, microphone_of
from hearthline.quality.analysis.talk import Talk, talk_of
from hearthline.quality.analysis.tones import Tone, tones_of
from hearthline.quality.analysis.voice import Span, speech_of, within

VERSION = 1  # of the method: figures of different versions are not compared


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known of a call beside its sound: while the operator was connected with the contact. `operator_left_ms` None: to the
    end. `away`: while the contact heard music (a briefing) or the recording was paused, in order. `held_ms`:
    for how long they heard music besides, nobody knows when (the operator's hold)."""

    operator_left_ms: int | None = None
    away: tuple[Span, ...] = ()
    held_ms: int = 0

    def presences(self, duration_ms: int) -> list[Span]:
        end = duration_ms if self.operator_left_ms is None else min(self.operator_left_ms, duration_ms)
        edges = [0, *(time for span in self.away for time in (span.start, span.end)), end]
        pairs = zip(edges[::2], edges[1::2], strict=True)
        return [Span(max(0, start), min(stop, end)) for start, stop in pairs if min(stop, end) > max(0, start)]


@dataclass(frozen=True, slots=True)
class Analysis:
    """Of one recording. `presences`: while the operator was there; figures of the talk are of them alone."""

    duration_ms: int
    presences: list[Span]
    held_ms: int
    contact: list[Span]
    operator: list[Span]
    contact_tones: list[Tone]
    operator_tones: list[Tone]
    talk: Talk
    operator_microphone: Microphone
    contact_line: Microphone
    machine: Machine

    @property
    def present_ms(self) -> int:
        return sum(span.length for span in self.presences)

    def to_json(self) -> dict[str, Any]:
        """Spans as [start, end], figures by the names of their fields."""
        return {
            "version": VERSION,
            "duration_ms": self.duration_ms,
            "presences": _plain(self.presences),
            "held_ms": self.held_ms,
            "contact": [_plain(span) for span in self.contact],
            "operator": [_plain(span) for span in self.operator],
            "contact_tones": [_tone(tone) for tone in self.contact_tones],
            "operator_tones": [_tone(tone) for tone in self.operator_tones],
            "talk": {name: _plain(getattr(self.talk, name)) for name in Talk.__dataclass_fields__},
            "microphone": asdict(self.operator_microphone),
            "contact_line": asdict(self.contact_line),
            "machine": {name: _plain(getattr(self.machine, name)) for name in Machine.__dataclass_fields__},
        }


def analyse(pieces: Iterable[tuple[Samples, Samples]], situation: Situation | None = None) -> Analysis:
    """Pieces of both channels, contact first, 16 bit at 8 kHz. Takes some six seconds of CPU for an hour of recording."""
    contact, operator = Framer(), Framer()
    for theirs, ours in pieces:
        contact.add(theirs)
        operator.add(ours)
    return analyse_frames(contact.frames(), operator.frames(), situation or Situation())


def analyse_frames(contact: Frames, operator: Frames, situation: Situation) -> Analysis:
    duration = min(contact.duration_ms, operator.duration_ms)
    contact_tones, operator_tones = tones_of(contact), tones_of(operator)
    presences = situation.presences(duration)
    theirs = within(speech_of(contact, [tone.span for tone in contact_tones]), presences)
    ours = within(speech_of(operator, [tone.span for tone in operator_tones]), presences)
    return Analysis(
        duration_ms=duration,
        presences=presences,
        held_ms=situation.held_ms,
        contact=theirs,
        operator=ours,
        contact_tones=contact_tones,
        operator_tones=operator_tones,
        talk=talk_of(theirs, ours, presences),
        operator_microphone=microphone_of(operator, ours, presences),
        contact_line=microphone_of(contact, theirs, presences),
        machine=machine_of(theirs, ours, contact_tones, presences[-1].end if presences else 0),
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Span):
        return [value.start, value.end]
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value


def _tone(tone: Tone) -> dict[str, Any]:
    return {"kind": tone.kind, "at": [tone.span.start, tone.span.end], "hz": tone.hz, "key": tone.key}
