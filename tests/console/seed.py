"""Run in a process of its own: a small world in the data folder. Prints the sessions of its people as JSON.

Arguments: the port of the provider, and {campaign's name: numbers} as JSON.
Contacts are robots whose character is known by their number (world.ROBOTS).
"""

from __future__ import annotations

import json
import sys
from datetime import time

import django

django.setup()

from django.contrib.auth import login  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.http import HttpRequest  # noqa: E402

from hearthline.calls.models import Trunk  # noqa: E402
from hearthline.campaigns import contacts, services  # noqa: E402
from hearthline.campaigns.models import Campaign, DispositionKind, FieldKind  # noqa: E402
from hearthline.ledger.models import Tariff, TariffRow  # noqa: E402
from hearthline.ledger.services import top_up  # noqa: E402
from hearthline.lib.ids import new_id  # noqa: E402
from hearthline.lib.money import Money  # noqa: E402
from hearthline.people.models import Membership, Organisation, Role, User  # noqa: E402

OPERATORS = ("Anna", "Berta", "Clara", "Dina", "Elsa", "Fanny", "Gerda", "Hilda", "Ilse", "Jana")
SCRIPT = """Good afternoon, **{{name}}**! My name is {{operator}}, I am calling from the clinic "Zarya" about your check-up.
You were with us on {{last_visit}}; this year it is free of charge.

> [!if] "I have no time"
> Offer Saturday. It takes *twenty minutes*.

> [!if] "Who gave you my number?"
> The consent of 12 May, the form on the clinic's site.

> [!if] Interested
> Transfer to the manager (t).
"""


def session_of(user: User) -> str:
    request = HttpRequest()
    request.session = SessionStore()
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    request.session.save()
    return str(request.session.session_key)


def person(name: str, role: Role) -> User:
    email = f"{name.split()[0].lower()}@example.org"
    return User.objects.create_user(email=email, name=name, role=role, spoken_languages=["en", "ru"])


def campaign_of(organisation: Organisation, owner: User, manager: User, name: str, numbers: list[str]) -> Campaign:
    campaign = services.create_campaign(
        organisation=organisation,
        created_by=owner,
        name=name,
        language="en",
        script=SCRIPT,
        price_minor=1500,
        window_start=time(0, 0),
        window_end=time(23, 59),
        min_talk_s=1,
        brief="An invitation to the yearly check-up, free of charge for former patients.",
    )
    Campaign.objects.filter(pk=campaign.pk).update(
        columns=[{"key": "age", "title": "Age"}, {"key": "last_visit", "title": "Last visit"}]  # as an import would
    )
    campaign.refresh_from_db()
    services.set_fields(
        campaign=campaign,
        actor=owner,
        fields=[
            {"key": "person", "title": "Person in charge", "kind": FieldKind.TEXT, "required": True},
            {
                "key": "day",
                "title": "Convenient day",
                "kind": FieldKind.CHOICE,
                "choices": ["Mon", "Tue", "Wed", "Sat"],
            },
            {"key": "date", "title": "First visit", "kind": FieldKind.DATE},
            {"key": "children", "title": "With children", "kind": FieldKind.YES_NO},
        ],
    )
    rows = [
        (1, "Agreed", DispositionKind.SUCCESS, True, None),
        (2, "Call back", DispositionKind.CALL_BACK, False, 30),
        (3, "Refused", DispositionKind.REFUSAL, True, None),
        (4, "Wrong person", DispositionKind.WRONG_NUMBER, False, None),
        (5, "Don't call", DispositionKind.DO_NOT_CALL, False, None),
    ]
    services.set_dispositions(
        campaign=campaign,
        actor=owner,
        dispositions=[
            {"key": k, "title": t, "kind": kind, "payable": paid, "retry_after_min": retry}
            for k, t, kind, paid, retry in rows
        ],
    )
    guest: services.ManagerSpec = {"name": "Gleb", "email": "gleb@example.org"}
    account: services.ManagerSpec = {"name": "Boris", "user": manager}
    taker = guest if name == "Guest" else account
    services.set_managers(campaign=campaign, actor=owner, managers=[taker])
    for n, number in enumerate(numbers):
        contacts.add_contact(
            campaign=campaign,
            phone=number,
            name=f"Irina Petrovna {n}",
            data={"age": str(50 + n), "last_visit": "2025-03"},
            entered_by=None,
            first=False,
            timezone="Europe/Moscow",
        )
    return services.start(campaign=campaign, actor=owner)


def main(port: int, campaigns: dict[str, list[str]]) -> dict[str, str]:
    operators = {name: person(f"{name} Sokolova", Role.OPERATOR) for name in OPERATORS}
    owner, manager = person("Olga", Role.CUSTOMER), person("Boris", Role.CUSTOMER)
    organisation = Organisation.objects.create(name="Zarya")
    Membership.objects.create(organisation=organisation, user=owner, level="owner")
    Membership.objects.create(organisation=organisation, user=manager, level="manager")
    tariff = Tariff.objects.create(name="test")
    TariffRow.objects.create(tariff=tariff, prefix="7", per_minute_micro=1_500_000)
    top_up(organisation=organisation.pk, amount=Money(500_000, "RUB"), id=new_id())
    Trunk.objects.create(
        name="robots", host="127.0.0.1", port=port, username="hearthline", password="secret", caller_id="+74950000001"
    )
    made = {name: campaign_of(organisation, owner, manager, name, numbers) for name, numbers in campaigns.items()}
    return {
        **{name: session_of(operator) for name, operator in operators.items()},
        "manager": session_of(manager),
        "owner": session_of(owner),
        **{f"campaign:{name}": str(campaign.pk) for name, campaign in made.items()},
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(int(sys.argv[1]), json.loads(sys.argv[2]))))
