"""The whole of `hearthline up`: check, migrate, start the children, keep them running, end with them."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable

from hearthline.configuration import Configuration
from hearthline.supervisor.child import Child
from hearthline.supervisor.exchange import (
    check_demonstration,
    check_folder,
    check_port,
    exchange_children,
    with_media_port,
)
from hearthline.supervisor.watch import Supervisor

NAME_WIDTH = 8


def run_exchange(
    configuration: Configuration, *, demonstration: bool, first_shift_only: bool, migrate: Callable[[int], None]
) -> int:
    """Returns the exit status. Raises CannotRunError or StartError with a sentence for the person at the terminal."""
    if demonstration:
        check_demonstration(configuration)
    lock = check_folder(configuration)
    check_port(configuration)
    configuration = with_media_port(configuration, demonstration=demonstration)
    with lock:
        say("up", f"preparing the database in {configuration.data}")
        migrate(0)
        before: list[Child] = []
        after: list[Child] = []
        if demonstration:
            from hearthline.demo.world import prepare_demonstration

            before, after = prepare_demonstration(configuration)
        children = [*before, *exchange_children(configuration), *after]
        supervisor = Supervisor(children, say=say, state_file=configuration.run_folder / "up.json")
        done = after[-1].name if first_shift_only and after else None
        return asyncio.run(_until_stopped(supervisor, configuration, done))


async def _until_stopped(supervisor: Supervisor, configuration: Configuration, until_done: str | None) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return await supervisor.run(
        stop,
        until_done=until_done,
        on_started=lambda: say("", f"Open {configuration.public_url} (Ctrl-C ends everything)"),
    )


def say(name: str, line: str) -> None:
    """One line to the terminal, with the name of the part that says it."""
    sys.stdout.write(f"{name.ljust(NAME_WIDTH)}| {line}\n" if name else f"{line}\n")
    sys.stdout.flush()
