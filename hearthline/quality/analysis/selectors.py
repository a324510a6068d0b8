"""What pages show of an analysis, by who reads it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.contrib.auth.models import AnonymousUser
from django.db.models import Avg, Count, Q

from hearthline.calls.gates import recording_for_listener
from hearthline.calls.models import Recording
from hearthline.campaigns.models import CampaignKind, DispositionKind
from hearthline.people.models import Role, User
from hearthline.quality.analysis import words
from hearthline.quality.models import AnalysisState, CallAnalysis

Audience = Literal["staff", "owner", "operator"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where to listen: `at_s` seconds from the beginning, `clock` as it is read."""

    at_s: float
    clock: str


@dataclass(frozen=True, slots=True)
class ShownSuspicion:
    code: str
    sentence: str
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class ShownPhrase:
    """A key phrase of the script; `place` None: not heard."""

    text: str
    said: bool
    place: Place | None


@dataclass(frozen=True, slots=True)
class ShownWords:
    """What one side said, as the recogniser understood it."""

    side: str
    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class ShownAnalysis:
    """All in words of the reader's language. `state` tells whether there is anything."""

    audience: Audience
    state: str
    error: str = ""
    suspicions: tuple[ShownSuspicion, ...] = ()
    advice: tuple[str, ...] = ()
    rows: tuple[words.Row, ...] = ()
    phrases: tuple[ShownPhrase, ...] = ()
    transcript: tuple[ShownWords, ...] = ()


def shown(recording: Recording, audience: Audience) -> ShownAnalysis:
    """Suspicions for staff and owners, advice for the operator, figures for all. Reads `recording.analysis`: select it with the
    recordings of a list (`select_related("analysis")`)."""
    analysis: CallAnalysis | None = getattr(recording, "analysis", None)
    if analysis is None or analysis.state != AnalysisState.DONE:
        state = analysis.state if analysis is not None else AnalysisState.QUEUED
        return ShownAnalysis(audience, state, words.error(analysis.error) if analysis and analysis.error else "")
    there = recording.deleted_at is None  # the words and places go with the sound
    return ShownAnalysis(
        audience,
        analysis.state,
        suspicions=() if audience == "operator" else tuple(_suspicions(analysis)),
        advice=tuple(words.advice(analysis.figures, analysis.suspicions)) if audience == "operator" else (),
        rows=tuple(words.rows(analysis.figures)),
        phrases=tuple(_phrases(analysis)) if there else (),
        transcript=tuple(_transcript(analysis)) if there and audience != "operator" else (),
    )


def recording_for_reader(user: User | AnonymousUser, id: uuid.UUID) -> tuple[Recording, Audience]:
    """For whoever may listen, and for the operator of the call. Raises NotFoundError."""
    if isinstance(user, User) and user.is_active:
        own = Recording.objects.filter(pk=id, duration_ms__isnull=False, attempt__operator=user)
        if (recording := own.select_related("attempt__campaign", "analysis").first()) is not None:
            return recording, "operator"
    recording = recording_for_listener(user, id)
    staff = isinstance(user, User) and user.role in (Role.MODERATOR, Role.ADMIN)
    return recording, "staff" if staff else "owner"


def _suspicions(analysis: CallAnalysis) -> list[ShownSuspicion]:
    return [
        ShownSuspicion(
            code,
            words.suspicion(code, analysis.evidence),
            tuple(_place(at[0]) for at in analysis.evidence.get(code, {}).get("at", [])),
        )
        for code in analysis.suspicions
    ]


def _phrases(analysis: CallAnalysis) -> list[ShownPhrase]:
    return [
        ShownPhrase(one["phrase"], one["said"], _place(one["at_ms"]) if one["said"] else None)
        for one in analysis.phrases or []
    ]


def _transcript(analysis: CallAnalysis) -> list[ShownWords]:
    return [ShownWords(one["side"], one["text"], _place(one["start_ms"])) for one in analysis.transcript or []]


def place_at(ms: int | None) -> Place | None:
    """Where somebody pointed to in a recording."""
    return _place(ms) if ms is not None else None


def _place(ms: int) -> Place:
    return Place(max(0, ms - 500) / 1000, words.clock(ms))  # half a second before it, so that its beginning is heard


@dataclass(frozen=True, slots=True)
class OperatorFigures:
    """Means over an operator's analysed conversations; None where nothing is known."""

    calls: int
    suspicious: int
    talk_ratio: float | None
    operator_latency_ms: float | None
    interruptions: float | None  # of the contact, a call
    silence_share: float | None
    snr_db: float | None


def figures_of_operator(operator: User, since: datetime) -> OperatorFigures:
    """Of calls that began after `since` and were not put down as "no conversation"; practice is none of them. One query."""
    rows = CallAnalysis.objects.filter(
        state=AnalysisState.DONE,
        recording__attempt__operator=operator,
        recording__attempt__campaign__kind=CampaignKind.REAL,
        recording__attempt__dialled_at__gt=since,
        recording__attempt__disposition__isnull=False,
    ).exclude(recording__attempt__disposition__kind=DispositionKind.NO_CONVERSATION)
    means = {name: Avg(name) for name in OperatorFigures.__dataclass_fields__ if name not in ("calls", "suspicious")}
    found = rows.aggregate(calls=Count("pk"), suspicious=Count("pk", filter=Q(suspicion_count__gt=0)), **means)
    return OperatorFigures(**found)
