"""The first shift: robot operators work through the real thing, and the terminal tells it call by call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import click
from asgiref.sync import sync_to_async
from django.conf import settings

from hearthline.calls.models import HandOver, HandOverState, Recording
from hearthline.campaigns.models import Campaign, Contact, DispositionKind
from hearthline.demo.campaigns import ENGLISH, RUSSIAN, DemoCampaign
from hearthline.demo.contacts import characters
from hearthline.demo.headset import Headset
from hearthline.demo.opinions import look_at_calls
from hearthline.demo.robot_manager import RobotManager
from hearthline.demo.robot_operator import HandOvers, RobotOperator, Work
from hearthline.demo.seed import CUSTOMER
from hearthline.demo.session import Session
from hearthline.demo.ticket import HEADINGS, Ticket, amount, duration, line, ticket_of
from hearthline.ledger.check import prove
from hearthline.lib.money import Money
from hearthline.quality.scenarios.library import scenario_of
from hearthline.switch.robots.browser_peer import PeerClock
from hearthline.switch.robots.characters import Character
from hearthline.switch.robots.operator_voice import render
from hearthline.switch.robots.phrases import lines
from hearthline.switch.robots.speech import SpeechFolder
from hearthline.web.demo.cast import BY_KEY, ROBOT_MANAGER, ROBOT_OPERATORS

CALLS_EACH = 4
HANDOVERS = 1
NO_NEW_CALL_AFTER_S = 40.0
LONGEST_SHIFT_S = 180.0
MANAGER_READY_WITHIN_S = 20.0


@dataclass
class Shift:
    """What came of it. `troubles` are sentences; empty: all went well."""

    tickets: list[Ticket] = field(default_factory=list)
    attempts: list[UUID] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    ran_out: bool = False


async def work_first_shift(base: str) -> bool:
    """Returns whether all went well: the exit status of `hearthline up --demo --first-shift-only`."""
    say("")
    say("The first shift: robot operators call robot contacts over real WebRTC and SIP.")
    say("")
    say(line(HEADINGS))
    shift = Shift()
    clock = PeerClock()
    clock.start()
    try:
        async with asyncio.timeout(LONGEST_SHIFT_S):
            await _everybody(base, clock, shift)
    except TimeoutError:
        shift.troubles.append(f"The shift did not end within {LONGEST_SHIFT_S:.0f} s.")
    finally:
        clock.stop()
    await sync_to_async(_examine)(shift)
    shift.troubles += await sync_to_async(look_at_calls)(shift.attempts)
    await sync_to_async(_close)(shift, base)
    return not shift.troubles


async def _everybody(base: str, clock: PeerClock, shift: Shift) -> None:
    sounds = settings.HEARTHLINE.data / "sounds" / "robots"
    manager = RobotManager(
        Session(base), Headset(clock), ROBOT_MANAGER.key, await asyncio.to_thread(_manager_lines, sounds)
    )
    managing = asyncio.create_task(manager.work())
    try:
        ready = asyncio.create_task(manager.ready.wait())
        await asyncio.wait({managing, ready}, timeout=MANAGER_READY_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if not manager.ready.is_set():
            shift.troubles.append(f"The robot manager could not open a line: {_reason(managing)}")
        until = asyncio.get_running_loop().time() + NO_NEW_CALL_AFTER_S
        campaigns = (RUSSIAN, RUSSIAN, ENGLISH)
        handovers = HandOvers(HANDOVERS if manager.ready.is_set() else 0)
        works = [
            await _work(person.key, campaign, sounds, handovers)
            for person, campaign in zip(ROBOT_OPERATORS, campaigns, strict=True)
        ]
        operators = [RobotOperator(Session(base), Headset(clock), w, _meaning, _teller(shift)) for w in works]
        outcomes = await asyncio.gather(*(o.shift(until=until) for o in operators), return_exceptions=True)
        for work, outcome in zip(works, outcomes, strict=True):
            shift.attempts += [UUID(attempt) for attempt in work.attempts]
            shift.ran_out |= work.ran_out
            if isinstance(outcome, BaseException):
                why = str(outcome) or type(outcome).__name__
                shift.troubles.append(f"{BY_KEY[work.person].name} had to stop: {why}")
        await _all_told(shift.attempts)
    finally:
        managing.cancel()
        await asyncio.gather(managing, return_exceptions=True)


async def _work(person: str, campaign: DemoCampaign, sounds: Path, handovers: HandOvers) -> Work:
    row = await Campaign.objects.aget(organisation__name=CUSTOMER, name=campaign.name)
    spoken = await asyncio.to_thread(render, sounds, campaign.language, campaign.said)
    return Work(person, str(row.pk), campaign, spoken, CALLS_EACH, handovers)


def _manager_lines(sounds: Path) -> list[Path]:
    speech = SpeechFolder(sounds)
    return [speech.line(ways[0], "ru", "man") for ways in lines("ru")["manager"][:4]]


_CHARACTERS = characters()
_MEANT = {  # by a golden contact, where the demonstration is started with some
    DispositionKind.REFUSAL: Character.REFUSES,
    DispositionKind.CALL_BACK: Character.CALLS_BACK,
    DispositionKind.WRONG_NUMBER: Character.WRONG_NUMBER,
    DispositionKind.NO_CONVERSATION: Character.VOICEMAIL,
}


async def _meaning(contact: str) -> Character:
    """A robot understands no speech: what the other robot means is looked up."""
    row = await Contact.objects.only("phone", "scenario").aget(pk=contact)
    if not row.scenario:
        return _CHARACTERS[row.phone]
    scenario = await sync_to_async(scenario_of)(row.scenario)
    meant = scenario.means.outcome[0] if scenario is not None else ""
    return next((one for kind, one in _MEANT.items() if kind == meant), Character.REFUSES)


def _teller(shift: Shift) -> Callable[[str], Awaitable[None]]:
    async def told(attempt: str) -> None:
        ticket = await sync_to_async(ticket_of)(attempt)
        shift.tickets.append(ticket)
        say(line(ticket.cells))

    return told


async def _all_told(attempts: list[UUID]) -> None:
    """The manager may still be talking with the contact, the last recording may still be written."""
    handovers = HandOver.objects.filter(attempt__in=attempts, state=HandOverState.COMPLETED, ended_at=None)
    recordings = Recording.objects.filter(attempt__in=attempts, duration_ms=None)
    for _ in range(150):
        if not await handovers.aexists() and not await recordings.aexists():
            return
        await asyncio.sleep(0.2)


def _examine(shift: Shift) -> None:
    """What must be there after a shift that went well."""
    if shift.ran_out and not shift.attempts:
        return
    if not any(ticket.paid for ticket in shift.tickets):
        shift.troubles.append("No conversation was paid.")
    agreed = HandOver.objects.filter(attempt__in=shift.attempts)
    if agreed.exists() and not agreed.filter(state=HandOverState.COMPLETED).exists():
        shift.troubles.append("The hand-over did not come about.")
    talked = [t for t in shift.tickets if t.talk_ms]
    recordings = Recording.objects.filter(attempt__in=shift.attempts, duration_ms__gt=0)
    if recordings.count() < len(talked):
        shift.troubles.append(f"{len(talked)} calls were answered, {recordings.count()} recordings are complete.")
    for recording in recordings:
        if not (settings.HEARTHLINE.recordings_folder / recording.path).is_file():
            shift.troubles.append(f"A recording is missing on disk: {recording.path}")


def _close(shift: Shift, base: str) -> None:
    currency = settings.HEARTHLINE.currency_code
    charged = sum((t.charged for t in shift.tickets), Money(0, currency))
    earned = sum((t.earned for t in shift.tickets), Money(0, currency))
    answered = [t for t in shift.tickets if t.talk_ms]
    total = (
        f"{len(shift.tickets)} calls",
        "",
        f"{len(answered)} answered",
        duration(sum(t.talk_ms for t in answered)),
        f"{sum(t.paid for t in shift.tickets)} paid",
        amount(charged),
        f"{amount(earned)} {currency}",
    )
    say(line(total))
    report = prove()
    if not report.sound:
        shift.troubles += report.faults[:5]
    sums = ", ".join(f"{code} {value}" for code, value in report.sums.items())
    say(f"ledger check: {report.accounts} accounts, sum {sums}: {'sound' if report.sound else 'NOT SOUND'}")
    if shift.ran_out and not shift.tickets:
        say("There is nobody left to call in the demonstration: delete var/demonstration to begin anew.")
    for trouble in shift.troubles:
        say(f"TROUBLE: {trouble}")
    say("")
    say(f"Open {base} and come in as one of the people of the demonstration. Ctrl-C ends everything.")


def _reason(task: asyncio.Task[None]) -> str:
    if not task.done():
        return "no answer in time"
    return str(task.exception() or "it ended")


def say(text: str) -> None:
    click.echo(text)
