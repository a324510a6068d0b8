"""What FreeSWITCH's events mean to the port: legs ring, answer, press keys, end; recordings and sounds are over."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from hearthline.switch.embedded.sip.causes import NETWORK_OUT_OF_ORDER, TIMER_EXPIRY
from hearthline.switch.freeswitch import dialling, phones
from hearthline.switch.freeswitch.arrangement import leave
from hearthline.switch.freeswitch.endings import ending_of
from hearthline.switch.freeswitch.frames import Event
from hearthline.switch.freeswitch.legs import Leg
from hearthline.switch.port import (
    LegAnswered,
    LegDigit,
    LegEarlyMedia,
    LegHungUp,
    LegKind,
    LegRinging,
    LegState,
    Party,
    SoundFinished,
    Transport,
)

if TYPE_CHECKING:
    from hearthline.switch.freeswitch.engine import FreeswitchSwitch

SUBSCRIBED = (
    "CHANNEL_CREATE",
    "CHANNEL_PROGRESS",
    "CHANNEL_PROGRESS_MEDIA",
    "CHANNEL_ANSWER",
    "CHANNEL_BRIDGE",
    "CHANNEL_PARK",
    "CHANNEL_EXECUTE",
    "CHANNEL_HANGUP_COMPLETE",
    "RECORD_STOP",
    "MEDIA_BUG_STOP",
    "DTMF",
    "SEND_RTCP_MESSAGE",
    "RECV_RTCP_MESSAGE",
    "BACKGROUND_JOB",
    "CUSTOM",
    "conference::maintenance",
    "sofia::gateway_state",
    *phones.EVENTS,
)


def moment_of(event: Event) -> float:
    """When it happened at FreeSWITCH, in seconds."""
    text = event.get("Event-Date-Timestamp", "")
    return int(text) / 1e6 if text.isascii() and text.isdigit() else time.time()


class ChannelEvents:
    def __init__(self, engine: FreeswitchSwitch) -> None:
        self._engine = engine
        self._handlers: dict[str, Callable[[Leg, Event], None]] = {
            "CHANNEL_CREATE": self._created,
            "CHANNEL_PROGRESS": self._ringing,
            "CHANNEL_PROGRESS_MEDIA": self._early,
            "CHANNEL_ANSWER": self._answered,
            "CHANNEL_PARK": self._parked,
            "CHANNEL_EXECUTE": self._executes,
            "CHANNEL_HANGUP_COMPLETE": self._hung_up,
            "MEDIA_BUG_STOP": self._bug_stopped,
            "DTMF": self._digit,
            "SEND_RTCP_MESSAGE": self._reported,
            "RECV_RTCP_MESSAGE": self._far_reported,
        }

    def take(self, event: Event) -> None:
        name = event.get("Event-Name", "")
        engine = self._engine
        if name == "RECORD_STOP":  # may come after the leg's end
            engine.recordings.stopped(event)
            return
        if name == "CHANNEL_BRIDGE":
            a, b = event.get("Bridge-A-Unique-ID", ""), event.get("Bridge-B-Unique-ID", "")
            engine.arranger.words.came("bridge", a, b)
            return
        if event.get("Event-Subclass") == "sofia::gateway_state":
            engine.gateways.changed(event)
            return
        if event.get("Event-Subclass") in phones.EVENTS:
            engine.phones.take(event, moment_of(event))
            return
        if name == "CHANNEL_HANGUP_COMPLETE" and event.get("variable_hl_watched"):
            engine.watched.take(event, moment_of(event))
            return
        leg = engine.legs_here.get(event.get("Unique-ID", ""))
        if leg is None:
            return
        if name == "CUSTOM":
            if event.get("Action") == "add-member":
                engine.arranger.words.came("member", leg.id)
            return
        handler = self._handlers.get(name)
        if handler is not None:
            handler(leg, event)

    # --- a call's beginning -------------------------------------------------------------------------------------------

    def _created(self, leg: Leg, event: Event) -> None:
        if leg.asked_to_end is not None:
            self._engine.spawn(self._engine.kill(leg), "hang up a leg that has just come")

    def _ringing(self, leg: Leg, event: Event) -> None:
        if leg.kind is LegKind.PHONE and leg.state is LegState.NEW:
            leg.state = LegState.RINGING
            self._engine.emit(LegRinging(leg.id, moment_of(event)))

    def _early(self, leg: Leg, event: Event) -> None:
        if leg.kind is LegKind.PHONE and leg.state in (LegState.NEW, LegState.RINGING):
            leg.state = LegState.EARLY
            self._engine.emit(LegEarlyMedia(leg.id, moment_of(event)))

    def _answered(self, leg: Leg, event: Event) -> None:
        if leg.kind is LegKind.PHONE:  # a browser's leg is up when its audio is; see watching
            leg.rtp.codec = event.get("variable_rtp_use_codec_name", "") or leg.rtp.codec
            self.up(leg, moment_of(event))

    def up(self, leg: Leg, at: float) -> None:
        """A phone answered, or a browser's audio came."""
        if leg.state in (LegState.UP, LegState.GONE):
            return
        leg.state, leg.answered_at = LegState.UP, at
        self._engine.watch.begins(leg)
        self._engine.emit(LegAnswered(leg.id, at))

    # --- arrangements -------------------------------------------------------------------------------------------------

    def _parked(self, leg: Leg, event: Event) -> None:
        self._engine.arranger.words.came("park", leg.id)

    def _executes(self, leg: Leg, event: Event) -> None:
        if event.get("Application") in ("park", "endless_playback"):
            self._engine.arranger.words.came("application", leg.id)

    def _bug_stopped(self, leg: Leg, event: Event) -> None:
        sound = event.get("Media-Bug-Target", "")
        if event.get("Media-Bug-Function") == "displace" and sound == leg.playing:
            leg.playing = None
            self._engine.emit(SoundFinished(leg.id, moment_of(event), sound))

    def _digit(self, leg: Leg, event: Event) -> None:
        digit = event.get("DTMF-Digit", "")
        if digit:
            self._engine.emit(LegDigit(leg.id, moment_of(event), digit))

    # --- what RTCP says -----------------------------------------------------------------------------------------------

    def _reported(self, leg: Leg, event: Event) -> None:
        """FreeSWITCH's own report on what it receives (RFC 3550 §6.4.1)."""
        lost, jitter = event.get("Source-Lost", ""), event.get("Source-Jitter", "")
        if lost.isdigit():
            leg.rtp.lost = int(lost) if int(lost) < 1 << 31 else 0  # duplicates can make it negative
        if jitter.isdigit():
            leg.rtp.jitter_ms = round(int(jitter) / (48 if leg.rtp.codec == "opus" else 8), 1)

    def _far_reported(self, leg: Leg, event: Event) -> None:
        fraction, round_trip = event.get("Source0-Fraction", ""), event.get("Rtt0-Avg", "")
        if fraction.isdigit():
            leg.rtp.far_loss_percent = round(int(fraction) * 100 / 256, 1)
        try:
            seconds = float(round_trip)
        except ValueError:
            return
        if 0 < seconds < 60:
            leg.rtp.round_trip_ms = round(1000 * seconds, 1)

    # --- the end ------------------------------------------------------------------------------------------------------

    def _hung_up(self, leg: Leg, event: Event) -> None:
        if dialling.is_too_soon(event) and self._engine.ringing.again(leg):
            return
        cause, by, status = ending_of(event)
        if leg.kind is LegKind.BROWSER and leg.state is LegState.NEW and by is Party.SWITCH:
            cause = TIMER_EXPIRY  # it never came
        if leg.asked_to_end is not None:
            cause, by = leg.asked_to_end
            status = None
        for name, field in (("in", "packets_in"), ("out", "packets_out")):
            text = event.get(f"variable_rtp_audio_{name}_media_packet_count", "")
            if text.isdigit():
                setattr(leg.rtp, field, max(getattr(leg.rtp, field), int(text)))
        self.ended(leg, moment_of(event), cause, by, status)

    def end_without_channel(self, leg: Leg, reason: str) -> None:
        """FreeSWITCH made no channel of a call that was asked for; `reason` is its cause's name."""
        cause, by, status = ending_of({"Hangup-Cause": reason.strip()})
        if leg.asked_to_end is not None:
            cause, by = leg.asked_to_end
        self.ended(leg, time.time(), cause or NETWORK_OUT_OF_ORDER, by, status)

    def ended(self, leg: Leg, at: float, cause: int, by: Party, status: int | None = None) -> None:
        engine = self._engine
        if leg.state is LegState.GONE:
            return
        silent = leg.state is LegState.NEW and cause == TIMER_EXPIRY and by is Party.SWITCH
        if silent and leg.trunk is not None and leg.trunk.transport is Transport.TLS:
            engine.spawn(engine.ringing.log_why_silent(leg.trunk), "why a provider is silent")
        listeners = [one for one in engine.legs_here.values() if one.listens_to is leg]
        others = leave(leg)
        engine.forget(leg)
        engine.emit(LegHungUp(leg.id, at, cause, by, status, leg.stats()))
        if others or listeners:
            engine.spawn(engine.arranger.gone(leg, others, listeners), "those who are left")
