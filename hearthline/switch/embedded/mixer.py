"""Who hears whom: arrangements of legs, and the work of one 20 ms tick.

Each seat's sources are worked out when the arrangement changes, not at every tick. A tick takes one frame from each
seat, then gives each seat the sum of its sources. Where there is exactly one source and nothing is laid over it, and
both speak the same codec, the payload is passed on as it came.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from hearthline.switch.embedded.audio import AudioPath
from hearthline.switch.embedded.pcm import add, rms
from hearthline.switch.embedded.recording import Recorder
from hearthline.switch.embedded.sounds import Playback, hold_music
from hearthline.switch.port import ListenMode, ParkSound

log = logging.getLogger(__name__)

MAX_TOGETHER = 32
_REPORT_TICKS = (
    150  # an RTCP report every 3 s (RFC 3550 §6.2 asks for 5 s at most often; calls need round trips sooner)
)
_ADAPT_TICKS = 50


class Seat:
    """One leg's place in the mixer."""

    __slots__ = (
        "_phase",
        "audio",
        "failed",
        "group",
        "listeners",
        "listens_to",
        "mode",
        "music",
        "name",
        "playback",
        "recorder",
        "sources",
    )

    def __init__(self, name: str, audio: AudioPath, phase: int) -> None:
        self.name = name
        self.audio = audio
        self._phase = phase
        self.failed = False  # something went wrong in a tick
        self.group: list[Seat] | None = None  # shared by all members; None: parked
        self.music: Playback | None = None  # while parked with music
        self.playback: Playback | None = None
        self.recorder: Recorder | None = None
        self.listens_to: Seat | None = None
        self.mode = ListenMode.SILENT
        self.listeners: list[Seat] = []
        self.sources: list[Seat] = []

    @property
    def phase(self) -> int:
        return self._phase

    def companions(self) -> list[Seat]:
        """The others of the arrangement."""
        return [seat for seat in self.group if seat is not self] if self.group else []


