"""The engine's record of one leg: a channel of FreeSWITCH whose id is the leg's."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from hearthline.switch.freeswitch.meter import Meter
from hearthline.switch.port import (
    LegId,
    LegKind,
    LegSnapshot,
    LegState,
    ListenMode,
    MediaStats,
    ParkSound,
    Party,
    Trunk,
)


@dataclass(slots=True, eq=False)
class Group:
    """Legs that hear each other: two are bridged, more (or what is left of more) are in a conference."""

    members: list[Leg]
    conference: str = ""  # its name; empty: a bridge


@dataclass(slots=True)
class Rtp:
    """What FreeSWITCH tells of a leg's packets; cumulative."""

    packets_in: int = 0
    packets_out: int = 0
    lost: int = 0  # by its receiver reports
    jitter_ms: float = 0.0
    round_trip_ms: float | None = None
    far_loss_percent: float | None = None
    codec: str = ""


@dataclass(slots=True, eq=False)
class Leg:
    id: LegId
    kind: LegKind
    started_at: float
    tags: dict[str, str] = field(default_factory=dict)
    state: LegState = LegState.NEW
    answered_at: float | None = None
    up_since: float = 0.0  # monotonic
    group: Group | None = None
    listens_to: Leg | None = None
    mode: ListenMode = ListenMode.SILENT
    sound: ParkSound = ParkSound.SILENCE  # while parked
    recording: str | None = None
    playing: str | None = None
    meter: Meter | None = None
    rtp: Rtp = field(default_factory=Rtp)
    max_duration_s: int = 0
    command: str = ""  # that rang it
    tries: int = 1  # of that command: more when its trunk began too many calls in that second
    trunk: Trunk | None = None  # that it was rung through, by this process
    # (cause, party) that we ask for; the channel's own cause counts otherwise
    asked_to_end: tuple[int, Party] | None = None
    give_up_at: float = 0.0  # monotonic: when ringing, connecting or the longest duration is over; 0: never
    renew_guard_at: float = 0.0  # monotonic: when FreeSWITCH's own timer has to be put off again
    stalled: bool = False
    heard_packets: int = -1  # at the last look
    heard_at: float = 0.0  # monotonic: when packets had last come
    looked_at: float = 0.0
    stats_due: float = 0.0

    def companions(self) -> list[Leg]:
        return [leg for leg in self.group.members if leg is not self] if self.group else []

    def stats(self, now: float | None = None) -> MediaStats:
        rtp, meter = self.rtp, self.meter
        return MediaStats(
            packets_in=rtp.packets_in,
            packets_out=rtp.packets_out,
            lost_in=rtp.lost,
            jitter_ms=rtp.jitter_ms,
            round_trip_ms=rtp.round_trip_ms,
            far_loss_percent=rtp.far_loss_percent,
            voice_in_ms=meter.voice_in_ms if meter else 0,
            voice_out_ms=meter.voice_out_ms if meter else 0,
            codec=rtp.codec,
            level_dbfs=meter.level_dbfs(now if now is not None else time.monotonic()) if meter else None,
        )

    def snapshot(self) -> LegSnapshot:
        companions = tuple(other.id for other in self.companions())
        if self.listens_to is not None:
            companions = (self.listens_to.id,)
        return LegSnapshot(
            leg=self.id,
            kind=self.kind,
            state=self.state,
            connected_with=companions,
            started_at=self.started_at,
            answered_at=self.answered_at,
            recording=self.recording,
            stats=self.stats(),
            tags=dict(self.tags),
        )
