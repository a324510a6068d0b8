"""A customer's campaign with calls behind it: results, recordings, money; and a draft beside it."""

from __future__ import annotations

import array
import math
import wave
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings

from hearthline.calls.models import Attempt, Line, LineState, Node, Recording, Shift
from hearthline.campaigns import tally
from hearthline.campaigns.models import Campaign, Contact, ContactState
from hearthline.dialing.models import Assignment, AssignmentState
from hearthline.ledger import services as ledger
from hearthline.lib import clock
from hearthline.lib.money import Money
from hearthline.people.models import Organisation, User
from tests.campaigns.worlds import PRICE, a_campaign, a_running_campaign, an_operator, an_organisation, an_owner

NAMES = ("Irina Petrovna", "Sergey Volkov", "Maria Sidorova", "Pavel Orlov", "Elena Smirnova")


@dataclass
class World:
    organisation: Organisation
    owner: User
    operator: User
    campaign: Campaign
    draft: Campaign

    def recording(self) -> Recording:
        return Recording.objects.filter(attempt__campaign=self.campaign).order_by("pk")[0]

    def contact(self) -> Contact:
        return Contact.objects.filter(campaign=self.campaign, disposition__payable=True).order_by("pk")[0]


def a_world(*, contacts: int = 12, calls: int = 8) -> World:
    organisation = an_organisation()
    owner, operator = an_owner(organisation), an_operator()
    campaign = a_running_campaign(contacts, organisation, language="en")
    world = World(organisation, owner, operator, campaign, a_campaign(organisation, name="Winter", language="en"))
    called(world, calls)
    return world


def called(world: World, count: int) -> None:
    """As many contacts more have been called: two of three talked, the third did not answer."""
    node, _new = Node.objects.get_or_create(name="local", defaults={"engine": "embedded", "heartbeat_at": clock.now()})
    shift, _new = Shift.objects.get_or_create(
        operator=world.operator, ended_at=None, defaults={"started_at": clock.now(), "campaign": world.campaign}
    )
    line, _new = Line.objects.get_or_create(user=world.operator, defaults={"node": node, "state": LineState.OPEN})
    sound = a_recording_file()
    outcomes = list(world.campaign.dispositions.all())
    waiting = Contact.objects.filter(campaign=world.campaign, disposed_at=None).order_by("id")
    for n, contact in enumerate(waiting[:count]):
        answered = n % 3 != 2
        disposition = outcomes[n % len(outcomes)] if answered else None
        at = clock.now() - timedelta(minutes=7 * n + 5)
        assignment = Assignment.objects.create(
            contact=contact,
            campaign=world.campaign,
            operator=world.operator,
            phone=contact.phone,
            state=AssignmentState.CLOSED,
            fence=1,
            lease_expires_at=at,
        )
        paid = bool(disposition and disposition.payable)
        attempt = Attempt.objects.create(
            assignment=assignment,
            contact=contact,
            campaign=world.campaign,
            operator=world.operator,
            shift=shift,
            line=line,
            node=node,
            phase="closed",
            dialled_at=at,
            answered_at=at if answered else None,
            operator_left_at=at,
            ended_at=at + timedelta(seconds=47),
            talk_ms=47_000 if answered else 0,
            disposition=disposition,
            auto_outcome="" if answered else "no_answer",
            payable=paid,
            charged_minor=PRICE if paid else 0,
            not_payable_reason="" if paid else "not_answered",
            wrapped_up_at=at,
        )
        if answered:
            Recording.objects.create(attempt=attempt, path=sound.name, started_at=at, duration_ms=2000, size=1)
        if paid:
            price = Money(PRICE, "RUB")
            ledger.hold_conversation(
                id=assignment.pk,
                organisation=world.organisation.pk,
                operator=world.operator.pk,
                price=price,
                reference=f"assignment:{assignment.pk}",
            )
            ledger.settle_conversation(hold=assignment.pk, commission=Money(240, "RUB"))
            tally.conversation_settled(world.campaign.pk, charged_minor=PRICE)
        Contact.objects.filter(pk=contact.pk).update(
            name=NAMES[n % len(NAMES)],
            state=ContactState.DONE if answered else ContactState.RETRY,
            attempts=1,
            disposition=disposition,
            outcome=attempt.auto_outcome,
            result={"need": "Check-up on Saturday", "when": "2026-11-28"} if paid else {},
            notes="hearing a bit weak, slowly" if answered else "",
            disposed_at=attempt.ended_at,
            talk_ms=attempt.talk_ms,
            last_operator=world.operator,
            last_attempt=attempt.pk,
        )
    tally.recount(world.campaign.pk)


def a_recording_file(seconds: int = 2) -> Path:
    """8 kHz stereo as the switch writes it: the operator loud on the left, then the contact on the right."""
    folder: Path = settings.HEARTHLINE.recordings_folder
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "conversation.wav"
    if not path.exists():
        half = 8000 * seconds // 2
        samples = array.array("h")
        for n in range(2 * half):
            tone = int(20_000 * math.sin(n / 4))
            samples.extend((tone, 0) if n < half else (0, tone))
        with wave.open(str(path), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(samples.tobytes())
    return path