class Mixer:
    """All seats. `sound_finished(seat, name)` is called from the tick."""

    def __init__(self, sound_finished: Callable[[Seat, str], None]) -> None:
        self._seats: list[Seat] = []
        self._sound_finished = sound_finished
        self._ticks = 0
        self._added = 0

    def __len__(self) -> int:
        return len(self._seats)

    @property
    def connected(self) -> int:
        """Seats that are with somebody."""
        return sum(1 for seat in self._seats if seat.group)

    # --- arrangements -------------------------------------------------------------------------------------------------

    def seat(self, name: str, audio: AudioPath) -> Seat:
        """A new seat, parked in silence."""
        self._added += 1
        seat = Seat(name, audio, self._added * 7)  # 7 has no factor in common with the periods: work is spread
        self._seats.append(seat)
        return seat

    def remove(self, seat: Seat) -> None:
        """The leg is gone: those who were with it stay together, those who listened to it are parked."""
        self._leave(seat)
        for listener in list(seat.listeners):
            self._stop_listening(listener)
        self._stop_listening(seat)
        if seat in self._seats:
            self._seats.remove(seat)
        self._arrange()

    def connect(self, seats: Sequence[Seat], park: ParkSound) -> None:
        """These hear each other and nobody else; who was with them before and is not among them is parked."""
        wanted = list(seats)
        current = wanted[0].group
        if current is not None and set(current) == set(wanted):
            return  # asked for again
        left_over: list[Seat] = []
        for seat in wanted:
            left_over += [other for other in seat.companions() if other not in wanted and other not in left_over]
        for seat in (*wanted, *left_over):
            self._leave(seat)
        for seat in wanted:
            self._stop_listening(seat)
            seat.music = None
            seat.group = wanted
        for seat in left_over:
            seat.music = _music(park)
        self._arrange()

    def park(self, seat: Seat, sound: ParkSound) -> None:
        self._leave(seat)
        self._stop_listening(seat)
        if sound is ParkSound.SILENCE:
            seat.music = None
        elif seat.music is None:
            seat.music = _music(sound)
        self._arrange()

    def listen(self, seat: Seat, target: Seat, mode: ListenMode) -> None:
        self._leave(seat)
        self._stop_listening(seat)
        seat.music = None
        seat.listens_to, seat.mode = target, mode
        target.listeners.append(seat)
        self._arrange()

    def _leave(self, seat: Seat) -> None:
        group, seat.group = seat.group, None
        if group is None:
            return
        group.remove(seat)
        if len(group) == 1:
            group[0].group = None  # alone: parked in silence

    def _stop_listening(self, seat: Seat) -> None:
        if seat.listens_to is not None:
            seat.listens_to.listeners.remove(seat)
            seat.listens_to = None

    def _arrange(self) -> None:
        """Work out everybody's sources."""
        for seat in self._seats:
            seat.sources = seat.companions()
        for seat in self._seats:
            target = seat.listens_to
            if target is not None:
                seat.sources = [target, *(one for one in target.companions() if one is not seat)]
        for seat in self._seats:
            target = seat.listens_to
            if target is None or seat.mode is ListenMode.SILENT:
                continue
            target.sources.append(seat)
            if seat.mode is ListenMode.BARGE:
                for other in target.companions():
                    other.sources.append(seat)
        self._join_bargers()

    def _join_bargers(self) -> None:
        """Two who barge into the same conversation hear each other too."""
        bargers = [one for one in self._seats if one.listens_to is not None and one.mode is ListenMode.BARGE]
        for one in bargers:
            for other in bargers:
                together = one.listens_to is other.listens_to or (
                    one.listens_to is not None and other.listens_to in one.listens_to.companions()
                )
                if other is not one and together:
                    one.sources.append(other)

    # --- the tick -----------------------------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        self._ticks = ticks = self._ticks + 1
        seats = self._seats
        for seat in seats:
            try:
                seat.audio.pull(now)
            except Exception as error:  # noqa: BLE001 - one leg's trouble is never another's
                self._failed(seat, error)
        for seat in seats:
            try:
                self._give(seat)
                turn = ticks + seat.phase
                if not turn % _ADAPT_TICKS:
                    seat.audio.adapt()
                    if not turn % _REPORT_TICKS:
                        seat.audio.send_report(now)
            except Exception as error:  # noqa: BLE001 - one leg's trouble is never another's
                self._failed(seat, error)

    def _failed(self, seat: Seat, error: Exception) -> None:
        """A leg's audio cannot be handled in this tick: it is silent, and its first failure is told."""
        seat.audio.pcm = seat.audio.encoded = None
        if not seat.failed:
            seat.failed = True
            log.error("mixer: a leg's audio fails; the others go on", exc_info=error)

    def _give(self, seat: Seat) -> None:
        """Send one seat what it hears in this tick, and record it."""
        pcm: bytes | None = None
        level = 0
        encoded: bytes | None = None
        mixed = False
        audio = seat.audio
        for source in seat.sources:
            one = source.audio
            if one.pcm is None:
                continue
            if pcm is None:
                pcm, level = one.pcm, one.level
                if one.codec_name == audio.codec_name:
                    encoded = one.encoded
            else:
                pcm = add(pcm, one.pcm, 2)
                mixed = True
        over = self._overlay(seat) if seat.music is not None or seat.playback is not None else None
        if over is not None:
            pcm = over if pcm is None else add(pcm, over, 2)
            mixed = True
        if mixed and pcm is not None:
            level, encoded = rms(pcm, 2), None
        audio.send(pcm, level, encoded)
        if seat.recorder is not None:
            seat.recorder.add(audio.pcm, pcm)

    def _overlay(self, seat: Seat) -> bytes | None:
        """Music and played sounds of this tick."""
        frame = seat.music.frame() if seat.music is not None else None
        playback = seat.playback
        if playback is None:
            return frame
        played = playback.frame()
        if played is None:
            seat.playback = None
            self._sound_finished(seat, playback.name)
            return frame
        return played if frame is None else add(frame, played, 2)

    def skip(self, ticks: int) -> None:
        """Time has passed without ticks."""
        for seat in self._seats:
            seat.audio.skip(ticks)

    def seats(self) -> Iterable[Seat]:
        return tuple(self._seats)


def _music(sound: ParkSound) -> Playback | None:
    return Playback("music", hold_music(), loop=True) if sound is ParkSound.MUSIC else None
