"""Hearing when the other side has finished a sentence, by energy alone."""

from __future__ import annotations

TICKS_PER_SECOND = 50
FLOOR_START = 120.0  # RMS of a quiet line
LOUDEST_FLOOR = 700.0  # a noisier line is treated as this
FACTOR = 3.0  # speech is this much above the floor
LEAST = 250.0  # and at least this
BEGINS_AFTER = int(0.24 * TICKS_PER_SECOND)  # loud ticks: only then it is sure to be speech
ENDS_AFTER = int(0.7 * TICKS_PER_SECOND)  # quiet ticks: only then it is sure to be over


class TurnDetector:
    """Fed one level (RMS of 20 ms) per tick. `ended` is true for the one tick at which a turn of speech is over."""

    __slots__ = ("_floor", "_quiet", "_spoken", "ended", "speaking", "speaking_ticks")

    def __init__(self) -> None:
        self._floor = FLOOR_START
        self._spoken = 0  # loud ticks of the present turn
        self._quiet = 0
        self.speaking = False
        self.speaking_ticks = 0  # since the turn began, short pauses included
        self.ended = False

    def feed(self, level: float) -> None:
        self.ended = False
        loud = level > max(LEAST, self._floor * FACTOR)
        if loud:
            self._quiet = 0
            self._spoken += 1
        else:
            self._quiet += 1
            rate = 0.02 if level > self._floor else 0.2  # falls fast, rises slowly
            self._floor = min(LOUDEST_FLOOR, self._floor + rate * (level - self._floor))
        if self.speaking:
            self.speaking_ticks += 1
            if self._quiet >= ENDS_AFTER:
                self.speaking, self.ended = False, True
                self._spoken = 0
        elif self._spoken >= BEGINS_AFTER:
            self.speaking, self.speaking_ticks = True, 0
        elif self._quiet >= int(0.4 * TICKS_PER_SECOND):
            self._spoken = 0  # a click, not speech
