"""Choosing work: what a card says, what is offered between two calls, callbacks that were promised."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from hearthline.calls import services
from hearthline.calls.models import CampaignHour, CampaignRating, Shift
from hearthline.campaigns.models import Campaign, Contact, ContactState
from hearthline.dialing.models import Assignment, AssignmentState
from hearthline.ledger import services as ledger
from hearthline.ledger.ringing import pay_ringing
from hearthline.lib import clock
from hearthline.lib.ids import new_id
from hearthline.lib.money import Money
from hearthline.people.models import User
from hearthline.quality import house
from hearthline.web.operator.cards import cards_for
from tests.campaigns.worlds import a_campaign, a_running_campaign, add_numbers, an_operator, an_organisation, an_owner

MOST_QUERIES = 10
AsPerson = Callable[[User], Client]
pytestmark = pytest.mark.django_db


@pytest.fixture
def at_ten() -> Iterator[Any]:
    with time_machine.travel(clock.now().replace(hour=10, minute=0, second=0, microsecond=0), tick=False) as now:
        yield now


def experienced(campaign: Campaign, *, conversations: int, attempts: int = 100) -> Campaign:
    """A campaign in which 100 attempts took 90 seconds each."""
    CampaignHour.objects.create(
        campaign=campaign, hour=clock.now().replace(minute=0, second=0, microsecond=0), attempts=attempts,
        conversations=conversations, worked_ms=90_000 * attempts, talk_ms=60_000 * conversations,
    )  # fmt: skip
    return campaign


def another(name: str, start: int, **fields: Any) -> Campaign:
    campaign = a_campaign(name=name, **fields)
    add_numbers(campaign, 3, start=start)
    Campaign.objects.filter(pk=campaign.pk).update(state="running", started_at=clock.now())
    campaign.refresh_from_db()
    return campaign


def post(client: Client, name: str, **body: Any) -> dict[str, Any]:
    reply = client.post(reverse(f"operator:{name}"), json.dumps({"key": "12345678", **body}), "application/json")
    assert reply.status_code == 200, reply.content
    found: dict[str, Any] = reply.json()
    return found


class TestCards:
    def test_they_are_sorted_by_what_one_would_earn(self, as_person: AsPerson) -> None:
        operator = an_operator()
        experienced(a_running_campaign(3, name="Middling"), conversations=20)
        experienced(another("Good", 50), conversations=40)
        experienced(another("Bad", 60), conversations=5)
        experienced(another("Rich but foreign", 70, language="de"), conversations=90)
        experienced(another("Nobody there", 80), conversations=90)
        Contact.objects.filter(campaign__name="Nobody there").update(state=ContactState.DONE)

        cards = cards_for(operator).shown

        assert [c.campaign.name for c in cards] == ["Good", "Middling", "Bad", "Nobody there", "Rich but foreign"]
        good = cards[0]
        assert (good.percent, good.pay.minor) == (40, 960)
        assert good.hourly.minor == 16 * 960  # 40 attempts an hour, 16 conversations
        page = as_person(operator).get(reverse("operator:choose")).content.decode()
        assert "≈ 154" in page  # an estimate, without kopecks
        assert "40 %" in page
        assert "nobody to call just now" in page
        assert "Add it to the languages you speak" in page
        assert 'href="/work/#languages"' in page

    def test_a_campaign_that_nobody_knows_is_reckoned_from_the_others_and_says_so(self, as_person: AsPerson) -> None:
        a_running_campaign(3)
        page = as_person(an_operator()).get(reverse("operator:choose")).content.decode()
        assert "these figures are what other campaigns bring" in page

    def test_work_is_shared_with_those_who_are_at_it(self, at_ten: Any) -> None:
        campaign = experienced(a_running_campaign(40), conversations=20)
        alone = cards_for(an_operator()).shown[0]
        assert (alone.outlook.now, alone.colleagues, alone.work) == (40, 0, "for about 60 minutes")
        for _n in range(3):
            services.begin_shift(operator=an_operator(), campaign=campaign)
        shared = cards_for(an_operator()).shown[0]
        assert (shared.colleagues, shared.work) == (3, "for about 15 minutes")

    def test_stars_are_shown_from_five_ratings_on(self) -> None:
        campaign = a_running_campaign(1)
        for stars in (5, 4, 4, 5):
            CampaignRating.objects.create(campaign=campaign, operator=an_operator(), stars=stars)
        assert cards_for(an_operator()).shown[0].stars is None
        CampaignRating.objects.create(campaign=campaign, operator=an_operator(), stars=2)
        assert cards_for(an_operator()).shown[0].stars == 4

    def test_the_page_takes_few_queries_however_many_campaigns(self, as_person: AsPerson) -> None:
        operator = an_operator()
        client = as_person(operator)
        services.begin_shift(operator=operator, campaign=experienced(a_running_campaign(3), conversations=3))
        house.install()
        client.get(reverse("operator:choose"))
        counts = []
        for n in range(3):
            with CaptureQueriesContext(connection) as asked:
                assert client.get(reverse("operator:choose")).status_code == 200
            counts.append(len(asked))
            experienced(another(f"More {n}", 50 + 10 * n), conversations=3)
        assert counts[0] == counts[2] <= MOST_QUERIES

    def test_a_language_opens_a_campaign(self, as_person: AsPerson) -> None:
        operator = an_operator()
        another("Foreign", 50, language="de")
        assert "another language (German)" in cards_for(operator).shown[0].closed
        client = as_person(operator)
        client.post(reverse("operator:languages"), {"languages": ["ru", "de", "no such"]})
        operator.refresh_from_db()
        assert operator.spoken_languages == ["ru", "de"]
        assert not cards_for(operator).shown[0].closed
        client.post(reverse("operator:languages"), {"languages": []})
        operator.refresh_from_db()
        assert operator.spoken_languages == ["ru", "de"]


class TestOffer:
    def at_work(self, now: Any) -> tuple[User, Campaign, Campaign]:
        operator = an_operator()
        here = experienced(a_running_campaign(3, name="Here"), conversations=10)
        better = experienced(another("Better", 50), conversations=30)
        services.begin_shift(operator=operator, campaign=here)
        return operator, here, better

    def test_once_an_hour_a_better_campaign_is_offered_instead_of_a_contact(
        self, at_ten: Any, as_person: AsPerson
    ) -> None:
        operator, _here, _better = self.at_work(at_ten)
        client = as_person(operator)
        at_ten.shift(timedelta(minutes=61))
        reply = post(client, "next")
        assert reply["assignment"] is None
        assert not Assignment.objects.exists()
        assert [one["name"] for one in reply["offer"]["better"]] == ["Better"]
        assert reply["offer"]["better"][0]["more_minor"] == 2 * reply["offer"]["hourly_minor"]

        # asking again is staying; for the next hour nothing is offered
        assert post(client, "next")["assignment"] is not None
        at_ten.shift(timedelta(minutes=30))
        assert "offer" not in post(client, "next")

    def test_never_with_a_contact_in_hand(self, at_ten: Any, as_person: AsPerson) -> None:
        operator, _here, _better = self.at_work(at_ten)
        client = as_person(operator)
        held = post(client, "next")["assignment"]
        at_ten.shift(timedelta(minutes=61))
        reply = post(client, "next")
        assert "offer" not in reply
        assert reply["assignment"]["id"] == held["id"]

    def test_what_is_hardly_better_is_not_offered(self, at_ten: Any, as_person: AsPerson) -> None:
        operator, here, _better = self.at_work(at_ten)
        CampaignHour.objects.filter(campaign=here).update(conversations=29)
        at_ten.shift(timedelta(minutes=61))
        assert post(as_person(operator), "next")["assignment"] is not None
        at = Shift.objects.get().offer_at
        assert at is not None
        assert timedelta() < at - clock.now() < timedelta(minutes=20)

    def test_going_over_keeps_the_shift(self, at_ten: Any, as_person: AsPerson) -> None:
        operator, _here, better = self.at_work(at_ten)
        client = as_person(operator)
        shift = Shift.objects.get()
        reply = post(client, "change_campaign", campaign=str(better.pk))
        assert reply["campaign"]["name"] == "Better"
        assert Shift.objects.get().pk == shift.pk
        foreign = another("Foreign", 90, language="de")
        refused = client.post(
            reverse("operator:change_campaign"), json.dumps({"campaign": str(foreign.pk)}), "application/json"
        )
        assert refused.status_code == 403
        assert Shift.objects.get().campaign == better

    def test_where_there_is_work_is_said_when_there_is_none_here(self, at_ten: Any, as_person: AsPerson) -> None:
        operator, here, _better = self.at_work(at_ten)
        Contact.objects.filter(campaign=here).update(state=ContactState.DONE)
        reply = post(as_person(operator), "next")
        assert "nobody to call" in reply["none"]
        assert reply["offer"]["better"][0]["name"] == "Better"

    def test_it_can_be_switched_off(self, at_ten: Any, as_person: AsPerson, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(settings.HEARTHLINE, "campaign_offer_every_min", 0)
        operator, _here, _better = self.at_work(at_ten)
        at_ten.shift(timedelta(hours=5))
        assert post(as_person(operator), "next")["assignment"] is not None


class TestPromises:
    def promise(self, operator: User, at: Any, **changes: Any) -> Contact:
        contact = Contact.objects.order_by("phone")[0]
        values = {
            "state": ContactState.RETRY, "priority": 1, "prefer_operator": operator, "promised_at": at, "next_attempt_at": at,
            "name": "Irina Petrovna", "notes": "after lunch, ask for the price",
        } | changes  # fmt: skip
        Contact.objects.filter(pk=contact.pk).update(**values)
        return contact

    def test_the_operator_sees_theirs_and_may_give_one_away(self, as_person: AsPerson) -> None:
        operator, other = an_operator(), an_operator()
        a_running_campaign(2)
        contact = self.promise(operator, clock.now() + timedelta(hours=3))
        client = as_person(operator)
        page = client.get(reverse("operator:choose")).content.decode()
        assert "Callbacks you promised" in page
        assert "Irina Petrovna" in page
        assert "after lunch" in page
        assert "Callbacks you promised" not in as_person(other).get(reverse("operator:choose")).content.decode()
        give_up = reverse("operator:give_up_promise", args=[contact.pk])
        assert as_person(other).post(give_up).status_code == 404
        assert Contact.objects.get(pk=contact.pk).prefer_operator == operator
        assert client.post(give_up).status_code == 302
        assert Contact.objects.get(pk=contact.pk).prefer_operator is None

    def test_a_name_that_the_campaign_does_not_show_is_not_shown(self, as_person: AsPerson) -> None:
        operator = an_operator()
        a_running_campaign(2, show_name=False)
        self.promise(operator, clock.now() + timedelta(hours=3))
        assert "Irina" not in as_person(operator).get(reverse("operator:choose")).content.decode()

    def test_it_comes_with_its_notes_from_another_campaign_and_says_who_promised(
        self, at_ten: Any, as_person: AsPerson
    ) -> None:
        operator = an_operator()
        a_running_campaign(1, name="Promised in")
        here = another("Here", 50)
        self.promise(operator, clock.now() + timedelta(minutes=30))
        services.begin_shift(operator=operator, campaign=here)
        client = as_person(operator)
        reply = post(client, "next")
        assert reply["campaign"]["name"] == "Here"
        assert reply["promises"]["count"] == 1
        post(client, "skip", assignment=reply["assignment"]["id"])
        at_ten.shift(timedelta(minutes=30))
        reply = post(client, "next")
        assert reply["campaign"]["name"] == "Promised in"
        assert "You promised this person a call" in reply["worksheet"]["html"]
        assert "after lunch" in reply["worksheet"]["html"]

    def test_who_takes_over_is_told_who_promised(self, at_ten: Any, as_person: AsPerson) -> None:
        operator, other = an_operator(name="Anna Petrova"), an_operator(name="Vera Orlova")
        campaign = a_running_campaign(1)
        self.promise(operator, clock.now() - timedelta(minutes=16))
        services.begin_shift(operator=other, campaign=campaign)
        html = post(as_person(other), "next")["worksheet"]["html"]
        assert "Anna promised this person a call" in html
        assert "Petrova" not in html
        assert Assignment.objects.filter(state=AssignmentState.ACTIVE).count() == 1


class TestRingPay:
    FORM = {
        "price": "12", "window_start": "00:00", "window_end": "23:59", "window_days": ["1", "2", "3", "4", "5", "6", "7"],
        "max_attempts": "3",
    }  # fmt: skip

    def test_the_customer_sets_it_within_the_price_and_sees_what_it_costs(self, as_person: AsPerson) -> None:
        organisation = an_organisation()
        campaign = a_campaign(organisation)
        client = as_person(an_owner(organisation))
        url = reverse("customer:price", args=[campaign.pk])
        refused = client.post(url, {**self.FORM, "ring_pay": "90"}, headers={"hx-request": "true"}).content.decode()
        assert "more than a conversation costs" in refused
        assert Campaign.objects.get().ring_pay_minor == 0
        kept = client.post(url, {**self.FORM, "ring_pay": "1.50"}, headers={"hx-request": "true"}).content.decode()
        assert Campaign.objects.get().ring_pay_minor == 150
        assert "of unanswered ringing for each" in kept

    def test_it_is_on_the_card_in_the_hour_and_on_the_balance(self, as_person: AsPerson) -> None:
        operator, organisation = an_operator(), an_organisation()
        experienced(a_running_campaign(3, organisation), conversations=20)
        CampaignHour.objects.update(unpaid_ring_ms=100 * 15_000)
        bare = cards_for(operator).shown[0].hourly.minor
        Campaign.objects.update(ring_pay_minor=150)
        assert cards_for(operator).shown[0].hourly.minor == bare + 40 * 15 * 150 // 60
        page = as_person(operator).get(reverse("operator:choose")).content.decode()
        assert "1.50" in page
        hold = new_id()
        ledger.hold_conversation(
            id=hold, organisation=organisation.pk, operator=operator.pk, price=Money(1200, "RUB"),
            reference=f"assignment:{hold}",
        )  # fmt: skip
        pay_ringing(hold=hold, amount=Money(100, "RUB"))
        balance = as_person(an_owner(organisation)).get(reverse("customer:balance")).content.decode()
        assert "unanswered ringing" in balance
        assert "−1.00" in balance
