"""Which numbers may not be called at all: listed as do-not-call, or with no price for their destination."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from django.db.models import Q

from hearthline.campaigns import tally
from hearthline.campaigns.models import BlockReason, Campaign, Contact, ContactState, DoNotCall
from hearthline.campaigns.walking import in_file_order
from hearthline.ledger.tariffs import all_rates


def listed(phones: Collection[str], organisation_id: uuid.UUID) -> set[str]:
    """Those of the numbers that everyone, or this customer, must not call."""
    if not phones:
        return set()
    mine = Q(organisation=None) | Q(organisation_id=organisation_id)
    return set(DoNotCall.objects.filter(mine, phone__in=phones).values_list("phone", flat=True))


def review(campaign: Campaign) -> tuple[int, int]:
    """Block what has lost its price since it was imported, and open again what has got one.

    Run at each start of the campaign and whenever a claim meets a number without a price. Returns (blocked, opened).
    Reads all contacts that could still be called, in batches.
    """
    rates = all_rates(campaign.currency)
    blocked = opened = 0
    contacts = Contact.objects.filter(campaign=campaign).only(
        "id", "row_number", "phone", "state", "block_reason", "attempts"
    )
    for batch in in_file_order(contacts):
        waiting = [contact for contact in batch if contact.state in (ContactState.FRESH, ContactState.RETRY)]
        lost = [contact.pk for contact in waiting if not rates.is_priced(contact.phone)]
        left_out = [contact for contact in batch if contact.block_reason == BlockReason.UNPRICED]
        found = [(contact.pk, contact.attempts) for contact in left_out if rates.is_priced(contact.phone)]
        blocked += block(campaign.pk, lost, BlockReason.UNPRICED)
        for state, again in ((ContactState.FRESH, False), (ContactState.RETRY, True)):
            opened += _unblock(campaign.pk, [id for id, n in found if (n > 0) == again], state, BlockReason.UNPRICED)
    return blocked, opened


def block(campaign_id: uuid.UUID, contacts: Collection[uuid.UUID], reason: BlockReason) -> int:
    """Take contacts that nobody has on the line out of the queue. Returns how many."""
    if not contacts:
        return 0
    waiting = Contact.objects.filter(pk__in=contacts, state__in=(ContactState.FRESH, ContactState.RETRY))
    count = waiting.update(state=ContactState.BLOCKED, block_reason=reason)
    tally.add(campaign_id, blocked=count)
    return count


def unblock(contact: Contact) -> int:
    """Put a blocked contact back into the queue, or among the used up. Returns 1, or 0 when it was not blocked."""
    if contact.attempts >= contact.campaign.max_attempts:
        state = ContactState.EXHAUSTED
    else:
        state = ContactState.RETRY if contact.attempts else ContactState.FRESH
    return _unblock(contact.campaign_id, [contact.pk], state, BlockReason(contact.block_reason))


def _unblock(campaign_id: uuid.UUID, contacts: Collection[uuid.UUID], state: ContactState, reason: BlockReason) -> int:
    if not contacts:
        return 0
    blocked = Contact.objects.filter(pk__in=contacts, state=ContactState.BLOCKED, block_reason=reason)
    count = blocked.update(state=state, block_reason="")
    tally.add(campaign_id, blocked=-count, exhausted=count if state == ContactState.EXHAUSTED else 0)
    return count
