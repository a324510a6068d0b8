"""Learning what exists at FreeSWITCH: after a start, after a lost connection, and whenever somebody asks.

The channels are the truth. One that is ours and unknown is taken up, with what its variables say of it; a leg whose
channel is gone is told as hung up. What ended while nobody listened has no cause to tell: 41 by the switch.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from hearthline.switch.embedded.sip.causes import TEMPORARY_FAILURE
from hearthline.switch.freeswitch.frames import Event, parse_fields
from hearthline.switch.freeswitch.legs import Group, Leg
from hearthline.switch.freeswitch.line_port import unpack_tags
from hearthline.switch.port import LegKind, LegState, ListenMode, ParkSound, Party, SwitchError, SwitchErrorCode

if TYPE_CHECKING:
    from hearthline.switch.freeswitch.engine import FreeswitchSwitch

_YOUNG_S = 3.0  # a leg this young may have no channel yet
_STATES = {"RINGING": LegState.RINGING, "EARLY": LegState.EARLY, "ACTIVE": LegState.UP, "HELD": LegState.UP}


async def adopt_channels(engine: FreeswitchSwitch) -> None:
    """Bring the engine's legs into step with FreeSWITCH's channels. Raises SwitchError."""
    reply = await engine.socket.api("show channels as json")
    try:
        rows = json.loads(reply).get("rows") or []
        channels = {str(row["uuid"]) for row in rows}
    except (ValueError, KeyError, AttributeError):
        raise SwitchError(SwitchErrorCode.FAILED, "FreeSWITCH does not tell its channels.") from None
    places: dict[Leg, str] = {}
    for channel in channels - set(engine.legs_here):
        if channel in engine.gone or engine.config.guest:
            continue
        fields = parse_fields(await engine.socket.api(f"uuid_dump {channel}"))
        leg = _adopt(engine, channel, fields)
        if leg is not None:
            places[leg] = fields.get("variable_hl_place", "")
    for leg, place in places.items():
        _put(engine, leg, place)
    await _drop_missing(engine, channels)


async def _drop_missing(engine: FreeswitchSwitch, channels: set[str]) -> None:
    for leg in list(engine.legs_here.values()):
        if leg.id in channels or time.time() - leg.started_at < _YOUNG_S:
            continue
        if (await engine.socket.api(f"uuid_exists {leg.id}")) == "false" and leg.state is not LegState.GONE:
            engine.ended_unseen(leg, TEMPORARY_FAILURE, Party.SWITCH)


def _seconds(text: str) -> float:
    """FreeSWITCH's microseconds since 1970; 0 for none."""
    return int(text) / 1e6 if text.isascii() and text.isdigit() else 0.0


def _adopt(engine: FreeswitchSwitch, channel: str, fields: Event) -> Leg | None:
    kind = fields.get("variable_hl_kind", "")
    if kind not in (LegKind.BROWSER, LegKind.PHONE):
        return None
    leg = Leg(channel, LegKind(kind), _seconds(fields.get("Caller-Channel-Created-Time", "")) or time.time())
    leg.tags = unpack_tags(fields.get("variable_hl_tags", ""))
    leg.state = _STATES.get(fields.get("Channel-Call-State", ""), LegState.NEW)
    leg.answered_at = _seconds(fields.get("Caller-Channel-Answered-Time", "")) or None
    leg.rtp.codec = fields.get("variable_rtp_use_codec_name", "")
    longest = fields.get("variable_hl_longest", "")
    leg.max_duration_s = int(longest) if longest.isdigit() else engine.config.longest_call_s
    engine.legs_here[channel] = leg
    recording = fields.get("variable_hl_recording", "")
    if recording:
        engine.recordings.adopt(leg, recording)
    now = time.monotonic()
    if leg.state is LegState.UP:
        engine.watch.begins(leg, adopted=True)
        if leg.kind is LegKind.PHONE and leg.answered_at:
            leg.give_up_at = now + leg.max_duration_s - (time.time() - leg.answered_at)
            leg.renew_guard_at = now
    else:
        leg.give_up_at = now + engine.config.connect_timeout_s
    return leg


def _put(engine: FreeswitchSwitch, leg: Leg, place: str) -> None:
    """Where a leg is, by the variable that keeps its place; whoever it was with may have gone meanwhile."""
    kind, _, rest = place.partition(":")
    if kind == "park":
        leg.sound = ParkSound(rest) if rest in list(ParkSound) else ParkSound.SILENCE
    elif kind == "listen":
        target, _, mode = rest.partition(":")
        leg.listens_to = engine.legs_here.get(target)
        leg.mode = ListenMode(mode) if mode in list(ListenMode) else ListenMode.SILENT
    elif kind == "conference":
        _join(engine, leg, rest)
    elif kind == "bridge":
        other = engine.legs_here.get(rest)
        if other is not None and other.group is None:
            leg.group = other.group = Group([leg, other])


def _join(engine: FreeswitchSwitch, leg: Leg, conference: str) -> None:
    for other in engine.legs_here.values():
        if other is not leg and other.group is not None and other.group.conference == conference:
            other.group.members.append(leg)
            leg.group = other.group
            return
    leg.group = Group([leg], conference)
