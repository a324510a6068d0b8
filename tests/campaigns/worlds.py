"""A customer with money, a campaign that can start, operators: what most tests of campaigns begin with."""

from __future__ import annotations

import itertools
from datetime import time
from typing import Any

from hearthline.campaigns import services
from hearthline.campaigns.contacts import add_contact
from hearthline.campaigns.models import Campaign, Contact
from hearthline.ledger.models import Tariff, TariffRow
from hearthline.ledger.services import top_up
from hearthline.lib.ids import new_id
from hearthline.lib.money import Money
from hearthline.people.models import Membership, MembershipLevel, Organisation, Role, User

PRICE = 1200
ALL_DAY = (time(0, 0), time(23, 59))
_numbers = itertools.count(1)


def price_list(*prefixes: str) -> Tariff:
    tariff, _new = Tariff.objects.get_or_create(name="test")
    for prefix in prefixes or ("7", "44", "1"):
        TariffRow.objects.get_or_create(tariff=tariff, prefix=prefix, defaults={"per_minute_micro": 1_000_000})
    return tariff


def an_organisation(balance: int = 1_000_000) -> Organisation:
    organisation = Organisation.objects.create(name="Zarya")
    if balance:
        top_up(organisation=organisation.pk, amount=Money(balance, "RUB"), id=new_id())
    return organisation


def an_owner(organisation: Organisation) -> User:
    user = User.objects.create(email=f"owner{next(_numbers)}@example.org", name="Olga Owner", role=Role.CUSTOMER)
    Membership.objects.create(organisation=organisation, user=user, level=MembershipLevel.OWNER)
    return user


def an_operator(**fields: Any) -> User:
    values = {"name": "Anna Petrova", "spoken_languages": ["ru"], "role": Role.OPERATOR} | fields
    return User.objects.create(email=f"operator{next(_numbers)}@example.org", **values)


def a_campaign(organisation: Organisation | None = None, **fields: Any) -> Campaign:
    """A draft with a script, a form and outcomes, open round the clock; no contacts."""
    price_list()
    values: dict[str, Any] = {
        "name": "Autumn check-up", "price_minor": PRICE, "language": "ru",
        "window_start": ALL_DAY[0], "window_end": ALL_DAY[1],
    }  # fmt: skip
    return services.create_campaign(
        organisation=organisation or an_organisation(), created_by=None, kind="find_need", **(values | fields)
    )


def a_running_campaign(contacts: int = 3, organisation: Organisation | None = None, **fields: Any) -> Campaign:
    campaign = a_campaign(organisation, **fields)
    add_numbers(campaign, contacts)
    return services.start(campaign=campaign, actor=None)


def add_numbers(campaign: Campaign, count: int, *, start: int = 0, **fields: Any) -> list[Contact]:
    return [add_contact(campaign=campaign, phone=a_number(start + n), first=False, **fields) for n in range(count)]


def a_number(n: int) -> str:
    """A Moscow mobile number, valid by its plan."""
    return f"+7916{n + 1_000_000:07d}"
