"""When a call is recorded: from its answer, or once the contact knows of it; paused while it must not hear something.

A played announcement is heard by contact and operator alike, who are joined already: whoever objects is heard at once, and
nobody meets silence. Where it cannot be played, the operator is asked to read it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hearthline.calls import call_events as ev
from hearthline.calls.call_effects import NoteAnnounced, NotePause, PauseRecording, Play, Record, Sound, StopPlaying
from hearthline.calls.call_state import WITH_OPERATOR, Taping

if TYPE_CHECKING:
    from hearthline.calls.turn import Turn

# timers
RESUME = "recording_resume"
ANNOUNCEMENT = "announcement"
ANNOUNCEMENT_BOUND_S = 75  # an announcement of whose end nobody tells is taken for not heard


def begin(turn: Turn, at: float) -> None:
    """The contact has answered."""
    state = turn.state
    if not state.record:
        return
    if state.consent == "played":
        turn.add(Play(state.contact, Sound.CONSENT), Play(state.operator, Sound.CONSENT))
        turn.start(ANNOUNCEMENT, at + ANNOUNCEMENT_BOUND_S)
    if state.consent and not state.record_with_consent:
        turn.change(recording=Taping.WAITING)
    else:
        _start(turn)


def sound_finished(turn: Turn, leg: str) -> None:
    state = turn.state
    if leg == state.contact and state.consent == "played" and not state.announced and state.answered:
        _announced(turn)


def not_announced(turn: Turn) -> None:
    """It could not be played: the operator is asked to read it."""
    if turn.state.consent == "played" and not turn.state.announced and turn.state.recording is not Taping.OFF:
        turn.change(consent="read")
        turn.cancel(ANNOUNCEMENT)
        turn.add(StopPlaying(turn.state.operator))
        tell(turn, "not_played")


def asked(turn: Turn, event: ev.RecordingAsked) -> None:
    """Raises UndefinedTransitionError when it means nothing now."""
    state = turn.state
    if state.phase not in WITH_OPERATOR or state.ending is not None or state.recording is Taping.OFF:
        raise turn.undefined(event)
    if state.recording is Taping.WAITING:
        if not event.on or state.consent != "read":
            raise turn.undefined(event)
        _announced(turn)
    elif event.on and state.recording is Taping.PAUSED:
        resume(turn, "asked")
    elif not event.on and state.recording is Taping.ON:
        turn.change(recording=Taping.PAUSED)
        turn.add(PauseRecording(state.contact, on=True), NotePause(state.contact, on=True))
        turn.start(RESUME, event.at + state.limits.pause_s)
        tell(turn, "asked")


def resume(turn: Turn, why: str) -> None:
    """Nothing when it is not paused."""
    state = turn.state
    if state.recording is not Taping.PAUSED:
        return
    turn.change(recording=Taping.ON)
    turn.cancel(RESUME)
    turn.add(PauseRecording(state.contact, on=False), NotePause(state.contact, on=False, why=why))
    tell(turn, why)


def end(turn: Turn) -> None:
    """The contact is gone, and the recording with it."""
    state = turn.state
    if state.recording is Taping.PAUSED:
        turn.cancel(RESUME)
        turn.add(NotePause(state.contact, on=False, why="ended"))
    turn.cancel(ANNOUNCEMENT)
    turn.change(recording=Taping.OFF)


def again(turn: Turn) -> None:
    """The switch was away: ask once more for what it may not have heard."""
    state = turn.state
    if state.recording in (Taping.ON, Taping.PAUSED):
        turn.add(PauseRecording(state.contact, on=state.recording is Taping.PAUSED))


def tell(turn: Turn, why: str) -> None:
    turn.tell("call.recording", recording=turn.state.recording.value, why=why)


def _announced(turn: Turn) -> None:
    turn.change(announced=True)
    turn.cancel(ANNOUNCEMENT)
    turn.add(NoteAnnounced())
    if turn.state.recording is Taping.WAITING:
        _start(turn)
    tell(turn, "announced")


def _start(turn: Turn) -> None:
    turn.change(recording=Taping.ON)
    turn.add(Record(turn.state.contact))
