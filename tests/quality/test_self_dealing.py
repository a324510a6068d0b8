"""Who belongs together: by the browser and the address with which they sign in."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils.formats import date_format

from hearthline.lib import clock
from hearthline.people import devices
from hearthline.people.models import KnownDevice, User
from hearthline.quality import reports, rules
from hearthline.quality.models import Report
from hearthline.quality.models_moderation import ReportKind
from hearthline.quality.tasks import look_for_reports
from hearthline.web.moderator.words import report_sentence
from tests.calls.worlds import Conversation, a_conversation
from tests.campaigns.worlds import a_running_campaign, an_operator, an_owner
from tests.quality.worlds import a_moderator

PASSWORD = "a sentence of my own 7"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_attempts_before() -> None:
    cache.clear()  # attempts at sign-in are counted there


def a_paid_conversation() -> Conversation:
    conversation = a_conversation()
    conversation.wrap_up()
    return conversation


def sign_in(user: User, browser: Client, address: str = "127.0.0.1") -> None:
    user.set_password(PASSWORD)
    user.save()
    browser.post(reverse("account_logout"))
    reply = browser.post(reverse("account_login"), {"login": user.email, "password": PASSWORD}, REMOTE_ADDR=address)
    assert reply.status_code == 302
    assert browser.session["_auth_user_id"] == str(user.pk)


def found(kind: ReportKind) -> list[Report]:
    rules.look(clock.now())
    return list(Report.objects.filter(kind=kind))


def test_an_operator_and_an_owner_at_one_browser() -> None:
    conversation = a_paid_conversation()
    browser = Client()
    sign_in(an_owner(conversation.campaign.organisation), browser)
    assert found(ReportKind.SELF_DEALING) == []
    sign_in(conversation.operator, browser)
    (report,) = found(ReportKind.SELF_DEALING)
    assert report.operator == conversation.operator
    assert report.organisation == conversation.campaign.organisation
    assert report.evidence == {"figures": {"device": "shared"}, "calls": [str(conversation.attempt.pk)]}
    assert report_sentence(report) == "The operator and the customer's owner sign in with the same browser."


def test_at_one_address_but_with_browsers_of_their_own() -> None:
    conversation = a_paid_conversation()
    sign_in(an_owner(conversation.campaign.organisation), Client(), "192.0.2.7")
    sign_in(conversation.operator, Client(), "192.0.2.7")
    (report,) = found(ReportKind.SELF_DEALING)
    assert report.evidence["figures"] == {"address": "shared"}


def test_an_owner_who_had_nothing_to_do_with_the_operators_calls_is_no_matter() -> None:
    conversation, browser = a_paid_conversation(), Client()
    stranger = a_running_campaign(1)
    assert stranger.organisation != conversation.campaign.organisation
    sign_in(an_owner(stranger.organisation), browser)
    sign_in(conversation.operator, browser)
    assert found(ReportKind.SELF_DEALING) == []


def test_a_suspended_operator_who_comes_back_under_another_name() -> None:
    conversation, browser = a_paid_conversation(), Client()
    sign_in(conversation.operator, browser)
    sister, another = an_operator(), an_operator()
    sign_in(sister, browser)
    assert found(ReportKind.RETURNED) == [], "two operators at one table"
    report = reports.tell(by=a_moderator(), words="Rude.", attempt=conversation.attempt)
    reports.close(report=report, moderator=a_moderator(), action="suspend", answer="Three times rude.")
    assert found(ReportKind.RETURNED) == [], "the sister has not been here since"
    sign_in(another, browser)
    (back,) = found(ReportKind.RETURNED)
    assert back.operator == another
    assert date_format(clock.now()) in report_sentence(back)


def test_a_browser_is_forgotten_after_half_a_year_and_a_person_has_so_many() -> None:
    operator = an_operator()
    for number in range(devices.MOST + 3):
        devices.seen(operator, f"browser {number}")
    devices.seen(operator, "browser 22")
    assert operator.devices.count() == devices.MOST
    KnownDevice.objects.update(seen_at=clock.now() - devices.KEPT - timedelta(days=1))
    devices.seen(operator, "a new one")
    look_for_reports.call()
    assert operator.devices.count() == 1


def test_the_exchange_keeps_no_mark_but_its_digest() -> None:
    operator, browser = an_operator(), Client()
    sign_in(operator, browser)
    mark = browser.cookies[devices.COOKIE]
    assert mark["httponly"]
    sign_in(operator, browser)
    (device,) = operator.devices.all()
    assert mark.value not in device.digest
    assert browser.cookies[devices.COOKIE].value == mark.value
