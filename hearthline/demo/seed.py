"""Putting the demonstration world into the database. Doing it again changes nothing that is there already."""

from __future__ import annotations

import uuid
from datetime import time

from django.conf import settings
from django.db import transaction

from hearthline.calls.models import Trunk
from hearthline.campaigns import services as campaigns
from hearthline.campaigns.contacts import add_contact
from hearthline.campaigns.models import Campaign, CampaignState
from hearthline.demo.campaigns import CAMPAIGNS, DemoCampaign
from hearthline.demo.contacts import contacts_of
from hearthline.ledger import payouts
from hearthline.ledger import services as ledger
from hearthline.ledger.models import AccountKind, Tariff, TariffRow, TransferCode
from hearthline.lib.ids import derived_id
from hearthline.lib.money import Money
from hearthline.people import services as people
from hearthline.people.models import Organisation, Role, User
from hearthline.quality import approval
from hearthline.web.demo.cast import BY_KEY, EVERYBODY, ROBOT_MANAGER, Person

TRUNK_NAME = "Robots on this machine"
CALLER_ID = "+74955550100"
ACCOUNT = "hearthline"
CUSTOMER = "Clinic Zarya"
TOP_UP_MINOR = 500_000
LEFT_MINOR = 10_000  # of a welcome bonus, after the least that can be paid out: what is earned is in review for days
WELCOMED = ("anna", "maxim", "robot-vera")
_NAMESPACE = uuid.UUID("8f3b1d1e-9a54-4b0e-8a2a-6a1f0c3c5d11")


def seed(*, provider_port: int, provider_password: str) -> None:
    """Raises ExchangeError where the exchange's own rules refuse, which is a mistake of this module."""
    with transaction.atomic():
        users = {person.key: _person(person) for person in EVERYBODY}
        owner = users["olga"]
        organisation = _customer(owner)
        for person in EVERYBODY:
            if person.level is not None:
                people.add_member(organisation=organisation, user=users[person.key], level=person.level, by=owner)
        _tariff()
        _trunk(provider_port, provider_password)
        amount = Money(TOP_UP_MINOR, settings.HEARTHLINE.currency_code)
        ledger.top_up(organisation=organisation.pk, amount=amount, id=derived_id(_NAMESPACE, "top-up"))
        for key in WELCOMED:
            _welcome(users[key])
        _payout(users["robot-vera"])
    for campaign in CAMPAIGNS:
        if not Campaign.objects.filter(organisation=organisation, name=campaign.name).exists():
            _campaign(organisation, owner, users, campaign)


def _person(person: Person) -> User:
    user, _ = User.objects.update_or_create(
        email=person.email,
        defaults={"is_active": True, "is_robot": person.is_robot},
        create_defaults={
            "name": person.name,
            "role": person.role,
            "language": person.language,
            "spoken_languages": list(person.spoken),
            "level": 0 if person.is_new else 2,
            "is_robot": person.is_robot,
            "is_staff": person.role == Role.ADMIN,
            "is_superuser": person.role == Role.ADMIN,
            "password": "!",  # nobody signs in with a password here
        },
    )
    return user


def _welcome(operator: User) -> None:
    currency = settings.HEARTHLINE.currency_code
    ledger.transfer(
        id=derived_id(_NAMESPACE, f"welcome:{operator.email}"),
        debit=ledger.account_of(AccountKind.EXCHANGE_BONUS, None, currency),
        credit=ledger.account_of(AccountKind.OPERATOR_AVAILABLE, operator.pk, currency),
        amount=Money(settings.HEARTHLINE.payout_minimum_minor + LEFT_MINOR, currency),
        code=TransferCode.BONUS,
        reference="welcome",
    )


def _payout(operator: User) -> None:
    """A request that waits for an admin."""
    payouts.keep_details(
        operator=operator.pk, method="card", details="a card of the demonstration, 0000 0000 0000 0001"
    )
    amount = Money(settings.HEARTHLINE.payout_minimum_minor, settings.HEARTHLINE.currency_code)
    payouts.request_payout(id=derived_id(_NAMESPACE, "payout"), operator=operator.pk, amount=amount)


def _customer(owner: User) -> Organisation:
    found = Organisation.objects.filter(name=CUSTOMER).first()
    return found or people.create_organisation(name=CUSTOMER, by=owner)


def _tariff() -> None:
    tariff, made = Tariff.objects.get_or_create(
        name="Demonstration", defaults={"currency": settings.HEARTHLINE.currency_code}
    )
    if made:
        TariffRow.objects.bulk_create(
            TariffRow(tariff=tariff, prefix=prefix, per_minute_micro=price, description=description)
            for prefix, price, description in (
                ("7", 1_200_000, "Russia"),
                ("79", 1_600_000, "Russia, mobile"),
                ("1", 900_000, "United States and Canada"),
            )
        )


def _trunk(port: int, password: str) -> None:
    Trunk.objects.update_or_create(
        name=TRUNK_NAME,
        defaults={"host": "127.0.0.1", "port": port, "password": password, "active": True},
        create_defaults={
            "host": "127.0.0.1",
            "port": port,
            "username": ACCOUNT,
            "password": password,
            "caller_id": CALLER_ID,
            "max_channels": 100,
            "active": True,
        },
    )


def _campaign(organisation: Organisation, owner: User, users: dict[str, User], demo: DemoCampaign) -> None:
    with transaction.atomic():
        campaign = campaigns.create_campaign(
            organisation=organisation,
            created_by=owner,
            name=demo.name,
            brief=demo.brief,
            language=demo.language,
            country=demo.country,
            timezone=demo.timezone,
            script=demo.script,
            price_minor=demo.price_minor,
            window_start=time(0, 0),  # robots do not sleep: whoever looks at this at night sees it work
            window_end=time(23, 59),
            min_talk_s=8,
            max_attempts=5,
        )
        Campaign.objects.filter(pk=campaign.pk).update(columns=list(demo.columns))
        campaign.refresh_from_db()
        campaigns.set_fields(campaign=campaign, actor=owner, fields=list(demo.fields))
        campaigns.set_dispositions(campaign=campaign, actor=owner, dispositions=demo.dispositions)
        managers: list[campaigns.ManagerSpec] = [
            {"name": users[key].name, "user": users[key]} for key in ("marina", "denis")
        ]
        desk = "Регистратура (робот, по телефону)" if demo.language == "ru" else "The desk (a robot, by telephone)"
        managers.append({"name": desk, "phone": demo.manager_number})
        managers.append({"name": users[ROBOT_MANAGER.key].name, "user": users[ROBOT_MANAGER.key]})
        campaigns.set_managers(campaign=campaign, actor=owner, managers=managers)
        for contact in contacts_of(demo):
            add_contact(
                campaign=campaign,
                phone=contact.phone,
                name=contact.name,
                data=contact.data,
                first=False,
                timezone=demo.timezone,
            )
    if campaign.state == CampaignState.DRAFT:
        approval.start(campaign=campaign, actor=owner)


def robots_have_worked() -> bool:
    """Whether the first shift has been: its results are there."""
    robots = [person.email for person in BY_KEY.values() if person.is_robot]
    return User.objects.filter(email__in=robots, shifts__calls__gt=0).exists()
