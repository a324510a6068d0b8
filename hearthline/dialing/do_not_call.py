"""The do-not-call list: numbers that nobody, or one customer, may call. `campaigns.destinations.listed` reads it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from hearthline.campaigns import destinations
from hearthline.campaigns.models import BlockReason, Contact, ContactState, DoNotCall
from hearthline.lib.errors import InvalidInputError
from hearthline.lib.phone import PhoneNumberError, parse_phone
from hearthline.people import audit
from hearthline.people.models import Organisation, User

BATCH = 1000


def add(*, phone: str, organisation: Organisation | None, added_by: User | None, reason: str = "") -> bool:
    """List a number (E.164) for one customer, or for everyone (`organisation` None), and take it out of every queue it
    waits in. Returns whether it is new."""
    with transaction.atomic():
        entry = DoNotCall(phone=phone, organisation=organisation, added_by=added_by, reason=reason[:200])
        known = DoNotCall.objects.filter(phone=phone, organisation=organisation).exists()
        if not known:
            DoNotCall.objects.bulk_create([entry], ignore_conflicts=True)
            audit.record(audit.Tag.WEB_DO_NOT_CALL_ADDED, added_by, organisation.pk if organisation else "everyone")
        block_waiting([phone], organisation)
    return not known


def add_many(
    *, numbers: Iterable[str], country: str, organisation: Organisation | None, added_by: User | None, reason: str = ""
) -> tuple[int, int]:
    """List numbers as people write them, in batches. Returns (listed, not understood); known ones count as listed."""
    listed = refused = 0
    source = iter(numbers)
    while batch := list(islice(source, BATCH)):
        phones = set(_understood(batch, country))
        refused += len(batch) - len(phones)
        listed += len(phones)
        rows = [DoNotCall(phone=p, organisation=organisation, added_by=added_by, reason=reason[:200]) for p in phones]
        with transaction.atomic():
            DoNotCall.objects.bulk_create(rows, ignore_conflicts=True)
            block_waiting(phones, organisation)
    audit.record(
        audit.Tag.WEB_DO_NOT_CALL_ADDED, added_by, organisation.pk if organisation else "everyone", {"count": listed}
    )
    return listed, refused


def remove(*, entry: DoNotCall, removed_by: User | None) -> int:
    """Take a number from the list; contacts it had blocked wait again unless another entry blocks them. Returns how
    many do."""
    with transaction.atomic():
        phone = entry.phone
        scope = str(entry.organisation_id or "everyone")
        entry.delete()
        back = 0
        blocked = Contact.objects.filter(phone=phone, state=ContactState.BLOCKED, block_reason=BlockReason.DO_NOT_CALL)
        for contact in blocked.select_related("campaign"):
            if not destinations.listed([phone], contact.campaign.organisation_id):
                back += destinations.unblock(contact)
        audit.record(audit.Tag.ADMIN_DO_NOT_CALL_REMOVED, removed_by, scope)
    return back


def block_waiting(phones: Iterable[str], organisation: Organisation | None) -> int:
    """Take the waiting contacts with these numbers out of the queues. Returns how many."""
    waiting = Contact.objects.filter(phone__in=list(phones), state__in=(ContactState.FRESH, ContactState.RETRY))
    if organisation is not None:
        waiting = waiting.filter(campaign__organisation=organisation)
    by_campaign = defaultdict(list)
    for id, campaign_id in waiting.values_list("id", "campaign_id"):
        by_campaign[campaign_id].append(id)
    return sum(destinations.block(c, ids, BlockReason.DO_NOT_CALL) for c, ids in sorted(by_campaign.items()))


def understood(phone: str, country: str) -> str:
    """E.164. Raises InvalidInputError."""
    try:
        return parse_phone(phone, country).e164
    except PhoneNumberError:
        raise InvalidInputError(_("This is not a phone number. Write it with its area code.")) from None


def _understood(batch: Iterable[str], country: str) -> Iterator[str]:
    for text in batch:
        try:
            yield parse_phone(text, country).e164
        except PhoneNumberError:
            continue
