"""Bringing FreeSWITCH's channels into the arrangement that was asked for.

Two legs are bridged (G.711 passes through untouched), more meet in a conference of their own, a leg alone is parked, a
listener eavesdrops. Each step waits for FreeSWITCH's word that it is done: its threads change a channel's state one
after the other, and the next step must not overtake the last. A channel whose application ends parks itself.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Sequence

from hearthline.switch.freeswitch.legs import Group, Leg
from hearthline.switch.port import LegId, LegState, ListenMode, ParkSound, SwitchError, SwitchErrorCode

log = logging.getLogger(__name__)

_DONE_S = 1.5  # FreeSWITCH needs some milliseconds; on a busy machine some hundred
_TRIES = 3

Api = Callable[[str], Awaitable[str]]
Key = tuple[str, frozenset[LegId]]


class Words:
    """FreeSWITCH's events that a step waits for."""

    def __init__(self) -> None:
        self._waiting: dict[Key, list[asyncio.Future[None]]] = {}

    def expect(self, kind: str, *legs: LegId) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault((kind, frozenset(legs)), []).append(future)
        return future

    def came(self, kind: str, *legs: LegId) -> None:
        for future in self._waiting.pop((kind, frozenset(legs)), []):
            if not future.done():
                future.set_result(None)


async def _within(future: asyncio.Future[None]) -> bool:
    done, _ = await asyncio.wait({future}, timeout=_DONE_S)
    return bool(done)


def _failed() -> SwitchError:
    return SwitchError(SwitchErrorCode.FAILED, "FreeSWITCH did not arrange the legs as asked.")


