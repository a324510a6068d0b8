"""The probe: one call among the others whose every 20 ms frame can be told from every other, so that what reaches the
ear is known frame by frame: when it was said, when it came, and what never came.

A frame is seeded noise at the level of speech, as PCMU. G.711 comes through a switch unchanged (also by way of linear
audio), so the payload itself is the marker: a frame that was concealed, damaged or invented matches none.
"""

from __future__ import annotations

import random
import statistics
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from hearthline.switch.embedded.audio import AudioPath
from hearthline.switch.embedded.pcm import SAMPLES, TICK_MS, lin2ulaw, ulaw2lin

MARKERS = 500  # ten seconds: a frame that is later than that is not looked for
_LOUDEST = 9000  # of 32768: a clear voice

# What a conversation bears, of which the node may use this much:
# - delay: DESIGN §13 gives an answer two ticks (40 ms). ITU-T G.114 wants at most 150 ms from mouth to ear, of which a
#   browser's own buffers, two access networks and the telephone network leave about a third to what stands between;
# - loss: ITU-T G.113 appendix I, G.711 with concealment (Bpl 25.1): half a per cent costs 2 of 93 points of R (G.107);
# - gap: ITU-T G.711 appendix I conceals 60 ms and is silent after.
DELAY_P99_MS = 60.0
LOSS_PERCENT = 0.5
GAP_MS = 60
LATE_MS = 60  # over the median: the ear's own buffer has played something else by then


def markers() -> list[bytes]:
    """Payloads, all different, each as it is after linear audio has been made of it and back."""
    chance = random.Random(1876)
    frames = []
    for _ in range(MARKERS):
        pcm = array("h", (chance.randint(-_LOUDEST, _LOUDEST) for _ in range(SAMPLES)))
        frames.append(lin2ulaw(ulaw2lin(lin2ulaw(pcm.tobytes(), 2), 2), 2))
    return frames


@dataclass(frozen=True, slots=True)
class Heard:
    """What one ear got of what the other mouth said, over one look."""

    frames: int  # that were said
    lost: int  # never came, came changed, or LATE_MS later than the median
    gap_ms: int  # the longest run of lost frames
    delays_ms: tuple[float, ...]  # of the frames that came, sorted

    @property
    def loss_percent(self) -> float:
        return 100.0 * self.lost / self.frames if self.frames else 100.0


def compare(said: Sequence[tuple[int, float]], came: Sequence[tuple[float, bytes]], known: dict[bytes, int]) -> Heard:
    """`said`: (marker, moment) of each frame in order; `came`: (moment, payload) of each packet; moments in seconds of one
    clock. A frame counts when it first came."""
    places: dict[int, list[int]] = {}
    for place, (marker, _) in enumerate(said):
        places.setdefault(marker, []).append(place)
    arrived: dict[int, float] = {}
    for at, payload in came:
        marker = known.get(payload, -1)
        if marker < 0:
            marker = known.get(lin2ulaw(ulaw2lin(payload, 2), 2), -1)
        place = next((p for p in reversed(places.get(marker, ())) if said[p][1] <= at), None)
        if place is not None:
            arrived.setdefault(place, at)
    delays = {place: 1000 * (at - said[place][1]) for place, at in arrived.items()}
    late_from = statistics.median(delays.values()) + LATE_MS if delays else 0.0
    lost = longest = run = 0
    for place in range(len(said)):
        missed = delays.get(place, late_from + 1) > late_from
        lost += missed
        run = run + 1 if missed else 0
        longest = max(longest, run)
    return Heard(len(said), lost, longest * TICK_MS, tuple(sorted(delays.values())))


@dataclass(frozen=True, slots=True)
class Look:
    """Both directions together: the worse of the two is what the conversation is like."""

    median_ms: float
    p99_ms: float
    loss_percent: float
    gap_ms: int

    @classmethod
    def of(cls, ways: Sequence[Heard]) -> Look:
        def at(heard: Heard, share: float) -> float:
            return heard.delays_ms[int(share * (len(heard.delays_ms) - 1))] if heard.delays_ms else float("inf")

        return cls(
            max(at(heard, 0.5) for heard in ways),
            max(at(heard, 0.99) for heard in ways),
            max(heard.loss_percent for heard in ways),
            max(heard.gap_ms for heard in ways),
        )

    @property
    def in_bounds(self) -> bool:
        return self.p99_ms <= DELAY_P99_MS and self.loss_percent <= LOSS_PERCENT and self.gap_ms <= GAP_MS

    def line(self) -> str:
        return f"delay {self.median_ms:.0f} ms, p99 {self.p99_ms:.0f} ms, lost {self.loss_percent:.1f} %, gap {self.gap_ms} ms"


class Tap:
    """Every packet that chosen audio paths of this process receive, before any jitter buffer of theirs."""

    def __init__(self) -> None:
        self._kept: dict[AudioPath, list[tuple[float, bytes]]] = {}
        receive = AudioPath.receive_rtp

        def tapped(audio: AudioPath, data: bytes, arrival: float) -> bool:
            kept = self._kept.get(audio)
            if kept is not None:
                kept.append((arrival, data[12:]))
            return receive(audio, data, arrival)

        setattr(AudioPath, "receive_rtp", tapped)  # noqa: B010 - the robots' own packets are watched, in this process only

    def on(self, audio: AudioPath) -> list[tuple[float, bytes]]:
        """From now on; an earlier list of this path is left."""
        self._kept[audio] = []
        return self._kept[audio]

    def off(self) -> None:
        self._kept.clear()
