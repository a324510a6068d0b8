"""The robots process: SIP on loopback with digest, a scenario's robot behind each number, its account in the database."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connections

from hearthline.configuration import Configuration
from hearthline.lib.robot_numbers import ROBOT_ACCOUNT
from hearthline.practice.casting import Cast, all_turns, cast_for, note_call
from hearthline.quality import house
from hearthline.switch.robots.config import ProviderConfig
from hearthline.switch.robots.contact import Contact, Sound
from hearthline.switch.robots.provider import Part, Provider
from hearthline.switch.robots.turns import Turn

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


class Robots:
    """Make it with `start`."""

    def __init__(self) -> None:
        self._database = ThreadPoolExecutor(1, thread_name_prefix="robots-db")
        self._notes: set[asyncio.Task[None]] = set()
        self._provider: Provider

    @classmethod
    async def start(cls, configuration: Configuration) -> Robots:
        """Bring the exchange's own campaigns up to date, then listen. Raises OSError when the port is taken."""
        self = cls()
        await self._in_database(house.install)
        config = ProviderConfig(
            accounts={ROBOT_ACCOUNT: configuration.robots_password()},
            sounds=Path(configuration.data) / "sounds" / "robots",
            port=configuration.robots_port,
            max_calls=configuration.robots_most_calls,
        )
        self._provider = await Provider.start(config, self._cast)
        if self._provider.apology:
            logger.warning("%s", self._provider.apology)
        return self

    @property
    def port(self) -> int:
        return self._provider.port

    async def close(self) -> None:
        await self._provider.close()
        await asyncio.gather(*self._notes, return_exceptions=True)
        await self._in_database(connections.close_all)
        self._database.shutdown()

    async def _in_database(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(
            self._database, partial(_with_connection, partial(work, *args, **kwargs))
        )

    async def _cast(self, called: str, _account: str) -> Part | None:
        cast = await self._in_database(cast_for, called)
        if cast is None:
            return None
        recorded = await asyncio.to_thread(_encoded, cast.recordings)
        sound = partial(self._sound, cast.language, recorded)
        await asyncio.to_thread(_render, sound, all_turns(cast.plan))
        return Part(cast.plan, sound, lambda contact: self._ended(cast, contact))

    def _sound(self, language: str, recorded: Mapping[str, Sound], turn: Turn) -> Sound:
        """A recording that is gone is spoken: the contact must not fall silent."""
        if (sound := recorded.get(turn.recording)) is not None:
            return sound
        return self._provider.sound(turn.line, language, turn.voice)

    def _ended(self, cast: Cast, contact: Contact | None) -> None:
        spoken = list(contact.spoken) if contact is not None else []
        done = contact is not None and contact.done
        note = self._in_database(note_call, cast, spoken, answered=contact is not None, all_said=done)
        task = asyncio.get_running_loop().create_task(note, name="robots: note a call")
        self._notes.add(task)
        task.add_done_callback(self._noted)

    def _noted(self, task: asyncio.Task[None]) -> None:
        self._notes.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a robot's call could not be written down; the form alone will be scored", exc_info=error)


def _encoded(recordings: Mapping[str, bytes]) -> dict[str, Sound]:
    return {name: Sound(pcm) for name, pcm in recordings.items()}


def _render(sound: Callable[[Turn], Sound], turns: list[Turn]) -> None:
    """Ahead of the call: rendering a line takes longer than a tick."""
    for turn in turns:
        sound(turn)


def _with_connection(work: Callable[[], T]) -> T:
    try:
        close_old_connections()
        return work()
    except DatabaseError:
        connections.close_all()  # the server may have gone: the next piece of work gets a new connection
        raise


def serve() -> int:
    """Until SIGTERM or SIGINT. Returns the exit status."""
    return asyncio.run(_until_told())


async def _until_told() -> int:
    configuration: Configuration = settings.HEARTHLINE
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        robots = await Robots.start(configuration)
    except OSError as error:
        logger.critical("the robots cannot listen on port %s: %s", configuration.robots_port, error.strerror)
        return 1
    logger.info("robots answer on 127.0.0.1:%s", robots.port)
    await stop.wait()
    await robots.close()
    return 0
