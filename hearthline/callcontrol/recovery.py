"""Taking up what is there: at the start, after the switch was away, and (by the reconciler) every few seconds.

The database says which calls there should be, `switch.legs()` which legs there are. Hang-ups that nobody heard are
replayed, answers too; then every call asks once more for its arrangement. Legs that belong to nobody are hung up.
"""

from __future__ import annotations

import logging
import uuid
from typing import TYPE_CHECKING

from hearthline.callcontrol import lines, records, trunks
from hearthline.callcontrol.translation import id_of, leg_of, stats_json
from hearthline.calls import call_events as ev
from hearthline.calls.call_state import BEFORE_ANSWER, LIVE, CallState, Phase, from_json
from hearthline.calls.models import Attempt, LineKind, LineState
from hearthline.switch import port

if TYPE_CHECKING:
    from hearthline.callcontrol.conductor import Conductor

logger = logging.getLogger(__name__)

YOUNG_S = 10  # a line or call this young may be on its way to the switch: its missing leg means nothing yet
LOST_CAUSE = 41  # Q.850 temporary failure: the leg went while nobody watched
ORPHAN_CAUSE = 31  # Q.850 normal, unspecified: a leg that belongs to no call


async def recover(conductor: Conductor, *, at: float) -> None:
    """Bring calls, lines and legs into step. Raises SwitchError when the switch cannot be asked."""
    await conductor.phone_accounts.renew()
    snapshots = {s.leg: s for s in await conductor.switch.legs()}
    await take_up_lines(conductor, snapshots)
    await take_up_calls(conductor)
    for actor in list(conductor.actors.values()):
        await actor.resync()
        if await _between_trunks(conductor, actor.state, snapshots):
            conductor.ring_next(actor, actor.state.contact)
        else:
            for event in missed(actor.state, snapshots, at):
                actor.tell(event)
        actor.tell(ev.NodeBack(at))
    await hang_up_orphans(conductor, set(snapshots))
    await free_channels(conductor, set(snapshots))
    await conductor.trunk_desk.keep_registered(again=True)
    await conductor.decoy_desk.look(again=True)


async def free_channels(conductor: Conductor, legs: set[str]) -> None:
    """Trunk channels that this node holds for legs which are gone."""
    known = {id for leg in legs if (id := id_of(leg)) is not None}
    freed = await conductor.database.run(trunks.free_lost_channels, conductor.node, known, at=conductor.moments.now())
    if freed:
        logger.warning("%s trunk channels were held by legs that are gone; they are free again", freed)


async def _between_trunks(conductor: Conductor, state: CallState, snapshots: dict[str, port.LegSnapshot]) -> bool:
    """Whether the call was to go on over another trunk, and whoever was to see to it did not come to that."""
    if state.phase is not Phase.DIALLING or not state.former or state.ending is not None:
        return False
    if state.contact in snapshots or state.contact in conductor.ringing_next:
        return False
    return not await conductor.database.run(trunks.was_taken, uuid.UUID(state.contact))


async def take_up_calls(conductor: Conductor) -> int:
    """Drive the open calls of this node that nobody drives yet. Returns how many those were."""
    taken = 0
    driven = frozenset(conductor.actors)
    for attempt in await conductor.database.run(records.open_attempts, conductor.node, driven):
        if str(attempt.pk) in conductor.actors:
            continue
        try:
            state = from_json(attempt.machine)
        except ValueError:
            logger.exception("call %s cannot be taken up; it is closed as a failure of the network", attempt.pk)
            state = _failed_state(attempt)
        conductor.adopt(attempt, state)
        taken += 1
    return taken


