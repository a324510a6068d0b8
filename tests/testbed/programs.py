"""Programs that tests start: found or skipped, on free ports, ended for certain."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest


def needs(*programs: str) -> None:
    """Skip the running test, saying which program it lacks."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (apt install kamailio baresip-core sip-tester)")


def free_port(*, together: int = 1) -> int:
    """The first of `together` consecutive ports that are free now for UDP and TCP on loopback."""
    for _ in range(200):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind(("127.0.0.1", 0))
            first = int(probe.getsockname()[1])
        if first + together < 65536 and all(_is_free(port) for port in range(first, first + together)):
            return first
    raise AssertionError("no free ports on loopback")


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 10.0) -> None:
    """Poll a condition that no event announces (a file of another program, its open port). Fails after the bound."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(0.02)


class Program:
    """One child process whose output goes to a file."""

    def __init__(self, command: Sequence[str], log: Path, cwd: Path) -> None:
        self.log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                list(command), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, cwd=cwd
            )

    def output(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def wait_output(self, text: str, seconds: float = 10.0) -> None:
        """Wait until the program has written `text`; fails with its output when it ends before."""

        def there() -> bool:
            if text in self.output():
                return True
            if self.process.poll() is not None:
                raise AssertionError(f"ended with {self.process.returncode}:\n{self.output()[-3000:]}")
            return False

        wait_until(there, f"{text!r} from {self.process.args!r}", seconds)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
