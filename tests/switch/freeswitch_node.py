"""A FreeSWITCH of our own for tests: found, configured into a temporary folder, started on free ports, stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hearthline.switch.freeswitch.config import FreeswitchConfig
from hearthline.switch.freeswitch.rendering import NodeConfig, arguments, find_program, render
from tests.testbed.programs import free_port

RTP_PORTS = (34000, 35998)


def freeswitch_program() -> str:
    """The path of FreeSWITCH; skips the test where there is none."""
    found = find_program()
    if found is None:
        pytest.skip("skipped: no FreeSWITCH here")
    return found


class FreeswitchNode:
    """One FreeSWITCH below `folder`."""

    def __init__(self, program: str, folder: Path, *, tls: bool = False, phones: bool = True) -> None:
        self.program = program
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        self.config = NodeConfig(
            event_password="event-socket-of-a-test",
            lines_key="lines-key-of-a-test",
            event_port=free_port(),
            lines_port=free_port(),
            sip_port=free_port(),
            phones_port=free_port() if phones else 0,
            tls_port=free_port() if tls else 0,
            rtp_ports=RTP_PORTS,
            consent_s=2,
            connect_s=2,
            log_level=os.environ.get("HEARTHLINE_FREESWITCH_LOG", "warning"),
            trace_sip="HEARTHLINE_FREESWITCH_LOG" in os.environ,
        )

    def client_config(self) -> FreeswitchConfig:
        meters = self.folder / "meters"
        meters.mkdir(exist_ok=True)
        return FreeswitchConfig(
            meter_folder=meters,
            event_password=self.config.event_password,
            lines_key=self.config.lines_key,
            event_port=self.config.event_port,
            lines_port=self.config.lines_port,
            sip_port=self.config.sip_port,
            tls=bool(self.config.tls_port),
            gateways_folder=self.folder / "gateways",
            phones_folder=self.folder / "phones",
            incoming_folder=self.folder / "incoming",
            phones_port=self.config.phones_port,
            connect_timeout_s=2,
            stalled_after_ms=600,
            stats_interval_s=1,
            meter_buffer_ms=60,
        )

    def start(self) -> None:
        render(self.config, self.folder)
        log = open(self.folder / "output", "ab")  # noqa: SIM115 (it is the process's own from here on)
        self.process = subprocess.Popen(
            [self.program, *arguments(self.folder)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        log.close()
        deadline = time.monotonic() + 30
        while not all(_listens(port) for port in (self.config.event_port, self.config.lines_port)):
            assert self.process.poll() is None, (
                f"FreeSWITCH ended at once:\n{(self.folder / 'output').read_text()[-2000:]}"
            )
            assert time.monotonic() < deadline, "FreeSWITCH does not listen"
            time.sleep(0.1)

    def stop(self, kill: bool = False) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
            try:
                self.process.wait(4)  # it waits for calls that nobody ends any more
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
            self.process = None


def _listens(port: int) -> bool:
    with socket.socket() as one:
        one.settimeout(1)
        return one.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def freeswitch_node(folder: Path, *, tls: bool = False, phones: bool = True) -> Iterator[FreeswitchNode]:
    node = FreeswitchNode(freeswitch_program(), folder, tls=tls, phones=phones)
    node.start()
    try:
        yield node
    finally:
        node.stop()
