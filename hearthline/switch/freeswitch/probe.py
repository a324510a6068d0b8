"""Does FreeSWITCH send its audio in time? A leg of our own that hears silence, and the kernel's word on when it came.

FreeSWITCH tells nothing of its own lateness, and under too much load it is late long before it fails a call. One leg
costs it next to nothing; a packet of it is due every 20 ms. The kernel stamps arrivals, so that a late reader of ours is
not taken for a late switch.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import re
import secrets
import socket
import struct
import time
import uuid
from collections import deque

from hearthline.switch.embedded.pcm import TICK_S
from hearthline.switch.embedded.rtp import RtpSender
from hearthline.switch.freeswitch.arrangement import Api
from hearthline.switch.freeswitch.line_port import LinePort
from hearthline.switch.port import SwitchError

log = logging.getLogger(__name__)

KIND = "probe"
LATE_S = 0.005  # beyond the 20 ms from one packet to the next
_WINDOW_S = 5.0
_SO_TIMESTAMPNS = 35  # <asm-generic/socket.h>; Python has no name for it
_ALIVE_S = 1.0  # FreeSWITCH gives up a leg from which nothing comes
_GONE_S = 5.0  # without a packet for so long there is no probe
_SILENCE = b"\xff" * 160


class Probe:
    """Make it with the port for lines; `run` until cancelled."""

    def __init__(self, lines: LinePort, api: Api, host: str) -> None:
        self._api = api
        self._lines = lines
        self._host = host
        self._socket: socket.socket | None = None
        self._arrivals: deque[float] = deque(maxlen=4 * int(_WINDOW_S / TICK_S))  # wall clock
        self._began = 0.0

    async def run(self) -> None:
        while True:
            try:
                await self._one_leg()
            except SwitchError as error:
                log.debug("freeswitch: no probe: %s", error.message)
            except OSError as error:
                log.warning("freeswitch: no probe: %s", error.strerror)
            await asyncio.sleep(_ALIVE_S)

    def late_percent(self) -> float:
        """Of the ticks of the last five seconds: in how many a packet was late, or has not come. 0 without a probe."""
        now = time.time()
        if now - self._began < 1.0 or not self._arrivals:
            return 0.0
        since = max(now - _WINDOW_S, self._began + TICK_S)
        times = [since, *(at for at in self._arrivals if at > since), now]
        late = sum(_ticks_late(later - earlier) for earlier, later in itertools.pairwise(times))
        return round(min(100.0, 100 * late * TICK_S / (now - since)), 2)

    async def _one_leg(self) -> None:
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
            ear.setblocking(False)
            ear.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            ear.bind((self._host, 0))
            self._arrivals.clear()
            self._began = time.time()
            leg = uuid.uuid4().hex
            answer = await self._lines.invite(leg, _offer(self._host, ear.getsockname()[1]), kind=KIND)
            found = re.search(r"^m=audio (\d{1,5}) ", answer, re.MULTILINE)
            address = re.search(r"^c=IN IP4 ([0-9.]{7,15})", answer, re.MULTILINE)
            if found is None or address is None:
                log.warning("freeswitch: no probe: its answer cannot be read")
                return
            await self._api(f"sched_del {leg}")  # else FreeSWITCH ends it, as a browser that never came
            loop.add_reader(ear, self._read, ear)
            try:
                await self._stay(ear, (address[1], int(found[1])))
            finally:
                loop.remove_reader(ear)

    async def _stay(self, ear: socket.socket, there: tuple[str, int]) -> None:
        sender = RtpSender()
        last = time.time()
        while time.time() - last < _GONE_S:
            ear.sendto(sender.packet(0, _SILENCE, marker=False), there)
            await asyncio.sleep(_ALIVE_S)
            if self._arrivals:
                last = max(last, self._arrivals[-1])

    def _read(self, ear: socket.socket) -> None:
        while True:
            try:
                data, ancillary, _, _ = ear.recvmsg(2048, socket.CMSG_SPACE(16))
            except OSError:
                return
            if len(data) < 12:
                continue
            at = time.time()
            for level, kind, value in ancillary:
                if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(value) >= 16:
                    seconds, nanoseconds = struct.unpack("qq", value[:16])
                    at = seconds + nanoseconds / 1e9
            self._arrivals.append(at)


def _ticks_late(gap_s: float) -> int:
    return int((gap_s - TICK_S - LATE_S) / TICK_S) + 1 if gap_s > TICK_S + LATE_S else 0


def _offer(host: str, port: int) -> str:
    lines = (
        "v=0",
        f"o=- {secrets.randbits(40)} 1 IN IP4 {host}",
        "s=-",
        f"c=IN IP4 {host}",
        "t=0 0",
        f"m=audio {port} RTP/AVP 0",
        "a=rtpmap:0 PCMU/8000",
        "a=ptime:20",
        "a=sendrecv",
    )
    return "\r\n".join(lines) + "\r\n"
