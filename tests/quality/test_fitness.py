"""The way in: the test call opens campaigns, the first answers count, a moderator decides; training and its feedback."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.test import Client
from django.urls import reverse

from hearthline.calls import services
from hearthline.calls.models import Shift
from hearthline.campaigns.models import CampaignKind
from hearthline.ledger.models import Transfer
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError, ExchangeError, NotAllowedError
from hearthline.people.models import AuditEntry, User
from hearthline.people.services import Newcomer, accept_invitation, invite
from hearthline.quality import fitness, house
from hearthline.quality.fitness import Way
from hearthline.quality.models import FitnessTest, RobotCall, TestState
from hearthline.quality.next_contact import next_contact
from hearthline.quality.scoring import settle_robot_call, settle_waiting
from hearthline.web.operator.way_in import Part
from tests.calls.worlds import Conversation
from tests.campaigns.worlds import a_running_campaign, an_operator
from tests.quality.worlds import a_moderator, a_talk, meant

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _house() -> None:
    house.install()


def a_newcomer() -> User:
    invitation = invite(role="operator")
    newcomer = Newcomer(email="new@example.org", name="Nina New", password="a long password", language="ru")
    return accept_invitation(token=invitation.token, newcomer=newcomer)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def a_test_call(operator: User, **answers: Any) -> tuple[FitnessTest, Conversation]:
    """Begun, called, wrapped up and scored."""
    test = fitness.begin_test(operator=operator)
    campaign = house.house_campaign(CampaignKind.TEST, "ru")
    assert campaign is not None
    talk = a_talk(operator, campaign)
    talk.wrap_up(**(meant(talk) | answers))
    settle_robot_call(talk.attempt.pk)
    services.end_shift(operator=operator)
    test.refresh_from_db()
    return test, talk


def test_an_invited_operator_is_shown_the_way_in_and_no_campaign_is_open() -> None:
    operator = a_newcomer()
    assert operator.level == 0
    campaign = a_running_campaign(2)
    client = signed_in(operator)
    page = client.get(reverse("operator:choose")).content.decode()
    assert "way-in" in page
    assert reverse("operator:test") in page
    assert "is-closed" in page
    client.post(reverse("operator:begin"), {"campaign": str(campaign.pk)})
    assert not Shift.objects.exists()
    with pytest.raises(NotAllowedError):
        services.begin_shift(operator=operator, campaign=campaign)


def test_whoever_called_before_and_whoever_is_no_operator_needs_no_test(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fitness.standing(an_operator()).way is Way.NOT_NEEDED
    monkeypatch.setattr(settings.HEARTHLINE, "fitness_test", False)
    operator = a_newcomer()
    assert operator.level == 1
    monkeypatch.setattr(settings.HEARTHLINE, "fitness_test", True)
    User.objects.filter(pk=operator.pk).update(level=0)
    operator.refresh_from_db()
    assert fitness.standing(operator).way is Way.MAY_BEGIN
    monkeypatch.setattr(settings.HEARTHLINE, "fitness_test", False)
    services.begin_shift(operator=operator, campaign=a_running_campaign(1))  # level 0 means nothing any more


def test_the_whole_way_through_the_pages() -> None:
    operator, moderator = a_newcomer(), a_moderator()
    campaign = a_running_campaign(2)
    client = signed_in(operator)
    reply = client.post(reverse("operator:begin_test"))
    assert reply["Location"] == reverse("operator:shift")
    assert b'data-kind="test"' in client.get(reverse("operator:shift")).content
    test, talk = a_test_call(operator)
    assert (test.state, test.proposed) == (TestState.TO_DECIDE, True)
    assert test.answers["kind"] == meant(talk)["kind"]
    assert [row.pk for row in fitness.tests_to_decide()] == [test.pk]
    waiting = client.get(reverse("operator:test")).content.decode()
    assert reverse("operator:begin_test") not in waiting

    staff = signed_in(moderator)
    page = staff.get(reverse("moderator:test", args=[test.pk])).content.decode()
    assert talk.attempt.robot_call.spoken[0]["line"] in page
    assert test.answers["disposition"] in page
    reply = staff.post(reverse("moderator:decide_test", args=[test.pk]), {"decision": "pass", "comment": "Bravo"})
    assert reply.status_code == 302
    operator.refresh_from_db()
    assert operator.level == 1
    assert AuditEntry.objects.get(tag="web:test:decided").details == {"passed": True, "overruled": False}
    assert "Bravo" in client.get(reverse("operator:test")).content.decode()
    client.post(reverse("operator:begin"), {"campaign": str(campaign.pk)})
    assert Shift.objects.filter(operator=operator, campaign=campaign, ended_at=None).exists()


def test_the_first_answers_count_and_a_wrong_outcome_is_proposed_to_fail() -> None:
    operator = a_newcomer()
    test, talk = a_test_call(operator, kind="do_not_call", fields={})
    assert test.proposed is False
    items = {item["code"]: item for item in RobotCall.objects.get(pk=talk.attempt.pk).items}
    assert items["outcome"]["ok"] is False
    with pytest.raises(ExchangeError):
        talk.wrap_up(**meant(talk))
    assert test.answers["kind"] == "do_not_call"
    with pytest.raises(NotAllowedError):
        fitness.begin_test(operator=operator)  # one at a time


def test_overruling_needs_a_reason_and_deciding_is_for_moderators_once() -> None:
    operator, moderator = a_newcomer(), a_moderator()
    test, _talk = a_test_call(operator, kind="do_not_call", fields={})
    staff = signed_in(moderator)
    url = reverse("moderator:decide_test", args=[test.pk])
    assert staff.post(url, {"decision": "pass"}).status_code == 409
    assert staff.post(url, {}).status_code == 422
    for stranger in (operator, an_operator()):
        assert signed_in(stranger).post(url, {"decision": "pass", "comment": "me"}).status_code in (302, 403, 404)
        with pytest.raises(NotAllowedError):
            fitness.decide_test(test=test, moderator=stranger, passed=True, comment="me")
    test.refresh_from_db()
    assert test.state == TestState.TO_DECIDE
    assert User.objects.get(pk=operator.pk).level == 0
    assert staff.post(url, {"decision": "pass", "comment": "The line was bad."}).status_code == 302
    with pytest.raises(ConflictError):
        fitness.decide_test(test=test, moderator=moderator, passed=False)
    assert User.objects.get(pk=operator.pk).level == 1


def test_test_calls_are_spaced_limited_and_can_be_allowed_again() -> None:
    operator, moderator = a_newcomer(), a_moderator()
    start = clock.now()
    scenarios = []
    for n in range(settings.HEARTHLINE.fitness_tries):
        with time_machine.travel(start + timedelta(hours=25 * n), tick=True):
            test, _talk = a_test_call(operator, kind="do_not_call", fields={})
            fitness.decide_test(test=test, moderator=moderator, passed=False)
            scenarios.append(test.scenario)
            if n == 0:
                standing = fitness.standing(operator)
                assert (standing.way, standing.tries_left) == (Way.LATER, 2)
                assert standing.next_at is not None
                assert timedelta(hours=23) < standing.next_at - clock.now() <= timedelta(hours=24)
                with pytest.raises(NotAllowedError):
                    fitness.begin_test(operator=operator)
    assert len(set(scenarios)) == len(scenarios)  # each time another person answers
    with time_machine.travel(start + timedelta(hours=200), tick=True):
        assert fitness.standing(operator).way is Way.USED_UP
        staff = signed_in(moderator)
        staff.post(reverse("moderator:allow_test", args=[test.pk]))
        assert fitness.standing(operator).way is Way.MAY_BEGIN


def test_what_the_exchange_spoils_does_not_count() -> None:
    operator = a_newcomer()
    test = fitness.begin_test(operator=operator)
    campaign = house.house_campaign(CampaignKind.TEST, "ru")
    assert campaign is not None
    talk = a_talk(operator, campaign)
    RobotCall.objects.filter(pk=talk.attempt.pk).update(answered=False, spoken=[], all_said=False)
    talk.wrap_up(kind="no_conversation", fields={})
    settle_robot_call(talk.attempt.pk)
    test.refresh_from_db()
    assert (test.state, test.attempt) == (TestState.OPEN, None)
    services.end_shift(operator=operator)
    with time_machine.travel(clock.now() + timedelta(hours=3)):
        settle_waiting(clock.now())
        test.refresh_from_db()
        assert test.state == TestState.VOID
        assert fitness.standing(operator).way is Way.MAY_BEGIN


def test_a_test_whose_scenario_is_gone_does_not_count() -> None:
    operator = a_newcomer()
    test = fitness.begin_test(operator=operator)
    FitnessTest.objects.filter(pk=test.pk).update(scenario="ru/removed")
    campaign = house.house_campaign(CampaignKind.TEST, "ru")
    assert campaign is not None
    shift = services.begin_shift(operator=operator, campaign=campaign)
    assert "does not count" in str(next_contact(operator=operator, shift=shift).none)
    test.refresh_from_db()
    assert test.state == TestState.VOID
    assert fitness.standing(operator).way is Way.MAY_BEGIN


def test_nobody_wraps_a_call_up_and_the_worker_scores_it() -> None:
    operator = a_newcomer()
    campaign = house.house_campaign(CampaignKind.TRAINING, "ru")
    assert campaign is not None
    talk = a_talk(operator, campaign)
    talk.wrap_up(**meant(talk))
    assert settle_waiting(clock.now()) == 0  # the page's own turn is still to come
    assert settle_waiting(clock.now() + timedelta(minutes=1)) == 1
    call = RobotCall.objects.get()
    assert (call.score, call.outcome_right) == (100, True)


def test_training_costs_nothing_and_tells_what_came_of_it() -> None:
    operator, stranger = a_newcomer(), an_operator()
    client = signed_in(operator)
    campaign = house.house_campaign(CampaignKind.TRAINING, "ru")
    assert campaign is not None
    assert client.post(reverse("operator:practise"), {"campaign": str(campaign.pk)}).status_code == 302
    assert Shift.objects.get(operator=operator).campaign == campaign
    met = []
    for _n in range(3):
        talk = a_talk(operator, campaign)
        outcome = talk.wrap_up(**meant(talk))
        assert (outcome.payable, outcome.earned_minor, outcome.charged_minor) == (False, 0, 0)
        settle_robot_call(talk.attempt.pk)
        met.append(talk.attempt.contact.scenario)
    assert len(set(met)) == 3
    assert not Transfer.objects.exists()
    page = client.get(reverse("operator:practice_call", args=[talk.attempt.pk])).content.decode()
    assert "100" in page
    assert talk.attempt.robot_call.spoken[0]["line"] in page
    part = client.get(reverse("operator:practice_call", args=[talk.attempt.pk]), {"part": "1"}).content.decode()
    assert "<html" not in part
    assert signed_in(stranger).get(reverse("operator:practice_call", args=[talk.attempt.pk])).status_code == 404
    other = a_running_campaign(1)
    client.post(reverse("operator:practise"), {"campaign": str(other.pk)})
    assert Shift.objects.get(operator=operator).campaign == campaign


def test_a_closed_campaign_says_why_and_leads_to_the_test_call() -> None:
    a_running_campaign(1, language="ru")
    page = signed_in(an_operator(spoken_languages=["ru"], level=0)).get(reverse("operator:choose")).content.decode()
    assert "Pass the test call first" in page
    assert f'href="{reverse("operator:test")}"' in page


def test_each_page_on_the_way_in_says_what_is_next() -> None:
    operator = a_newcomer()
    client = signed_in(operator)

    def marked() -> str:
        """The step that the page of choice holds for the next one."""
        page = client.get(reverse("operator:choose")).content.decode()
        assert page.count('aria-current="step"') <= 1
        return next((part for part in Part if f'id="way-{part}" aria-current="step"' in page), "")

    def practised(kind: CampaignKind) -> str:
        """The summary of a shift with one call of practice."""
        campaign = house.house_campaign(kind, "ru")
        assert campaign is not None
        a_talk(operator, campaign).wrap_up(kind="refusal", fields={})
        shift = services.end_shift(operator=operator)
        return client.get(reverse("operator:summary", args=[shift.pk])).content.decode()

    assert marked() == Part.LANGUAGES
    client.post(reverse("operator:languages"), {"languages": ["ru"]})
    assert marked() == Part.READY
    client.post(reverse("operator:skip_ready"))
    assert marked() == Part.TUTORIAL
    summary = practised(CampaignKind.TUTORIAL)
    assert f"{reverse('operator:choose')}#way-training" in summary
    assert (
        reverse("operator:rate", args=[Shift.objects.get().pk, house.house_id(CampaignKind.TUTORIAL, "ru")])
        not in summary
    )
    assert marked() == Part.TRAINING
    assert reverse("operator:test") in practised(CampaignKind.TRAINING)
    for _more in range(5):  # however much is practised, the tour was made
        practised(CampaignKind.TRAINING)
    assert marked() == Part.TEST
    test, _talk = a_test_call(operator)
    assert marked() == ""
    assert reverse("operator:test") in client.get(reverse("operator:choose")).content.decode()
    fitness.decide_test(test=test, moderator=a_moderator(), passed=True)
    page = client.get(reverse("operator:choose")).content.decode()
    assert "way-in" not in page
    assert reverse("operator:languages") in page
