"""Between two calls and after the last one: better paid work, a promised callback, the summary; by keyboard alone."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.console.conftest import Opens
from tests.console.world import World

pytestmark = [pytest.mark.browser, pytest.mark.slow]

AN_HOUR_LATER = """
from datetime import timedelta
from hearthline.calls.models import CampaignHour, Shift
from hearthline.campaigns.models import Campaign
from hearthline.lib import clock
hour = clock.now().replace(minute=0, second=0, microsecond=0)
for name, share in (("Between calls", 10), ("Better paid", 90)):
    CampaignHour.objects.create(campaign=Campaign.objects.get(name=name), hour=hour, attempts=100, conversations=share,
                                worked_ms=6_000_000, talk_ms=1_000_000)
Shift.objects.filter(operator__name__startswith="Ilse").update(offer_at=clock.now())
"""
A_PROMISE = """
from hearthline.campaigns.models import Contact, ContactState
from hearthline.lib import clock
from hearthline.people.models import User
contact = Contact.objects.filter(campaign__name="Between calls")[0]
Contact.objects.filter(pk=contact.pk).update(
    state=ContactState.RETRY, priority=1, prefer_operator=User.objects.get(name__startswith="Ilse"), notes="ask for Sergey",
    promised_at=clock.now(), next_attempt_at=clock.now())
"""


def test_an_offer_a_promise_and_the_end(at_work: Opens, world: World) -> None:
    ilse = at_work("Ilse")
    page = ilse.page
    ilse.begin_with_line("Between calls")
    world.run(AN_HOUR_LATER)

    ilse.press("Enter")
    ilse.sees("#offer", "Better paid")
    ilse.sees("#offer", "more")
    ilse.mode("Ready")
    assert ilse.breaches() == []
    ilse.press("1")
    ilse.sees("#idle-title", "Better paid")
    expect(page.locator("#offer")).to_be_hidden()
    ilse.mode("Ready")  # the line has stayed open

    world.run(A_PROMISE)
    ilse.press("Enter")
    ilse.mode("Reserved for you")
    ilse.sees("#worksheet", "You promised this person a call")
    ilse.sees("#worksheet", "ask for Sergey")
    assert ilse.breaches() == []
    ilse.press("s")  # not now
    ilse.mode("Ready")

    page.get_by_role("button", name="End the shift").first.focus()
    ilse.press("Enter")
    expect(page.locator("#dialog-end")).to_be_visible()
    ilse.press("Enter")
    page.wait_for_url("**/work/shifts/**")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your shift is over")
    assert ilse.breaches() == []
