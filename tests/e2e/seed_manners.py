"""`seed.py`, and beside its people operators with a campaign each: JSON in, JSON out.

In: what `seed` takes, and "operators": [[e-mail, name, [["+7...", "Name of the contact"], ...]], ...]. Out: what `seed` says, and
"campaigns": {e-mail: id}.
"""

from __future__ import annotations

from typing import Any

import django

django.setup()

from hearthline.people.models import Organisation, Role, User  # noqa: E402 (Django must be set up first)
from tests.e2e import seed as people  # noqa: E402
from tests.e2e.seed import person, running_campaign  # noqa: E402


def seed(wanted: dict[str, Any]) -> dict[str, Any]:
    found = people.seed({"provider": wanted["provider"]})
    organisation = Organisation.objects.get(pk=found["organisation"])
    owner, manager = User.objects.get(pk=found["owner"]), User.objects.get(pk=found["manager"])
    campaigns = {}
    for email, name, contacts in wanted["operators"]:
        person(email, name, Role.OPERATOR, spoken_languages=["en"])
        campaign = running_campaign(
            organisation, owner, manager, {"contacts": contacts, "campaign": {"name": f"Check-up of {name}"}}
        )
        campaigns[email] = str(campaign.pk)
    return {**found, "campaigns": campaigns}
