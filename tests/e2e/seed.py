"""Makes what a test needs, inside the exchange's own database, by the domain's services.

In: {"provider": {"host", "port", "username", "password", "caller_id", ...}, "contacts": [["+7...", "Name"], ...],
"campaign": {fields of `change_campaign`}}. Without contacts there is no campaign. Out: ids and the people's password.
"""

from __future__ import annotations

import functools
from datetime import time
from typing import Any

import django

django.setup()

from allauth.mfa.totp.internal.auth import TOTP  # noqa: E402 (Django must be set up first)
from django.conf import settings  # noqa: E402
from django.contrib.auth.hashers import make_password  # noqa: E402

from hearthline.calls.models import Trunk  # noqa: E402
from hearthline.campaigns import services  # noqa: E402
from hearthline.campaigns.contacts import add_contact  # noqa: E402
from hearthline.campaigns.models import Campaign  # noqa: E402
from hearthline.ledger.models import Tariff, TariffRow  # noqa: E402
from hearthline.ledger.services import top_up  # noqa: E402
from hearthline.lib.ids import new_id  # noqa: E402
from hearthline.lib.money import Money  # noqa: E402
from hearthline.people.models import Membership, MembershipLevel, Organisation, Role, User  # noqa: E402
from tests.e2e.seed_words import PASSWORD, SECRET, zone_at_noon  # noqa: E402


def person(email: str, name: str, role: str, **fields: Any) -> User:
    user: User = User.objects.create_user(email, name=name, role=role, language="en", **fields)
    user.password = _hashed()
    user.save(update_fields=["password"])
    return user


@functools.cache
def _hashed() -> str:
    """Slow on purpose: once is enough."""
    return make_password(PASSWORD)


def seed(wanted: dict[str, Any]) -> dict[str, Any]:
    owner = person("owner@example.org", "Olga Owner", Role.CUSTOMER)
    manager = person("manager@example.org", "Maxim Manager", Role.CUSTOMER)
    operator = person("operator@example.org", "Anna Operator", Role.OPERATOR, spoken_languages=["ru", "en"])
    for email, name in (("moderator@example.org", "Mona"), ("second.moderator@example.org", "Mira")):
        TOTP.activate(person(email, f"{name} Moderator", Role.MODERATOR), SECRET)
    second = person("second@example.org", "Boris Operator", Role.OPERATOR, spoken_languages=["ru", "en"])
    organisation = Organisation.objects.create(name="Clinic Dawn")
    Membership.objects.create(organisation=organisation, user=owner, level=MembershipLevel.OWNER)
    Membership.objects.create(organisation=organisation, user=manager, level=MembershipLevel.MANAGER)
    top_up(organisation=organisation.pk, amount=Money(100_000, settings.HEARTHLINE.currency_code), id=new_id())
    tariff = Tariff.objects.create(name="e2e")
    TariffRow.objects.create(tariff=tariff, prefix="7", per_minute_micro=1_200_000, description="Russia")
    provider = wanted["provider"]
    Trunk.objects.create(
        name="provider",
        host=provider["host"],
        port=provider["port"],
        username=provider["username"],
        password=provider["password"],
        caller_id=provider["caller_id"],
        from_domain=provider.get("domain", ""),
        number_format=provider.get("number_format", "+{e164}"),
        transport=provider.get("transport", "udp"),
    )
    campaign = running_campaign(organisation, owner, manager, wanted) if wanted.get("contacts") else None
    return {
        "campaign": str(campaign.pk) if campaign else "",
        "owner": str(owner.pk), "manager": str(manager.pk), "operator": str(operator.pk), "second": str(second.pk),
        "organisation": str(organisation.pk), "password": PASSWORD,
    }  # fmt: skip


def running_campaign(organisation: Organisation, owner: User, manager: User, wanted: dict[str, Any]) -> Campaign:
    campaign = services.create_campaign(
        organisation=organisation, created_by=owner, kind="find_need", language="en",
        price_minor=1200, window_start=time(0, 0), window_end=time(23, 59), timezone=zone_at_noon(), min_talk_s=2,
        **{"name": "Check-up", **wanted.get("campaign", {})},
    )  # fmt: skip
    services.set_managers(campaign=campaign, actor=owner, managers=[{"name": manager.name, "user": manager}])
    for phone, name in wanted["contacts"]:
        add_contact(campaign=campaign, phone=phone, name=name, first=False)
    return services.start(campaign=campaign, actor=owner)
