"""What is known of how an operator talked with a robot: the robot's log, and the analysis of the recording where it has come.

The robot knows to the tick what it said, where it was cut off and whether it broke in; what it hears of the operator it hears as an
answering machine would, by loudness. The recording is told from noise (docs/analysis.md). So the robot's lines are the log's, and
the operator's speech is the recording's as soon as there is one that can be laid beside the log; manners are measured on both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hearthline.calls.models import Attempt, Recording
from hearthline.quality.analysis.suspicions import HELD_MS
from hearthline.quality.analysis.transcription.phrases import check
from hearthline.quality.analysis.transcription.port import Heard
from hearthline.quality.models_analysis import AnalysisState, CallAnalysis
from hearthline.quality.models_scenarios import Ear, RobotCall

PAUSE_MS = 700  # who pauses for less goes on: as the robot's own ear has it (switch.robots.voice_activity)
NOD_MS = 240  # the robot does not take less for speech
CLOCKS_MS = 3000  # that the recording begins at the answer is right to so much, else it is not laid beside the log

Line = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Hearing:
    """`spoken` as `RobotCall.spoken`, the operator's part by the ear that is named. `words`: the operator's, None without a
    transcript."""

    spoken: Sequence[Line]
    ear: Ear
    words: Sequence[Heard] | None = field(default=None)


def hearing_of(call: RobotCall, attempt: Attempt) -> Hearing:
    """Two queries at the most."""
    analysis = analysis_of(attempt)
    if analysis is None:
        return Hearing(call.spoken, Ear.ROBOT)
    words = None
    if analysis.transcript is not None:
        words = [Heard(row["start_ms"], row["end_ms"], row["text"]) for row in _of_operator(analysis.transcript)]
    speech = _beside(call.spoken, analysis, attempt)
    if speech is None:
        return Hearing(call.spoken, Ear.ROBOT, words)
    robot = [one for one in call.spoken if one["by"] == "robot"]
    spoken = sorted([*robot, *speech], key=lambda one: int(one["begin_ms"]))
    return Hearing(spoken, Ear.RECORDING, words)


def spoken_of(call: RobotCall, attempt: Attempt) -> Sequence[Line]:
    """Who spoke when, by the ear that the score was measured by."""
    return hearing_of(call, attempt).spoken if call.ear == Ear.RECORDING else call.spoken


def analysis_of(attempt: Attempt) -> CallAnalysis | None:
    """Of the call's recording, where it is done. A call that was recorded in parts is not laid beside anything."""
    recordings = list(Recording.objects.filter(attempt=attempt).select_related("analysis")[:2])
    if len(recordings) != 1:
        return None
    analysis = getattr(recordings[0], "analysis", None)
    if analysis is None or analysis.state != AnalysisState.DONE:
        return None
    analysis.recording = recordings[0]
    found: CallAnalysis = analysis
    return found


def _of_operator(transcript: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [row for row in transcript if row["side"] == "operator"]


def _beside(spoken: Sequence[Line], analysis: CallAnalysis, attempt: Attempt) -> list[Line] | None:
    """The operator's turns of speech by the recording, in the log's time. None where the two cannot be laid beside each other: a part
    of the recording is missing, music was in the operator's channel, or the operator is not in it at all."""
    figures, recording = analysis.figures, analysis.recording
    robot = [one for one in spoken if one["by"] == "robot"]
    lacks_a_part = len(figures["presences"]) != 1 or recording.pauses or figures["held_ms"] > HELD_MS
    if not robot or not figures["contact"] or lacks_a_part or attempt.answered_at is None:
        return None
    deaf = not figures["operator"] and any(one["by"] == "operator" for one in spoken)
    offset = figures["contact"][0][0] - robot[0]["begin_ms"]
    expected = (attempt.answered_at - recording.started_at).total_seconds() * 1000
    if deaf or abs(offset - expected) > CLOCKS_MS:
        return None
    turns: list[list[int]] = []
    for begin, end in figures["operator"]:
        if turns and begin - turns[-1][1] < PAUSE_MS:
            turns[-1][1] = end
        else:
            turns.append([begin, end])
    return [
        {"by": "operator", "begin_ms": max(0, begin - offset), "end_ms": end - offset}
        for begin, end in turns
        if end - begin >= NOD_MS and end > offset
    ]


def was_said(words: Sequence[str], heard: Sequence[Heard]) -> bool:
    """Whether one of the words is in what a recogniser understood, misheard letters allowed for."""
    return any(said.said for said in check([(word, word) for word in words], heard))
