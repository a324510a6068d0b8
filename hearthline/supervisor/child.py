"""One child process: what it is, how it is started so that it cannot outlive its parent, how it is ended."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

_PR_SET_PDEATHSIG = 1  # prctl(2)
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Child:
    """A part of the exchange that runs as a process of its own."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)  # added to the parent's
    healthy: Callable[[], Awaitable[bool]] | None = None  # True: it answers; may raise OSError for "no"
    ready_within_s: float = 30.0
    goodbye_s: float = 8.0  # between SIGTERM and SIGKILL
    once: bool = False  # it ends by itself, and its end is an answer
    prefixed: bool = True  # its lines carry its name


async def start(child: Child) -> asyncio.subprocess.Process:
    """Start it in a session of its own (Ctrl-C in the terminal reaches the parent alone) with output in one pipe."""
    parent = os.getpid()
    return await asyncio.create_subprocess_exec(
        *child.command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **child.env},
        start_new_session=True,
        preexec_fn=lambda: _die_with(parent),
    )


async def end(process: asyncio.subprocess.Process, *, goodbye_s: float) -> None:
    """SIGTERM, and SIGKILL when it has not gone within `goodbye_s`. One that is gone already is no error."""
    if process.returncode is None:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), goodbye_s)
        except TimeoutError:
            process.kill()
            await process.wait()


def _die_with(parent: int) -> None:
    """In the child, before it becomes its program: ask the kernel for SIGTERM when the parent is gone. (Linux; elsewhere only
    an orderly end of the parent ends the children.)"""
    if _LIBC is None:
        return
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)
