"""The readiness check as the exchange keeps it: offered, required or off; once a day and device; seen beside a call."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from hearthline.calls.models import Attempt, LineKind, OwnPhone, Shift
from hearthline.lib import clock
from hearthline.people.models import Role, User
from hearthline.quality import readiness
from hearthline.quality.models import LineCheck
from tests.calls.worlds import a_conversation
from tests.campaigns.worlds import a_running_campaign, an_operator
from tests.people.conftest import a_person

pytestmark = pytest.mark.django_db
AsPerson = Callable[[User], Client]
OFFER = "Check microphone and line"


def found(**states: tuple[str, float | None]) -> list[dict[str, Any]]:
    good = dict.fromkeys(readiness.ITEMS, ("good", 1.0)) | states
    return [{"code": code, "state": state, "value": value} for code, (state, value) in good.items()]


def keep(client: Client, items: Any) -> Any:
    return client.post(
        reverse("operator:keep_ready"), json.dumps({"key": "12345678", "items": items}), "application/json"
    )


def choose(client: Client) -> str:
    return client.get(reverse("operator:choose")).content.decode()


def begin(client: Client, campaign: Any) -> HttpResponse:
    return client.post(reverse("operator:begin"), {"campaign": campaign.pk})  # type: ignore[return-value] # the client's own


class TestOffer:
    def test_once_a_day_on_each_device(self, as_person: AsPerson) -> None:
        operator = an_operator()
        client = as_person(operator)
        assert OFFER in choose(client)
        assert keep(client, found()).json()["worst"] == "good"
        assert OFFER not in choose(client)
        assert OFFER in choose(as_person(operator)), "another browser"
        with time_machine.travel(clock.now() + timedelta(hours=25), tick=False):
            client.force_login(operator)
            assert OFFER in choose(client)

    def test_it_can_be_left_out_where_the_exchange_allows_it(
        self, as_person: AsPerson, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = as_person(an_operator())
        client.post(reverse("operator:skip_ready"))
        assert OFFER not in choose(client)
        assert LineCheck.objects.get().skipped
        monkeypatch.setattr(settings.HEARTHLINE, "readiness_check", "required")
        client = as_person(an_operator())
        client.post(reverse("operator:skip_ready"))
        assert LineCheck.objects.count() == 1
        campaign = a_running_campaign(2)
        begin(client, campaign)
        assert not Shift.objects.exists(), "first the check"
        keep(client, found(loss=("bad", 12.0)))
        begin(client, campaign)
        assert Shift.objects.count() == 1, "a bad line is told, not forbidden"

    def test_not_where_it_is_off_nor_for_a_telephone(
        self, as_person: AsPerson, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        by_phone = an_operator()
        OwnPhone.objects.create(user=by_phone, kind=LineKind.CALLBACK, number="+79161112233")
        assert OFFER not in choose(as_person(by_phone))
        monkeypatch.setattr(settings.HEARTHLINE, "readiness_check", "off")
        assert OFFER not in choose(as_person(an_operator()))

    @pytest.mark.parametrize(
        "items",
        [
            None, [], found()[:-1], [*found(), found()[0]], found(loss=("splendid", 1.0)), found(loss=("good", 1e9)),
            found(loss=("good", float("nan"))), ["loss"] * 8,
        ],
    )  # fmt: skip
    def test_what_no_page_of_ours_sends_is_not_kept(self, as_person: AsPerson, items: Any) -> None:
        assert keep(as_person(an_operator()), items).status_code in (400, 422)
        assert not LineCheck.objects.exists()

    def test_only_operators_have_one(self, as_person: AsPerson) -> None:
        client = as_person(a_person(Role.CUSTOMER))
        assert client.get(reverse("operator:ready")).status_code in (302, 403, 404)
        assert keep(client, found()).status_code in (403, 404)
        assert not LineCheck.objects.exists()


class TestKept:
    def test_with_the_shift_that_begins_after_it_and_seen_beside_its_calls(self, as_person: AsPerson) -> None:
        operator, campaign = an_operator(), a_running_campaign(3, min_talk_s=10)
        client = as_person(operator)
        with time_machine.travel(clock.now() - timedelta(minutes=5), tick=False):
            keep(client, found(loss=("fair", 2.5), echo=("bad", 18.0)))
            begin(client, campaign)
        shift = Shift.objects.get()
        assert list(shift.line_checks.values_list("operator", flat=True)) == [operator.pk]
        talk = a_conversation(operator=operator, campaign=campaign)
        assert readiness.check_of(talk.attempt) == LineCheck.objects.get()
        keep(client, found())  # again, within the shift: a later call has this one
        assert readiness.check_of(Attempt.objects.get()) != LineCheck.objects.latest("checked_at")
        page = as_person(a_person(Role.MODERATOR)).get(reverse("moderator:call", args=[talk.attempt.pk]))
        words = page.content.decode()
        assert "Line check before the shift" in words
        assert "loss 2.5 %: could be better" in words
        assert "echo 18 dB: not good enough" in words

    def test_the_page_says_what_stands_in_the_way(self, as_person: AsPerson) -> None:
        talk = a_conversation(hang_up=False)
        page = as_person(talk.operator).get(reverse("operator:ready")).content.decode()
        assert "You are in a call" in page
