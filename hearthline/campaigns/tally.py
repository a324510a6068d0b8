"""Running totals of a campaign, changed in the transaction of what they count."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from django.db.models import Count, F, Q

from hearthline.campaigns.models import (
    CampaignTally,
    Contact,
    ContactState,
    DispositionKind,
)

COUNTED_STATES = {ContactState.DONE: "done", ContactState.EXHAUSTED: "exhausted", ContactState.BLOCKED: "blocked"}


def add(campaign_id: uuid.UUID, **changes: int) -> None:
    """Add to the totals, in the caller's transaction; negative takes away. One UPDATE, last in the transaction if it
    can be: everybody who works in the campaign waits for this row.
    """
    effective = {name: F(name) + by for name, by in changes.items() if by}
    if effective and not CampaignTally.objects.filter(campaign_id=campaign_id).update(**effective):
        CampaignTally.objects.bulk_create([CampaignTally(campaign_id=campaign_id)], ignore_conflicts=True)
        CampaignTally.objects.filter(campaign_id=campaign_id).update(**effective)


def of(campaign_id: uuid.UUID) -> CampaignTally:
    return CampaignTally.objects.filter(campaign_id=campaign_id).first() or CampaignTally(campaign_id=campaign_id)


def state_change(old: str, new: str) -> dict[str, int]:
    """What a contact's change of state adds to the totals."""
    changes: dict[str, int] = {}
    for state, by in ((old, -1), (new, 1)):
        if name := COUNTED_STATES.get(ContactState(state)):
            changes[name] = changes.get(name, 0) + by
    return changes


def conversation_settled(campaign_id: uuid.UUID, *, charged_minor: int) -> None:
    """A conversation was paid for. Called by settlement, once, in its transaction."""
    add(campaign_id, conversations=1, spent_minor=charged_minor)


def counts(campaign_id: uuid.UUID) -> dict[str, int]:
    """Counted from the contacts themselves: for `recount` and for tests. Reads every contact."""
    states: Iterable[ContactState] = COUNTED_STATES
    found = Contact.objects.filter(campaign_id=campaign_id).aggregate(
        contacts=Count("pk"),
        agreed=Count("pk", filter=Q(disposition__kind=DispositionKind.SUCCESS)),
        **{COUNTED_STATES[ContactState(s)]: Count("pk", filter=Q(state=s)) for s in states},
    )
    return {name: int(value) for name, value in found.items()}


def recount(campaign_id: uuid.UUID) -> bool:
    """Set right what can be counted. Returns whether anything was wrong (which would be a defect)."""
    right = counts(campaign_id)
    have = of(campaign_id)
    if all(getattr(have, name) == value for name, value in right.items()):
        return False
    CampaignTally.objects.update_or_create(campaign_id=campaign_id, defaults=right)
    return True
