"""Recordings of legs: FreeSWITCH writes them, so that they go on without call control."""

from __future__ import annotations

import asyncio
import os
import re
import time
import wave
from typing import TYPE_CHECKING

from hearthline.switch.freeswitch.frames import Event
from hearthline.switch.freeswitch.legs import Leg
from hearthline.switch.port import LegId, RecordingStopped, SwitchError, SwitchErrorCode

if TYPE_CHECKING:
    from hearthline.switch.freeswitch.engine import FreeswitchSwitch


def stereo(buffered_ms: int) -> str:
    """Left what the leg says, right what it hears, from the first frame on; written out every `buffered_ms`."""
    return (
        "{RECORD_STEREO=true,record_sample_rate=8000,RECORD_MIN_SEC=0,RECORD_PRE_BUFFER_FRAMES=1,"
        f"enable_file_write_buffering={32 * buffered_ms}}}"
    )


_FILE_BUFFER_MS = 500
_CANNOT_BE_SAID = re.compile(r"[\x00-\x20'\"\\,;{}\[\]|$]")


def _bad(message: str) -> SwitchError:
    return SwitchError(SwitchErrorCode.BAD_REQUEST, message)


class Recordings:
    def __init__(self, engine: FreeswitchSwitch) -> None:
        self._engine = engine
        self._legs: dict[str, LegId] = {}  # whose recording a path is, until FreeSWITCH has closed the file

    async def start(self, leg: Leg, path: str) -> None:
        """SwitchError: BAD_REQUEST, NO_SUCH_LEG, FAILED, UNREACHABLE."""
        if leg.recording == path:
            return
        if not os.path.isabs(path) or not path.endswith(".wav") or _CANNOT_BE_SAID.search(path):
            raise _bad("A recording needs an absolute path to a .wav file, without blanks, quotes and brackets.")
        try:
            # a recording is evidence: the name is taken before FreeSWITCH, which would overwrite, hears of it
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o660))
        except FileExistsError:
            raise _bad("A recording of this name exists already; it is not overwritten.") from None
        except OSError as error:
            raise _bad(f"The recording cannot be written: {error.strerror}.") from None
        await self.stop(leg)
        self.adopt(leg, path)
        reply = await self._engine.socket.api(f"uuid_record {leg.id} start {path} 0 {stereo(_FILE_BUFFER_MS)}")
        if not reply.startswith("+OK"):
            leg.recording = None
            self._legs.pop(path, None)
            os.unlink(path)
            if "Cannot locate" in reply:
                raise SwitchError(SwitchErrorCode.NO_SUCH_LEG, "There is no such leg; it may have ended.")
            raise SwitchError(SwitchErrorCode.FAILED, "FreeSWITCH could not begin the recording.")
        await self._engine.socket.api(f"uuid_setvar {leg.id} hl_recording {path}")

    def adopt(self, leg: Leg, path: str) -> None:
        """The leg is being recorded to this file."""
        leg.recording = path
        self._legs[path] = leg.id

    async def stop(self, leg: Leg) -> None:
        if leg.recording is not None:
            await self._engine.socket.api(f"uuid_record {leg.id} stop {leg.recording}")
            await self._engine.socket.api(f"uuid_setvar {leg.id} hl_recording")
            leg.recording = None

    async def pause(self, leg: Leg, on: bool) -> None:
        """FreeSWITCH writes silence while a recording is masked. SwitchError: FAILED, UNREACHABLE."""
        if leg.recording is None:
            return
        reply = await self._engine.socket.api(f"uuid_record {leg.id} {'mask' if on else 'unmask'} {leg.recording}")
        if not reply.startswith("+OK"):
            raise SwitchError(SwitchErrorCode.FAILED, "FreeSWITCH could not pause the recording.")

    def stopped(self, event: Event) -> None:
        """FreeSWITCH has closed a file: a recording, or a meter's pipe."""
        path = event.get("Record-File-Path", "")
        leg = self._engine.legs_here.get(event.get("Unique-ID", ""))
        if leg is not None and leg.meter is not None and path == str(leg.meter.path):
            self._engine.watch.meter_stopped(leg)
            return
        if path in self._legs:
            name = self._legs.pop(path)
            if leg is not None and leg.recording == path:
                leg.recording = None
            self._engine.spawn(self._tell(name, path), "a finished recording")

    async def _tell(self, leg: LegId, path: str) -> None:
        duration_ms = await asyncio.to_thread(duration_of, path)
        self._engine.emit(RecordingStopped(leg, time.time(), path, duration_ms))


def duration_of(path: str) -> int:
    """Milliseconds of a WAV file; 0 for one that holds nothing."""
    try:
        with wave.open(path, "rb") as file:
            return file.getnframes() * 1000 // file.getframerate()
    except (OSError, EOFError, wave.Error):
        return 0
