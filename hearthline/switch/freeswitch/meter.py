"""What a leg says and hears, measured: FreeSWITCH records it as raw stereo into a pipe that this process reads.

FreeSWITCH itself tells no levels and no voice of a bridged call. A pipe costs no disk, and who reads it sees the same
frames that a recording gets. Left is what the leg says, right what it hears. FreeSWITCH stops writing by itself after
`LONGEST_S` and is then asked again: without a reader, writing would fail for the rest of the call and fill its log.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import math
import os
import time
from pathlib import Path

from hearthline.switch.embedded.audio import VOICE_RMS
from hearthline.switch.embedded.pcm import FRAME_BYTES, FULL_SCALE, TICK_MS, rms, tomono

log = logging.getLogger(__name__)

LONGEST_S = 60  # of one recording into the pipe
_CHUNK = 2 * FRAME_BYTES  # 20 ms of both channels
_PIPE_BYTES = 262_144  # eight seconds
_LEVEL_KEPT_S = 2.0
_SILENT_RMS = 8  # what FreeSWITCH puts in place of missing packets is below; a microphone that is open is above


class Meter:
    """One leg's pipe. `close()` at the end; the pipe's file is removed then."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.voice_in_ms = self.voice_out_ms = 0
        self.sounded_at = -math.inf  # monotonic: when the leg last said anything but digital silence
        self._level, self._level_at = 0.0, -math.inf
        self._rest = b""
        path.unlink(missing_ok=True)
        os.mkfifo(path, 0o600)
        self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with contextlib.suppress(OSError):  # beyond the system's bound for pipes the usual size has to do
            fcntl.fcntl(self._file, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._loop = asyncio.get_running_loop()
        self._reading = False

    def expect(self) -> None:
        """FreeSWITCH begins to write now."""
        if not self._reading and self._file >= 0:
            self._reading = True
            self._loop.add_reader(self._file, self._read)

    def close(self) -> None:
        if self._file < 0:
            return
        self._read()
        self._pause()
        os.close(self._file)
        self._file = -1
        self.path.unlink(missing_ok=True)

    def _pause(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._file)

    def level_dbfs(self, now: float) -> float | None:
        """Recent level of what the leg says; None when nothing came lately."""
        if now - self._level_at > _LEVEL_KEPT_S:
            return None
        return round(20 * math.log10(max(self._level, 1) / FULL_SCALE), 1)

    def _read(self) -> None:
        try:
            data = os.read(self._file, _PIPE_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            log.warning("freeswitch: a meter cannot be read: %s", error.strerror)
            self._pause()
            return
        if not data:
            self._pause()  # the writer has closed; `expect` goes on with the next one
            self._rest = b""
            return
        data = self._rest + data
        whole = len(data) - len(data) % _CHUNK
        self._rest = data[whole:]
        now = time.monotonic()
        for at in range(0, whole, _CHUNK):
            self._take(data[at : at + _CHUNK], now)

    def _take(self, chunk: bytes, now: float) -> None:
        said = rms(tomono(chunk, 2, 1, 0), 2)
        self._level_at = now
        if said > _SILENT_RMS:
            self.sounded_at = now
        if said > VOICE_RMS:
            self.voice_in_ms += TICK_MS
        if rms(tomono(chunk, 2, 0, 1), 2) > VOICE_RMS:
            self.voice_out_ms += TICK_MS
        self._level += (0.5 if said > self._level else 0.1) * (said - self._level)  # a lost packet is not a quiet voice
