"""The engine's record of one leg, and what it still knows of legs that are gone."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hearthline.switch.embedded.browser import BrowserLeg
from hearthline.switch.embedded.mixer import Seat
from hearthline.switch.port import LegId, LegKind, LegSnapshot, LegState, MediaStats, SwitchError, SwitchErrorCode

if TYPE_CHECKING:
    from hearthline.switch.embedded.sip.call import PhoneCall

_GONE_KEPT = 10_000
_MAX_TAGS, _MAX_TAG_CHARS = 16, 256


def checked_tags(tags: dict[str, str] | None) -> dict[str, str]:
    """A copy of a leg's tags. SwitchError(BAD_REQUEST) when they are too many or too long."""
    tags = dict(tags or {})
    if len(tags) > _MAX_TAGS or any(len(word) > _MAX_TAG_CHARS for pair in tags.items() for word in pair):
        sentence = f"A leg carries at most {_MAX_TAGS} tags of {_MAX_TAG_CHARS} characters."
        raise SwitchError(SwitchErrorCode.BAD_REQUEST, sentence)
    return tags


@dataclass(slots=True)
class Leg:
    """One leg. `seat` is None only while a phone leg's INVITE is being prepared."""

    id: LegId
    kind: LegKind
    started_at: float
    tags: dict[str, str] = field(default_factory=dict)
    state: LegState = LegState.NEW
    answered_at: float | None = None
    up_since: float = 0.0  # monotonic
    browser: BrowserLeg | None = None
    phone: PhoneCall | None = None
    seat: Seat | None = None
    max_duration_s: int = 0
    max_timer: asyncio.TimerHandle | None = None
    stalled: bool = False
    stats_due: float = 0.0  # monotonic

    def expects_audio(self) -> bool:
        """Whether packets should be coming from this leg now."""
        if self.state is not LegState.UP or self.seat is None:
            return False
        return self.browser.expects_audio() if self.browser is not None else self.seat.audio.receiving

    def stats(self, now: float) -> MediaStats:
        return self.seat.audio.stats(now) if self.seat is not None else MediaStats()

    def snapshot(self, now: float) -> LegSnapshot:
        seat = self.seat
        companions = tuple(other.name for other in seat.companions()) if seat is not None else ()
        if seat is not None and seat.listens_to is not None:
            companions = (seat.listens_to.name,)
        return LegSnapshot(
            leg=self.id,
            kind=self.kind,
            state=self.state,
            connected_with=companions,
            started_at=self.started_at,
            answered_at=self.answered_at,
            recording=seat.recorder.path if seat is not None and seat.recorder is not None else None,
            stats=self.stats(now),
            tags=dict(self.tags),
        )


class GoneLegs:
    """Names of legs that have been, so that a repeated request does not place a second call. Bounded."""

    def __init__(self) -> None:
        self._names: OrderedDict[LegId, None] = OrderedDict()

    def add(self, leg: LegId) -> None:
        self._names[leg] = None
        if len(self._names) > _GONE_KEPT:
            self._names.popitem(last=False)

    def __contains__(self, leg: LegId) -> bool:
        return leg in self._names
