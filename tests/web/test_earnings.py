"""Earnings, payouts, statements, one's own calls, the end of a shift, ratings: through their pages."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from python_calamine import CalamineWorkbook

from hearthline.calls import services as shifts
from hearthline.calls.models import Attempt, CampaignRating, Shift
from hearthline.campaigns.models import Campaign
from hearthline.ledger import check, payouts, services
from hearthline.ledger.models import AccountKind, Payout, PayoutState
from hearthline.lib import clock
from hearthline.lib.ids import new_id
from hearthline.lib.money import Money
from hearthline.people.models import AuditEntry, Role, User
from hearthline.quality import ratings
from hearthline.quality.models import CallRating
from tests.campaigns.worlds import an_operator
from tests.people.conftest import a_person
from tests.people.letter_box import letters_to
from tests.web.world import World, called

AsPerson = Callable[[User], Client]
CARD = "2200 7000 1234 5678"
MOST_QUERIES = 10
pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(world: World, as_person: AsPerson) -> Client:
    return as_person(world.operator)


@pytest.fixture
def earned(world: World) -> World:
    """The operator's pay has left the review, and there is enough of it."""
    credit = services.account_of(AccountKind.OPERATOR_AVAILABLE, world.operator.pk, "RUB")
    debit = services.account_of(AccountKind.EXCHANGE_BONUS, None, "RUB")
    services.transfer(
        id=new_id(), debit=debit, credit=credit, amount=Money(200_000, "RUB"), code="correction", reference="a start"
    )
    return world


def available(world: World) -> int:
    return services.account_of(AccountKind.OPERATOR_AVAILABLE, world.operator.pk, "RUB").available


def page(client: Client, name: str, *args: Any) -> str:
    reply = client.get(reverse(name, args=args))
    assert reply.status_code == 200
    return reply.content.decode()


class TestPayouts:
    def test_details_are_kept_and_a_payout_is_asked_for_approved_and_paid(
        self, earned: World, operator: Client, admin: Client
    ) -> None:
        assert "First say where" in page(operator, "operator:earnings")
        operator.post(reverse("operator:payout_details"), {"method": "card", "details": CARD})
        shown = page(operator, "operator:earnings")
        assert "ending in 5678" in shown
        assert "2200" not in shown
        operator.post(reverse("operator:request_payout"), {"id": str(new_id()), "amount": "1500.50"})
        asked = Payout.objects.get()
        assert (asked.amount_minor, available(earned)) == (150_050, 49_950)
        assert CARD in page(admin, "staff:payouts")
        admin.post(reverse("staff:paid_payout", args=[asked.pk]), {"payment": "A-17"})
        assert Payout.objects.get().state == PayoutState.REQUESTED
        admin.post(reverse("staff:approve_payout", args=[asked.pk]))
        admin.post(reverse("staff:paid_payout", args=[asked.pk]), {"payment": "A-17"})
        assert Payout.objects.get().state == PayoutState.PAID
        assert "A-17" in page(operator, "operator:earnings")
        [letter] = letters_to(earned.operator)
        assert (letter.subject, "A-17" in letter.body) == ("Your payout is on its way", True)
        tags = set(AuditEntry.objects.values_list("tag", flat=True))
        assert {"web:payout_details:changed", "web:payout:requested", "web:payout:approved", "web:payout:made"} <= tags
        assert not any("1234" in json.dumps(entry.details) for entry in AuditEntry.objects.all())
        assert check.prove().faults == []

    def test_a_refusal_needs_a_reason_and_is_read_by_the_operator(
        self, earned: World, operator: Client, admin: Client
    ) -> None:
        payouts.keep_details(operator=earned.operator.pk, method="card", details=CARD)
        operator.post(reverse("operator:request_payout"), {"id": str(new_id()), "amount": "600"})
        asked = Payout.objects.get()
        admin.post(reverse("staff:refuse_payout", args=[asked.pk]), {"reason": ""})
        assert Payout.objects.get().state == PayoutState.REQUESTED
        admin.post(reverse("staff:refuse_payout", args=[asked.pk]), {"reason": "The bank does not know this card."})
        assert "The bank does not know this card." in page(operator, "operator:earnings")
        assert "The bank does not know this card." in letters_to(earned.operator)[0].body
        assert available(earned) == 200_000

    def test_too_much_or_too_little_is_said_beside_the_field(self, earned: World, operator: Client) -> None:
        payouts.keep_details(operator=earned.operator.pk, method="card", details=CARD)
        for amount, said in (("3000", "The most that you can ask for"), ("1", "The least that is paid out"), ("x", "")):
            reply = operator.post(reverse("operator:request_payout"), {"id": str(new_id()), "amount": amount})
            assert reply.status_code == 422
            assert said in reply.content.decode()
        wrong = operator.post(reverse("operator:payout_details"), {"method": "card", "details": "12"})
        assert wrong.status_code == 422
        assert not Payout.objects.exists()
        assert available(earned) == 200_000

    def test_it_can_be_withdrawn_by_its_owner_only(self, earned: World, operator: Client, as_person: AsPerson) -> None:
        payouts.keep_details(operator=earned.operator.pk, method="card", details=CARD)
        operator.post(reverse("operator:request_payout"), {"id": str(new_id()), "amount": "600"})
        url = reverse("operator:withdraw_payout", args=[Payout.objects.get().pk])
        assert as_person(an_operator()).post(url).status_code == 404
        assert Payout.objects.get().state == PayoutState.REQUESTED
        operator.post(url)
        assert available(earned) == 200_000

    def test_only_admins_with_a_second_factor_decide(
        self, earned: World, operator: Client, as_person: AsPerson
    ) -> None:
        payouts.keep_details(operator=earned.operator.pk, method="card", details=CARD)
        operator.post(reverse("operator:request_payout"), {"id": str(new_id()), "amount": "600"})
        asked = Payout.objects.get()
        others = (operator, as_person(a_person(Role.MODERATOR)), as_person(earned.owner), Client())
        without_factor = as_person(a_person(Role.ADMIN, "bare@hearth.example"))
        for client in (*others, without_factor):
            for name in ("approve_payout", "paid_payout", "refuse_payout"):
                reply = client.post(reverse(f"staff:{name}", args=[asked.pk]), {"reason": "because"})
                assert reply.status_code in (302, 403)
            assert client.get(reverse("staff:payouts")).status_code in (302, 403)
        assert Payout.objects.get().state == PayoutState.REQUESTED


