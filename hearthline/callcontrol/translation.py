"""Between the switch's words and the machine's: leg ids, events, statistics."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from hearthline.calls import call_events as ev
from hearthline.switch import port


def leg_of(id: uuid.UUID | str) -> port.LegId:
    """The switch's id of a line, an attempt's contact or a manager's phone: the UUID in hex."""
    return uuid.UUID(str(id)).hex


def id_of(leg: port.LegId) -> uuid.UUID | None:
    """None for a leg that call control cannot have named."""
    try:
        return uuid.UUID(leg)
    except ValueError:
        return None


def stats_json(stats: port.MediaStats) -> dict[str, Any]:
    return asdict(stats)


def seen(stats: port.MediaStats) -> bool:
    """Whether the switch told anything at all."""
    return stats != port.MediaStats()


def since(stats: port.MediaStats, before: port.MediaStats) -> port.MediaStats:
    """What happened between two cumulative statistics of one leg."""
    return port.MediaStats(
        packets_in=max(0, stats.packets_in - before.packets_in),
        packets_out=max(0, stats.packets_out - before.packets_out),
        lost_in=max(0, stats.lost_in - before.lost_in),
        jitter_ms=stats.jitter_ms,
        round_trip_ms=stats.round_trip_ms,
        far_loss_percent=stats.far_loss_percent,
        voice_in_ms=max(0, stats.voice_in_ms - before.voice_in_ms),
        voice_out_ms=max(0, stats.voice_out_ms - before.voice_out_ms),
        codec=stats.codec,
        level_dbfs=stats.level_dbfs,
    )


def event_of(event: port.SwitchEvent) -> ev.LegEvent | None:
    """What an event about a leg means to a call; None when it means nothing."""
    translate = _LEG_EVENTS.get(type(event))
    return translate(event) if translate is not None else None


def _hung_up(event: port.LegHungUp) -> ev.HungUp:
    return ev.HungUp(
        event.leg,
        event.at,
        event.cause,
        ev.Cut(event.by.value),
        event.sip_status,
        stats_json(event.stats) if seen(event.stats) else {},
    )


_LEG_EVENTS: dict[type[Any], Callable[[Any], ev.LegEvent]] = {
    port.LegRinging: lambda e: ev.Ringing(e.leg, e.at),
    port.LegEarlyMedia: lambda e: ev.EarlyMedia(e.leg, e.at),
    port.LegAnswered: lambda e: ev.Answered(e.leg, e.at),
    port.LegHungUp: _hung_up,
    port.LegMediaStalled: lambda e: ev.MediaStalled(e.leg, e.at),
    port.LegMediaResumed: lambda e: ev.MediaResumed(e.leg, e.at),
    port.SoundFinished: lambda e: ev.SoundFinished(e.leg, e.at),
}
