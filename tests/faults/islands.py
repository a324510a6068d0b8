"""Network namespaces: a host apart, joined to us by cables of which each can be cut.

A cut is a real one: from then on every packet is dropped at both ends, so that connections hang instead of closing, new ones get
no answer, and what was sent is sent again and again. It needs root (or CAP_NET_ADMIN and CAP_SYS_ADMIN) and `ip` and `tc`.
"""

from __future__ import annotations

import ipaddress
import itertools
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from tests.faults.relay import Cable

NAMESPACES = Path("/run/netns")
PREFIX = "hearth"  # of namespaces: hearth-<process id>-<name>
RANGE = ipaddress.ip_network("198.18.0.0/15")  # for tests between networks (RFC 2544): nobody's own addresses
_links = itertools.count()


class NoIslandsError(Exception):
    """This machine gives us no network namespaces."""


def _do(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except FileNotFoundError as error:
        raise NoIslandsError(f"{command[0]} is not installed") from error
    if done.returncode != 0:
        raise NoIslandsError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def ip(*words: str) -> None:
    """Raises NoIslandsError when it is refused."""
    _do("ip", *words)


@cache
def permitted() -> bool:
    """Whether an island with a cable that can be cut may be made here."""
    _sweep()
    try:
        with island("trial") as trial:
            wire = trial.join(9)
            wire.cut()
            wire.mend()
    except NoIslandsError:
        return False
    return True


def _sweep() -> None:
    """Namespaces whose tests were killed before they could clean up."""
    with suppress(FileNotFoundError):
        for path in NAMESPACES.iterdir():
            found = re.fullmatch(rf"{PREFIX}-(\d+)-\w+", path.name)
            if found and not Path("/proc", found[1]).exists():
                with suppress(NoIslandsError):
                    _do("ip", "netns", "delete", path.name)


class Wire:
    """From an island to one port of ours: whoever is there reaches it at `address`."""

    def __init__(self, namespace: str, target_port: int) -> None:
        self._namespace = namespace
        number = next(_links)
        # by the process id, so that suites side by side do not meet: 512 processes, 64 cables each
        first = int(RANGE.network_address) + (os.getpid() % 512) * 256 + number % 64 * 4
        near, far = (str(ipaddress.ip_address(first + n)) for n in (1, 2))
        self._near, self._far = (f"hl{os.getpid()}-{number}{end}" for end in "nf")
        _do("ip", "link", "add", self._near, "type", "veth", "peer", "name", self._far, "netns", namespace)
        _do("ip", "address", "add", f"{near}/30", "dev", self._near)
        _do("ip", "-n", namespace, "address", "add", f"{far}/30", "dev", self._far)
        _do("ip", "link", "set", self._near, "up")
        _do("ip", "-n", namespace, "link", "set", self._far, "up")
        self.far = far
        self._onward = Cable(target_port, host=near)
        self.address = f"{near}:{self._onward.port}"
        self._whole = True

    def cut(self) -> None:
        """A queue of one byte: no packet fits."""
        for where, device in (((), self._near), (("-n", self._namespace), self._far)):
            _do("tc", *where, "qdisc", "add", "dev", device, "root", "bfifo", "limit", "1")
        self._whole = False

    def mend(self) -> None:
        if not self._whole:
            for where, device in (((), self._near), (("-n", self._namespace), self._far)):
                _do("tc", *where, "qdisc", "delete", "dev", device, "root")
            self._whole = True

    def close(self) -> None:
        """The interfaces go with the namespace."""
        self._onward.close()


class Island:
    """Commands that begin with `entry` run there."""

    def __init__(self, name: str) -> None:
        self.namespace = f"{PREFIX}-{os.getpid()}-{name}"
        self.entry = ["ip", "netns", "exec", self.namespace]
        self._wires: list[Wire] = []
        _do("ip", "netns", "add", self.namespace)

    def open(self) -> None:
        _do("ip", "-n", self.namespace, "link", "set", "lo", "up")

    def join(self, target_port: int) -> Wire:
        wire = Wire(self.namespace, target_port)
        self._wires.append(wire)
        return wire

    def close(self) -> None:
        for wire in self._wires:
            wire.close()
        _do("ip", "netns", "delete", self.namespace)


@contextmanager
def island(name: str) -> Iterator[Island]:
    """Gone afterwards, with its cables, whatever happened. Raises NoIslandsError."""
    made = Island(name)
    try:
        made.open()
        yield made
    finally:
        made.close()
