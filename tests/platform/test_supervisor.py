"""The supervisor with real child processes: started in order, restarted when they die or fall silent, ended with the parent."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hearthline.supervisor.child import Child
from hearthline.supervisor.health import listens
from hearthline.supervisor.watch import StartError, Supervisor

SERVER = """
import os, socket, sys, time
path = sys.argv[1]
if os.path.exists(path): os.unlink(path)
server = socket.socket(socket.AF_UNIX); server.bind(path); server.listen()
print("serving as", os.getpid(), flush=True)
while True:
    server.accept()[0].close()
"""


class Heard:
    """What the supervisor said, to be waited for."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self._changed = asyncio.Event()

    def __call__(self, name: str, line: str) -> None:
        self.lines.append((name, line))
        self._changed.set()

    async def until(self, wanted: Callable[[list[tuple[str, str]]], bool], within_s: float = 20.0) -> None:
        async with asyncio.timeout(within_s):
            while not wanted(self.lines):
                self._changed.clear()
                await self._changed.wait()

    def started(self) -> None:
        self("test", "started")

    def pids(self) -> list[int]:
        return [int(line.split()[-1]) for _, line in self.lines if line.startswith("serving as")]


def server(path: Path, name: str = "engine") -> Child:
    async def healthy() -> bool:
        return await listens(path)

    return Child(name, [sys.executable, "-c", SERVER, str(path)], {}, healthy)


def is_alive(pid: int) -> bool:
    """Alive, and not a zombie that nobody has waited for."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


async def test_a_killed_child_is_started_again(tmp_path: Path) -> None:
    heard, stop = Heard(), asyncio.Event()
    supervisor = Supervisor([server(tmp_path / "s")], say=heard, state_file=tmp_path / "up.json")
    running = asyncio.create_task(supervisor.run(stop, on_started=heard.started))
    await heard.until(lambda lines: ("test", "started") in lines)
    os.kill(heard.pids()[0], signal.SIGKILL)
    await heard.until(lambda lines: ("up", "engine is back") in lines)
    first, second = heard.pids()
    assert first != second
    assert is_alive(second)
    stop.set()
    assert await running == 0
    assert not is_alive(second)
    assert not (tmp_path / "up.json").exists()


async def test_a_child_that_falls_silent_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hearthline.supervisor.watch.HEALTH_EVERY_S", 0.05)
    monkeypatch.setattr("hearthline.supervisor.watch.CHECK_WITHIN_S", 0.5)
    heard, stop, silent = Heard(), asyncio.Event(), asyncio.Event()
    child = server(tmp_path / "s")

    async def healthy() -> bool:
        if silent.is_set() and len(heard.pids()) == 1:
            return False
        return await listens(tmp_path / "s")

    supervisor = Supervisor([Child(child.name, child.command, {}, healthy)], say=heard)
    running = asyncio.create_task(supervisor.run(stop, on_started=heard.started))
    await heard.until(lambda lines: ("test", "started") in lines)
    silent.set()
    await heard.until(lambda lines: ("up", "engine is back") in lines)
    assert any("no longer answers" in line for _, line in heard.lines)
    assert not is_alive(heard.pids()[0])
    stop.set()
    await running


async def test_a_child_that_cannot_start_is_a_clear_error_and_the_others_are_ended(tmp_path: Path) -> None:
    heard = Heard()
    broken = Child("web", [sys.executable, "-c", "print('no such port'); raise SystemExit(3)"], {}, _never)
    with pytest.raises(StartError, match="The web ended with status 3"):
        await Supervisor([server(tmp_path / "s"), broken], say=heard).run(asyncio.Event())
    assert ("web", "no such port") in heard.lines
    assert not is_alive(heard.pids()[0])


async def test_the_answer_of_a_once_child_is_the_exit_status(tmp_path: Path) -> None:
    heard = Heard()
    shift = Child("shift", [sys.executable, "-c", "print('done'); raise SystemExit(4)"], once=True, prefixed=False)
    status = await Supervisor([server(tmp_path / "s"), shift], say=heard).run(asyncio.Event(), until_done="shift")
    assert status == 4
    assert ("", "done") in heard.lines
    assert not is_alive(heard.pids()[0])


async def test_a_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    heard, stop = Heard(), asyncio.Event()
    stubborn = (
        "import os, signal, time; signal.signal(15, signal.SIG_IGN); print('serving as', os.getpid(), flush=True)\n"
    )
    child = Child("worker", [sys.executable, "-c", stubborn + "time.sleep(600)"], goodbye_s=0.3)
    running = asyncio.create_task(Supervisor([child], say=heard).run(stop))
    await heard.until(lambda _: len(heard.pids()) == 1)
    stop.set()
    await running
    assert not is_alive(heard.pids()[0])


async def test_an_endless_line_is_passed_on_in_pieces(tmp_path: Path) -> None:
    heard = Heard()
    shift = Child("shift", [sys.executable, "-c", "print('x' * 100_000)"], once=True)
    await Supervisor([shift], say=heard).run(asyncio.Event(), until_done="shift")
    assert sum(len(line) for name, line in heard.lines if name == "shift") == 100_000
    assert max(len(line) for _, line in heard.lines) <= 4000


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_children_die_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    code = textwrap.dedent(f"""
        import asyncio, sys
        from hearthline.supervisor.child import Child
        from hearthline.supervisor.watch import Supervisor
        child = Child("engine", [sys.executable, "-c", {SERVER!r}, {str(tmp_path / "s")!r}])
        asyncio.run(Supervisor([child], say=lambda n, l: print(l, flush=True)).run(asyncio.Event()))
    """)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline().split()[-1])
        assert is_alive(child)
        parent.kill()
    deadline = time.monotonic() + 10
    while is_alive(child):
        assert time.monotonic() < deadline, "the child outlived its parent"
        time.sleep(0.02)


async def _never() -> bool:
    return False