async def take_up_lines(conductor: Conductor, snapshots: dict[str, port.LegSnapshot]) -> None:
    for line in await conductor.database.run(lines.open_lines, conductor.node):
        leg = leg_of(line.pk)
        old = conductor.moments.now() - line.opened_at.timestamp() > YOUNG_S
        if line.kind != LineKind.BROWSER:
            if leg in snapshots or old:
                await conductor.phone_desk.take_up(line, snapshots.get(leg))
        elif leg in snapshots:
            conductor.line_desk.adopt(line)
            if snapshots[leg].state is port.LegState.UP and line.state == LineState.OPENING:
                await conductor.database.run(lines.line_is_up, line.pk)
        elif old:
            conductor.line_desk.forget(leg)
            await conductor.database.run(lines.line_is_gone, line.pk, "node_lost")


def missed(state: CallState, snapshots: dict[str, port.LegSnapshot], at: float) -> list[ev.CallEvent]:
    """What must have happened to a call's legs while nobody watched."""
    if state.phase not in LIVE:
        return []
    events: list[ev.CallEvent] = []
    contact = snapshots.get(state.contact)
    if contact is None and state.phase is Phase.DIALLING and at - max(state.dialled_at, state.tried_at) < YOUNG_S:
        return []
    if state.contact_here and (contact is None or contact.state is port.LegState.GONE):
        return [
            ev.HungUp(
                state.contact,
                at,
                LOST_CAUSE,
                ev.Cut.SWITCH,
                None,
                stats_json(contact.stats) if contact else {},
                missed=True,
            )
        ]
    if contact is not None and state.phase in BEFORE_ANSWER:
        events += _missed_before_answer(state, contact, at)
    if state.operator_here and _gone(state.operator, snapshots) and state.operator_left_at is None:
        events.append(ev.HungUp(state.operator, at, LOST_CAUSE, ev.Cut.SWITCH))
    manager = state.manager
    if manager is not None and manager.leg and manager.here:
        if _gone(manager.leg, snapshots):
            events.append(ev.HungUp(manager.leg, at, LOST_CAUSE, ev.Cut.SWITCH))
        elif not manager.talking and snapshots[manager.leg].state is port.LegState.UP:
            events.append(ev.Answered(manager.leg, snapshots[manager.leg].answered_at or at))
    return events


def _missed_before_answer(state: CallState, contact: port.LegSnapshot, at: float) -> list[ev.CallEvent]:
    match contact.state:
        case port.LegState.RINGING if state.phase is Phase.DIALLING:
            return [ev.Ringing(state.contact, at)]
        case port.LegState.EARLY if state.phase is not Phase.EARLY:
            return [ev.EarlyMedia(state.contact, at)]
        case port.LegState.UP:
            return [ev.Answered(state.contact, contact.answered_at or at)]
        case _:
            return []


def _gone(leg: str, snapshots: dict[str, port.LegSnapshot]) -> bool:
    snapshot = snapshots.get(leg)
    return snapshot is None or snapshot.state is port.LegState.GONE


async def hang_up_orphans(conductor: Conductor, legs: set[str]) -> int:
    """Hang up those of `legs` that belong to no call and no line. Returns how many."""
    orphans = orphans_among(conductor, legs)
    for leg in orphans:
        logger.warning("leg %s belongs to nobody; it is hung up", leg)
        await conductor.switch.hang_up(leg, ORPHAN_CAUSE)
    return len(orphans)


def orphans_among(conductor: Conductor, legs: set[str]) -> list[str]:
    known = conductor.owned_legs() | conductor.line_desk.legs()
    # a leg that is no UUID was not made by call control (a robot, a person at the switch's own console): leave it alone
    return [leg for leg in legs - known if id_of(leg) is not None]


def _failed_state(attempt: Attempt) -> CallState:
    """A state that ends by the next look at the switch: the contact's leg belongs to it, so it is hung up with it."""
    answered = attempt.answered_at.timestamp() if attempt.answered_at else None
    return CallState(
        attempt=str(attempt.pk),
        contact=leg_of(attempt.pk),
        operator=leg_of(attempt.line_id),
        limits=records.limits_of(attempt.campaign.max_duration_s),
        phase=Phase.TALKING if answered else Phase.RINGING,
        dialled_at=attempt.dialled_at.timestamp(),
        answered_at=answered,
    )
