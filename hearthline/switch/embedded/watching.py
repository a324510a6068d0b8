"""What is to be told of a leg's audio while it is up: that nothing comes any more, that it comes again, how it is."""

from __future__ import annotations

import time
from collections.abc import Iterator

from hearthline.switch.embedded.config import EngineConfig
from hearthline.switch.embedded.legs import Leg
from hearthline.switch.port import LegMediaResumed, LegMediaStalled, LegStats, SwitchEvent


def watched(leg: Leg, now: float, config: EngineConfig, *, look_s: float) -> Iterator[SwitchEvent]:
    """One look at a leg that is up, every `look_s` seconds; `now` is monotonic. Notes in the leg what was told."""
    heard = leg.seat.audio.heard_at if leg.seat is not None else None
    silent_ms = int(1000 * (now - max(heard or 0.0, leg.up_since)))
    if leg.stalled:
        if silent_ms < 2000 * look_s or not leg.expects_audio():
            leg.stalled = False
            yield LegMediaResumed(leg.id, time.time())
    elif silent_ms >= config.stalled_after_ms and leg.expects_audio():
        leg.stalled = True
        yield LegMediaStalled(leg.id, time.time(), silent_ms)
    if now >= leg.stats_due:
        leg.stats_due = now + config.stats_interval_s
        yield LegStats(leg.id, time.time(), leg.stats(now))