class Arranger:
    """All arrangements of one node, one after the other. `remember(leg)` keeps a leg's place at the switch itself."""

    def __init__(self, api: Api, remember: Callable[[Leg], Awaitable[None]]) -> None:
        self._api = api
        self._remember = remember
        self._lock = asyncio.Lock()
        self.words = Words()

    # --- what is asked for --------------------------------------------------------------------------------------------

    async def connect(self, legs: Sequence[Leg], park: ParkSound) -> None:
        async with self._lock:
            _require_here(legs)
            current = legs[0].group
            if current is not None and set(_ids(current.members)) == set(_ids(legs)):
                return  # asked for again
            left_over = _left_over(legs)
            for leg in (*legs, *left_over):
                _leave(leg)
            if len(legs) == 2:
                await self._bridge(legs[0], legs[1])
                group = Group(list(legs))
            else:
                name = f"hearthline-{uuid.uuid4().hex}"
                await self._confer(legs, name)
                group = Group(list(legs), name)
            for leg in legs:
                leg.group, leg.listens_to, leg.sound = group, None, ParkSound.SILENCE
            for leg in left_over:
                leg.sound = park
                await self._settle(leg)
            for leg in (*legs, *left_over):
                await self._remember(leg)

    async def park(self, leg: Leg, sound: ParkSound) -> None:
        async with self._lock:
            _require_here([leg])
            if leg.group is None and leg.listens_to is None and leg.sound is sound:
                return
            others = leg.companions()
            _leave(leg)
            leg.listens_to, leg.sound = None, sound
            await self._to_park(leg)
            await self._lonely(others)
            await self._remember(leg)

    async def listen(self, leg: Leg, target: Leg, mode: ListenMode) -> None:
        async with self._lock:
            _require_here([leg, target])
            others = leg.companions()
            _leave(leg)
            whispers = mode is not ListenMode.SILENT
            # what the target says to its companions and what it hears can both be added to
            await self._tell(leg, f"uuid_setvar {leg.id} eavesdrop_whisper_bleg {str(whispers).lower()}")
            barges = mode is ListenMode.BARGE
            await self._tell(leg, f"uuid_setvar {leg.id} eavesdrop_whisper_aleg {str(barges).lower()}")
            await self._tell(leg, f"uuid_transfer {leg.id} eavesdrop:{target.id},park inline")
            leg.listens_to, leg.mode, leg.sound = target, mode, ParkSound.SILENCE
            await self._lonely(others)
            await self._remember(leg)

    async def gone(self, leg: Leg, others: Sequence[Leg], listeners: Sequence[Leg]) -> None:
        """A leg that was with `others` is gone; FreeSWITCH has parked a bridge's other side and listeners by itself."""
        async with self._lock:
            for listener in listeners:
                if listener.listens_to is leg:
                    listener.listens_to = None
                    await self._remember(listener)
            await self._lonely(others)

    # --- steps --------------------------------------------------------------------------------------------------------

    async def _tell(self, leg: Leg, command: str) -> None:
        reply = await self._api(command)
        if not reply.startswith("+OK"):
            if (
                leg.state is LegState.GONE
                or "No such channel" in reply
                or "No Such Channel" in reply
                or "Cannot locate" in reply
            ):
                raise SwitchError(SwitchErrorCode.NO_SUCH_LEG, "There is no such leg; it may have ended.")
            log.warning("freeswitch: %s: %s", command.partition(" ")[0], reply[:100])
            raise _failed()

    async def _bridge(self, a: Leg, b: Leg) -> None:
        first, second = (a, b) if a.state is LegState.UP else (b, a)
        for _ in range(_TRIES):
            done = self.words.expect("bridge", a.id, b.id)
            await self._tell(first, f"uuid_bridge {first.id} {second.id}")
            if await _within(done):
                return
            _require_here([a, b])
            log.warning("freeswitch: two legs were not bridged in time; asked again")
        raise _failed()

    async def _confer(self, legs: Sequence[Leg], name: str) -> None:
        for leg in legs:
            done = self.words.expect("member", leg.id)
            await self._tell(leg, f"uuid_transfer {leg.id} conference:{name}@hearthline,park inline")
            if not await _within(done):
                _require_here([leg])
                raise _failed()

    async def _to_park(self, leg: Leg) -> None:
        applications = "park" if leg.sound is ParkSound.SILENCE else "endless_playback:${hold_music},park"
        done = self.words.expect("application", leg.id)
        await self._tell(leg, f"uuid_transfer {leg.id} {applications} inline")
        if not await _within(done):
            _require_here([leg])
            raise _failed()

    async def _settle(self, leg: Leg) -> None:
        """Park a leg whose companions were taken away. FreeSWITCH parks a bridge's other side; that must come first."""
        if leg.state is LegState.GONE:
            return
        try:
            await self._to_park(leg)
        except SwitchError as error:
            if error.code is not SwitchErrorCode.NO_SUCH_LEG:
                raise

    async def _lonely(self, others: Sequence[Leg]) -> None:
        """Whoever is left of a group that lost a member: one alone is parked in silence."""
        for other in others:
            if other.state is not LegState.GONE and other.group is None and other.listens_to is None:
                other.sound = ParkSound.SILENCE
                await self._settle(other)
                await self._remember(other)


def _ids(legs: Sequence[Leg]) -> list[LegId]:
    return [leg.id for leg in legs]


def _require_here(legs: Sequence[Leg]) -> None:
    if any(leg.state is LegState.GONE for leg in legs):
        raise SwitchError(SwitchErrorCode.NO_SUCH_LEG, "There is no such leg; it may have ended.")


def _left_over(legs: Sequence[Leg]) -> list[Leg]:
    found: list[Leg] = []
    for leg in legs:
        found += [other for other in leg.companions() if other not in legs and other not in found]
    return found


def _leave(leg: Leg) -> None:
    group, leg.group = leg.group, None
    if group is None:
        return
    group.members.remove(leg)
    if len(group.members) == 1:
        group.members[0].group = None


def leave(leg: Leg) -> list[Leg]:
    """A leg that is gone leaves its group at once; returns who was with it."""
    others = leg.companions()
    _leave(leg)
    return others
