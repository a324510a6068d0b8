"""Stereo recordings of legs: 16-bit 8 kHz WAV, left what the party says, right what the party hears.

The tick only appends two frames to lists. Once a second they are joined, interleaved and written by one writer thread,
which also renews the header, so that a file left by a crash is a valid WAV that lacks at most its last second.
"""

from __future__ import annotations

import logging
import os
import struct
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO

from hearthline.switch.embedded.pcm import RATE, SILENCE, TICK_MS, add, tostereo

log = logging.getLogger(__name__)

_FLUSH_TICKS = 50
_MAX_PENDING = 30  # seconds of audio that may wait for a slow disk; beyond it audio is lost, and said so
_MAX_BYTES = 0xFFFFFFFF - 64  # of a RIFF chunk
_CHANNELS, _WIDTH = 2, 2


def wav_header(data_bytes: int) -> bytes:
    """The 44 bytes of a stereo 16-bit 8 kHz PCM WAV file."""
    block = _CHANNELS * _WIDTH
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        36 + data_bytes,
        b"WAVE",
        b"fmt ",
        16,
        1,  # PCM
        _CHANNELS,
        RATE,
        RATE * block,
        block,
        8 * _WIDTH,
        b"data",
        data_bytes,
    )


class Recorder:
    """One file being written. `add` is called at every tick; `stop` ends it and tells when it is complete on disk."""

    def __init__(self, path: str, writer: ThreadPoolExecutor, phase: int) -> None:
        """Create the file (it must not exist: a recording is evidence and is never overwritten); OSError if not possible.
        `phase` spreads the recordings' flushes over the second."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file: BinaryIO = os.fdopen(descriptor, "wb", buffering=0)
        self._file.write(wav_header(0))
        self.path = path
        self._writer = writer
        self._left: list[bytes] = []
        self._right: list[bytes] = []
        self._until_flush = 1 + phase % _FLUSH_TICKS
        self._ticks = 0
        self._written = 0
        self._pending: list[Future[None]] = []
        self._failed = False
        self.paused = False  # silence is written instead of what is said

    @property
    def duration_ms(self) -> int:
        return self._ticks * TICK_MS

    def add(self, said: bytes | None, heard: bytes | None) -> None:
        if self.paused:
            said = heard = None
        self._left.append(said or SILENCE)
        self._right.append(heard or SILENCE)
        self._ticks += 1
        self._until_flush -= 1
        if not self._until_flush:
            self._until_flush = _FLUSH_TICKS
            self._flush()

    def _flush(self) -> None:
        left, self._left = self._left, []
        right, self._right = self._right, []
        self._pending = [one for one in self._pending if not one.done()]
        if self._failed or not left:
            return
        if len(self._pending) >= _MAX_PENDING:
            self._give_up("the disk does not keep up")
            return
        self._pending.append(self._writer.submit(self._write, left, right))

    def _give_up(self, reason: str) -> None:
        if not self._failed:
            self._failed = True
            log.error("recording: %s; the rest of one recording is lost", reason)

    def _write(self, left: list[bytes], right: list[bytes]) -> None:
        """On the writer's thread."""
        data = add(tostereo(b"".join(left), 2, 1, 0), tostereo(b"".join(right), 2, 0, 1), 2)
        if self._failed or self._written + len(data) > _MAX_BYTES:
            return
        try:
            self._file.seek(44 + self._written)
            self._file.write(data)
            self._written += len(data)
            self._file.seek(0)
            self._file.write(wav_header(self._written))
        except OSError as error:
            self._give_up(error.strerror or "the file cannot be written")

    def stop(self, finished: Callable[[int], None]) -> None:
        """Write what is left and close. `finished(duration_ms)` is called on the writer's thread: the file is complete."""
        self._flush()

        def close() -> None:
            try:
                os.fsync(self._file.fileno())
            except OSError as error:
                self._give_up(error.strerror or "the file cannot be synchronised")
            self._file.close()
            finished(self._written * 1000 // (RATE * _CHANNELS * _WIDTH))

        self._writer.submit(close)