class TestStatement:
    def test_it_has_each_conversation_and_its_sums_are_the_ledgers(self, earned: World, operator: Client) -> None:
        today = clock.now().date()
        reply = operator.get(
            reverse("operator:statement"),
            {"from": (today - timedelta(days=2)).isoformat(), "until": (today + timedelta(days=1)).isoformat()},
        )
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(reply.content)).get_sheet_by_index(0).to_python()
        opening, *rows, closing = sheet[1:]
        assert opening[6] == 0
        conversations = [row for row in rows if row[1] == "conversation"]
        paid = Attempt.objects.filter(operator=earned.operator, payable=True).count()
        assert len(conversations) == paid > 0
        assert {row[2] for row in conversations} == {"Autumn check-up"}
        assert {row[4] for row in conversations} == {47}
        in_books = sum(
            services.account_of(kind, earned.operator.pk, "RUB").balance
            for kind in (AccountKind.OPERATOR_MATURING, AccountKind.OPERATOR_AVAILABLE)
        )
        assert round(sum(float(row[5]) for row in rows) * 100) == round(float(closing[6]) * 100) == in_books

    @pytest.mark.parametrize(
        "query", [{}, {"from": "2026-02-30", "until": "x"}, {"from": "2020-01-01", "until": "2026-01-01"}]
    )
    def test_a_period_is_asked_for(self, world: World, operator: Client, query: dict[str, str]) -> None:
        assert operator.get(reverse("operator:statement"), query).status_code == 422


