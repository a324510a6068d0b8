"""FreeSWITCH on the same work as the embedded engine: browser leg and phone leg, connected, recorded in stereo.

Without a FreeSWITCH on this machine there is nothing to measure, and nothing is printed. Its processor time is its
process's alone; the client's, which measures levels and voice, is not in it.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.engine import ROOT, cpu_s, expect, generate
from bench.figure import Figure
from hearthline.switch.freeswitch.config import FreeswitchConfig
from hearthline.switch.freeswitch.engine import FreeswitchSwitch
from hearthline.switch.freeswitch.rendering import NodeConfig, arguments, find_program, render

CALLS = 30
SETTLE_S = 5.0
MEASURE_S = 10.0
EVENT_PORT, LINES_PORT, SIP_PORT, RTP_PORTS = 18_021, 15_066, 15_080, (36_000, 37_998)
_PASSWORD, _KEY = "event-socket-of-a-bench", "lines-key-of-a-bench"


def figures() -> Iterator[Figure]:
    program = find_program()
    if program is None:
        return
    with tempfile.TemporaryDirectory(prefix="hl-") as name, freeswitch(program, Path(name)) as pid:
        for recorded in (False, True):
            yield _carried(Path(name), pid, recorded=recorded)


def _carried(folder: Path, pid: int, *, recorded: bool) -> Figure:
    command = [sys.executable, "-m", "bench.freeswitch", str(folder), str(CALLS if recorded else -CALLS)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        expect(process.stdout, "up")
        time.sleep(SETTLE_S)
        began, used = time.monotonic(), cpu_s(pid)
        time.sleep(MEASURE_S)
        spent = (cpu_s(pid) - used) / (time.monotonic() - began)
    finally:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()
    return Figure(
        f"FreeSWITCH: calls one core carries{', recorded' if recorded else ''}",
        f"{CALLS / spent:.0f}",
        compared_with=f"{CALLS} calls at once: {1000 * spent / CALLS:.2f} ms of CPU per call-second",
    )


@contextmanager
def freeswitch(program: str, folder: Path) -> Iterator[int]:
    (folder / "meters").mkdir()
    config = NodeConfig(
        _PASSWORD, _KEY, event_port=EVENT_PORT, lines_port=LINES_PORT, sip_port=SIP_PORT, rtp_ports=RTP_PORTS
    )
    render(config, folder)
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            [program, *arguments(folder)], stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        while not _listens():
            if process.poll() is not None:
                raise SystemExit("FreeSWITCH did not start")
            time.sleep(0.1)
        yield process.pid
    finally:
        process.kill()
        process.wait(30)


def _listens() -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", EVENT_PORT)) == 0


def client_of(folder: Path) -> FreeswitchSwitch:
    return FreeswitchSwitch(
        FreeswitchConfig(
            meter_folder=folder / "meters", event_password=_PASSWORD, lines_key=_KEY, event_port=EVENT_PORT,
            lines_port=LINES_PORT, sip_port=SIP_PORT,
        )
    )  # fmt: skip


if __name__ == "__main__":
    _, _folder, _calls = sys.argv
    _recordings = tempfile.mkdtemp(dir=_folder) if int(_calls) > 0 else ""
    asyncio.run(generate(client_of(Path(_folder)), abs(int(_calls)), _recordings))
