"""A robot as an operator's next contact: made for one assignment, never in a campaign's queue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction

from hearthline.campaigns import tally
from hearthline.campaigns.models import Campaign, Contact, ContactState
from hearthline.dialing.models import Assignment, AssignmentState
from hearthline.ledger.services import hold_own_conversation
from hearthline.lib import clock
from hearthline.lib.ids import new_id
from hearthline.lib.money import Money
from hearthline.lib.robot_numbers import new_robot_number
from hearthline.people.models import User


@dataclass(frozen=True, slots=True)
class Robot:
    """What the operator is shown, and the scenario that is played."""

    scenario: str
    name: str
    timezone: str
    data: Mapping[str, str] = field(default_factory=dict)


def assign_robot(
    *, operator: User, campaign: Campaign, home: Campaign, robot: Robot, pay: Money | None = None
) -> Assignment | None:
    """Give the operator a robot as a contact of `campaign`; the contact itself belongs to `home`, whose figures it counts in.

    `pay`: what the exchange pays for the conversation (None: nothing). Who has an active assignment keeps it: None.
    """
    now = clock.now()
    id, hold = new_id(), new_id()
    try:
        with transaction.atomic():
            contact = Contact.objects.create(
                campaign=home, phone=new_robot_number(), name=robot.name, data=dict(robot.data), timezone=robot.timezone,
                state=ContactState.ASSIGNED, fence=1, scenario=robot.scenario, row_number=None,
            )  # fmt: skip
            assignment = Assignment.objects.create(
                id=id, contact=contact, campaign=campaign, operator=operator, phone=contact.phone, fence=1,
                lease_expires_at=now + timedelta(seconds=settings.HEARTHLINE.lease_s), hold=hold if pay else None,
            )  # fmt: skip
            tally.add(home.pk, contacts=1)
            if pay is not None:
                hold_own_conversation(id=hold, operator=operator.pk, pay=pay, reference=f"assignment:{id}")
    except IntegrityError:
        if Assignment.objects.filter(operator=operator, state=AssignmentState.ACTIVE).exists():
            return None
        raise
    return assignment