class TestHistory:
    def test_it_tells_each_call_its_pay_and_why_not(self, world: World, operator: Client) -> None:
        Attempt.objects.filter(payable=True).update(earned_minor=960)
        for attempt in Attempt.objects.select_related("assignment"):
            if attempt.payable:  # as a claim writes it
                attempt.assignment.hold = attempt.assignment_id
                attempt.assignment.save(update_fields=["hold"])
        shown = page(operator, "operator:history")
        assert shown.count("in review") == Attempt.objects.filter(payable=True).count()
        assert "nobody answered" in shown
        assert "Irina Petrovna" in shown
        assert "data-recording=" in shown
        rejected = Attempt.objects.filter(payable=True)[0]
        rejected.charged_minor = 1200
        rejected.save(update_fields=["charged_minor"])
        ratings.reject(attempt=rejected, by=world.owner, reason="rude", words="Shouted.", at_ms=1)
        late = clock.now() + timedelta(hours=settings.HEARTHLINE.review_window_hours + 1)
        with time_machine.travel(late):  # the appeal goes on for longer than a review
            services.mature(clock.now())
            shown = page(operator, "operator:history")
            assert shown.count("being decided on") == 1
            assert shown.count(">available<") == Attempt.objects.filter(payable=True).count() - 1
            assert "wait for a decision, however long" in page(operator, "operator:earnings")
            ratings.settle(CallRating.objects.get(), upheld=False)
            services.mature(clock.now())
            assert "being decided on" not in page(operator, "operator:history")
            assert "wait for a decision, however long" not in page(operator, "operator:earnings")
        Campaign.objects.update(show_name=False)
        assert "Irina Petrovna" not in page(operator, "operator:history")

    def test_nobody_elses_calls_are_in_it_nor_heard(self, world: World, operator: Client, as_person: AsPerson) -> None:
        other = as_person(an_operator())
        assert "No calls yet" in page(other, "operator:history")
        audio = reverse("recordings:audio", args=[world.recording().pk])
        assert other.get(audio).status_code == 404
        assert operator.get(audio).status_code == 200

    def test_pages_follow_each_other_and_take_few_queries(
        self, world: World, operator: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("hearthline.web.operator.history.CALLS_A_PAGE", 5)
        first = page(operator, "operator:history")
        assert first.count('id="call-') == 5
        older = first.split("?before=")[1].split('"')[0]
        second = operator.get(f"{reverse('operator:history')}?before={older}").content.decode()
        assert second.count('id="call-') == 3
        monkeypatch.setattr("hearthline.web.operator.history.CALLS_A_PAGE", 50)
        with CaptureQueriesContext(connection) as few:
            page(operator, "operator:history")
        called(world, 4)
        with CaptureQueriesContext(connection) as more:
            page(operator, "operator:history")
        assert len(few) == len(more) <= MOST_QUERIES


class TestEndOfShift:
    def shift(self, world: World) -> Shift:
        Shift.objects.update(calls=8, conversations=4, earned_minor=3840)
        return Shift.objects.get(operator=world.operator)

    def test_the_end_leads_to_a_summary(self, world: World, operator: Client) -> None:
        shift = self.shift(world)
        shifts.take_break(operator=world.operator, on=True)
        reply = operator.post(reverse("operator:end"), json.dumps({"key": "12345678"}), "application/json")
        assert reply.json()["summary"] == reverse("operator:summary", args=[shift.pk])
        shown = page(operator, "operator:summary", shift.pk)
        assert "Your shift is over" in shown
        assert "38.40" in shown
        assert "Autumn check-up" in shown

    def test_what_is_in_review_is_told(self, world: World, operator: Client) -> None:
        Attempt.objects.filter(payable=True).update(earned_minor=960)
        paid = Attempt.objects.filter(payable=True).count()
        shown = page(operator, "operator:summary", self.shift(world).pk)
        assert Money(960 * paid, "RUB").format("en") in shown

    def test_nobody_elses_shift(self, world: World, as_person: AsPerson) -> None:
        shift = self.shift(world)
        other = as_person(an_operator())
        assert other.get(reverse("operator:summary", args=[shift.pk])).status_code == 404

    def test_a_campaign_is_rated_by_who_has_called_in_it(
        self, world: World, operator: Client, as_person: AsPerson
    ) -> None:
        shift = self.shift(world)
        url = reverse("operator:rate", args=[shift.pk, world.campaign.pk])
        form = {
            f"{world.campaign.pk}-stars": "2", f"{world.campaign.pk}-reasons": ["bad_list"],
            f"{world.campaign.pk}-words": "half of the numbers are dead",
        }  # fmt: skip
        operator.post(url, form)
        rating = CampaignRating.objects.get()
        assert (rating.stars, rating.reasons, rating.words) == (2, ["bad_list"], "half of the numbers are dead")
        operator.post(url, {**form, f"{world.campaign.pk}-stars": "4"})
        assert CampaignRating.objects.get().stars == 4
        assert operator.post(url, {**form, f"{world.campaign.pk}-stars": "9"}).status_code == 422
        elsewhere = reverse("operator:rate", args=[shift.pk, world.draft.pk])
        assert operator.post(elsewhere, {f"{world.draft.pk}-stars": "1"}).status_code == 403
        assert CampaignRating.objects.count() == 1

        moderator = as_person(a_person(Role.MODERATOR))
        shown = page(moderator, "moderator:ratings")
        assert "half of the numbers are dead" in shown
        assert operator.get(reverse("moderator:ratings")).status_code == 403
        assert as_person(world.owner).get(reverse("moderator:ratings")).status_code == 403


def test_the_pages_take_few_queries(earned: World, operator: Client, admin: Client) -> None:
    payouts.keep_details(operator=earned.operator.pk, method="card", details=CARD)
    shift = Shift.objects.get(operator=earned.operator)
    payouts.request_payout(
        id=new_id(), operator=earned.operator.pk, amount=Money(60_000, settings.HEARTHLINE.currency_code)
    )
    for client, name, args, extra in (
        (operator, "operator:earnings", (), 0),
        (operator, "operator:summary", (shift.pk,), 2),
        (admin, "staff:payouts", (), 0),
    ):
        page(client, name, *args)
        with CaptureQueriesContext(connection) as asked:
            page(client, name, *args)
        assert len(asked) <= MOST_QUERIES + extra, name
