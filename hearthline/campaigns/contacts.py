"""Contacts one at a time: added by an operator or the owner, taken out by the owner."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import available_timezones

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from hearthline.campaigns import destinations, tally
from hearthline.campaigns.announcements import audiences_of
from hearthline.campaigns.models import (
    BlockReason,
    Campaign,
    CampaignKind,
    CampaignState,
    Contact,
    ContactState,
    Priority,
)
from hearthline.ledger.tariffs import is_priced
from hearthline.lib.errors import ConflictError, InvalidInputError
from hearthline.lib.phone import PhoneNumber, PhoneNumberError, parse_phone
from hearthline.people import audit
from hearthline.people.models import User
from hearthline.realtime.configured import bus

MAX_NAME = 200
MAX_VALUE = 1000  # characters of one column's value

PHONE_SENTENCES = {
    "empty": _("Write a phone number."),
    "not_a_number": _("This is not a phone number. Write it with its area code, such as +7 916 123-45-67."),
    "not_possible": _("This phone number is too short or too long."),
    "not_valid": _("There is no such phone number range. Check the digits."),
    "premium": _("Calls to premium-rate numbers are not made."),
    "precision": _(
        "The spreadsheet has rounded this number, its last digits are lost. Format the column as text and save again."
    ),
}


class DuplicateContactError(ConflictError):
    code = "duplicate_contact"

    def __init__(self) -> None:
        super().__init__(_("This number is in the campaign already."))


def add_contact(
    *,
    campaign: Campaign,
    phone: str,
    name: str = "",
    data: Mapping[str, str] | None = None,
    entered_by: User | None = None,
    first: bool = True,
    timezone: str = "",
) -> Contact:
    """Add one contact ("ask for the accountant"). `phone` as people write it; `first`: before the ordinary ones.

    `entered_by` is the operator who was told of it: they will never be given it. Raises InvalidInputError for a number
    that cannot be called, DuplicateContactError, ConflictError when the campaign is finished.
    """
    if campaign.state == CampaignState.FINISHED:
        raise ConflictError(_("The campaign is finished; no contacts can be added."))
    if campaign.kind != CampaignKind.REAL:
        raise ConflictError(_("Only robots are called in practice; nobody is added here."))
    number = understood(phone, campaign.country)
    contact = Contact(
        campaign=campaign,
        phone=number.e164,
        name=" ".join(name.split())[:MAX_NAME],
        data=_own_columns(campaign, data or {}),
        timezone=timezone if timezone in available_timezones() else zone_of(number, campaign),
        entered_by=entered_by,
        priority=Priority.FIRST if first else Priority.NORMAL,
    )
    if destinations.listed([number.e164], campaign.organisation_id):
        contact.state, contact.block_reason = ContactState.BLOCKED, BlockReason.DO_NOT_CALL
    elif not is_priced(number.e164, campaign.currency):
        contact.state, contact.block_reason = ContactState.BLOCKED, BlockReason.UNPRICED
    with transaction.atomic():
        try:
            with transaction.atomic():
                contact.save(force_insert=True)
        except IntegrityError:
            raise DuplicateContactError from None
        tally.add(campaign.pk, contacts=1, blocked=int(contact.state == ContactState.BLOCKED))
        audit.record(audit.Tag.WEB_CONTACT_ADDED, entered_by, contact.pk, {"campaign": campaign.pk})
        payload = {"contact": str(contact.pk), "campaign": str(campaign.pk)}
        bus().publish("contact.added", payload, audiences=audiences_of(campaign))
    return contact


def remove_contact(contact: Contact) -> Contact:
    """The owner takes a contact out: it is not called any more, its results stay. Raises ConflictError while it is called."""
    with transaction.atomic():
        if not destinations.block(contact.campaign_id, [contact.pk], BlockReason.REMOVED):
            raise ConflictError(_("This contact is on the line or already done. Try again when the call is over."))
        contact.refresh_from_db()
    return contact


def understood(phone: str, country: str) -> PhoneNumber:
    """Raises InvalidInputError with a sentence that says what is wrong with the number."""
    try:
        return parse_phone(phone, country)
    except PhoneNumberError as error:
        raise InvalidInputError(PHONE_SENTENCES[error.reason], reason=error.reason) from None


def zone_of(number: PhoneNumber, campaign: Campaign) -> str:
    """Where the contact is: the number's zone when there is only one it can be, else the campaign's."""
    return number.timezones[0] if len(number.timezones) == 1 else campaign.timezone


def _own_columns(campaign: Campaign, data: Mapping[str, str]) -> dict[str, str]:
    keys = {column["key"] for column in campaign.columns}
    return {key: str(value)[:MAX_VALUE] for key, value in data.items() if key in keys}
