"""Golden contacts: robots in a real campaign, paid by the exchange, invisible to the customer, never near a telephone network."""

from __future__ import annotations

import time
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.urls import reverse

from hearthline.callcontrol.handovers import NoManagerError, choose_manager
from hearthline.callcontrol.trunks import NoTrunkError, Wanted, prefix_length, take_trunk
from hearthline.calls.announcements import call_audiences
from hearthline.calls.call_state import EndReason
from hearthline.calls.gates import attempt_for_owner, recording_for_listener
from hearthline.calls.models import Attempt, Node, Recording, Trunk
from hearthline.calls.pace import evidence_of
from hearthline.calls.selectors import live_calls
from hearthline.calls.services import begin_shift
from hearthline.calls.settlement import record_telephone
from hearthline.campaigns import exports, tally
from hearthline.campaigns.live import live_numbers
from hearthline.campaigns.models import Campaign, CampaignKind, Contact, DoNotCall
from hearthline.ledger import check
from hearthline.ledger.models import AccountKind
from hearthline.ledger.services import account_of
from hearthline.lib import clock
from hearthline.lib.errors import NotFoundError
from hearthline.lib.robot_numbers import is_robot_number, new_robot_number
from hearthline.quality import house
from hearthline.quality.golden import golden_figures
from hearthline.quality.models import RobotCall
from hearthline.quality.next_contact import next_contact
from hearthline.quality.ratings import left_today
from hearthline.quality.rules import of_calls
from hearthline.quality.scenarios.library import all_scenarios, scenario_of
from hearthline.quality.scoring import settle_robot_call
from tests.calls.worlds import Conversation
from tests.campaigns.worlds import PRICE, a_running_campaign, an_operator, an_organisation, an_owner
from tests.quality.worlds import a_talk, meant

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _always(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(settings.HEARTHLINE, "data", tmp_path)
    house.install()
    monkeypatch.setattr(settings.HEARTHLINE, "golden_percent", 100.0)
    monkeypatch.setattr(settings.HEARTHLINE, "robots_port", 5999)


def a_golden_talk(**changes: Any) -> Conversation:
    return a_talk(an_operator(), a_running_campaign(3), **changes)


def test_it_looks_like_any_other_contact_and_is_paid_by_the_exchange() -> None:
    talk = a_golden_talk()
    campaign, contact = talk.campaign, talk.attempt.contact
    scenario = scenario_of(contact.scenario)
    assert scenario is not None
    assert contact.name == scenario.persona.name
    assert contact.campaign.kind == CampaignKind.GOLDEN
    assert talk.attempt.campaign == campaign
    held = account_of(AccountKind.CUSTOMER, campaign.organisation_id, campaign.currency)
    assert held.debits_pending == 0
    dispositions = {d.kind: d for d in campaign.dispositions.all()}
    kind = next(
        (k for k in (*scenario.means.outcome, "refusal", "success") if k in dispositions and dispositions[k].payable),
        "",
    )
    outcome = talk.wrap_up(kind=kind)
    pay = PRICE - PRICE * settings.HEARTHLINE.commission_basis_points // 10_000
    assert (outcome.payable, outcome.earned_minor, outcome.charged_minor) == (True, pay, 0)
    assert account_of(AccountKind.CUSTOMER, campaign.organisation_id, campaign.currency).balance == held.balance
    assert account_of(AccountKind.QUALITY_COST, None, campaign.currency).balance == -pay
    assert account_of(AccountKind.OPERATOR_MATURING, talk.operator.pk, campaign.currency).balance == pay
    assert check.prove().sound
    record_telephone(talk.attempt)
    assert account_of(AccountKind.TELEPHONY_COST, None, campaign.currency).balance == 0


def test_the_customer_sees_nothing_of_it() -> None:
    organisation = an_organisation()
    owner = an_owner(organisation)
    campaign = a_running_campaign(3, organisation)
    talk = a_talk(an_operator(), campaign, hang_up=False)
    assert live_calls(campaign) == []
    Attempt.objects.filter(pk=talk.attempt.pk).update(
        phase="wrap_up", ended_at=clock.now(), operator_left_at=clock.now()
    )
    with pytest.raises(NotFoundError):
        attempt_for_owner(owner, talk.attempt.pk)
    recording = Recording.objects.create(attempt=talk.attempt, path="x.wav", started_at=clock.now(), duration_ms=1000)
    with pytest.raises(NotFoundError):
        recording_for_listener(owner, recording.pk)
    assert call_audiences(talk.attempt) == (f"user:{talk.operator.pk}", "exchange")
    before = tally.of(campaign.pk)
    assert (before.contacts, before.attempts, before.conversations) == (3, 0, 0)
    assert Contact.objects.filter(campaign=campaign).count() == 3
    client = Client()
    client.force_login(owner)
    page = client.get(reverse("customer:campaign", args=[campaign.pk])).content.decode()
    assert talk.attempt.contact.name not in page


def test_it_is_scored_blind_and_a_promise_to_a_robot_binds_nobody() -> None:
    talk = a_golden_talk()
    answers = meant(talk)
    right = answers["kind"]
    later = {"call_back_at": clock.now()} if right == "call_back" else {}
    outcome = talk.wrap_up(kind=right, **later)
    settle_robot_call(talk.attempt.pk)
    call = RobotCall.objects.get()
    assert (call.outcome_right, call.score) == (True, 100)
    assert outcome.retry_at is None
    client = Client()
    client.force_login(talk.operator)
    assert client.get(reverse("operator:practice_call", args=[talk.attempt.pk])).status_code == 404


def test_do_not_call_of_a_robot_lists_nobody() -> None:
    talk = a_golden_talk()
    talk.wrap_up(kind="do_not_call")
    assert not DoNotCall.objects.exists()
    assert Contact.objects.filter(state="fresh").count() == 3


def test_a_campaign_without_contacts_stays_empty_and_the_lot_may_fall_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    operator, campaign = an_operator(), a_running_campaign(1)
    shift = begin_shift(operator=operator, campaign=campaign)
    Contact.objects.filter(campaign=campaign).update(state="done")
    assert next_contact(operator=operator, shift=shift).assignment is None
    Contact.objects.filter(campaign=campaign).update(state="fresh")
    monkeypatch.setattr(settings.HEARTHLINE, "golden_percent", 0.0)
    given = next_contact(operator=operator, shift=shift).assignment
    assert given is not None
    assert given.contact.scenario == ""


def test_a_customers_managers_are_not_rung_for_a_robot() -> None:
    talk = a_golden_talk(hang_up=False)
    talk.campaign.managers.create(name="Marina", phone="+74951112233")
    with pytest.raises(NoManagerError):
        choose_manager(talk.attempt, 0)


def take(number: str, **changes: Any) -> Any:
    with transaction.atomic():
        return take_trunk(Wanted(number, uuid.uuid4(), "test", time.time(), {}, **changes))


def test_a_robots_number_has_one_way_and_no_other_number_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    Node.objects.create(name="test", engine="embedded")
    Trunk.objects.create(name="provider", host="sip.provider.example", prefixes="", priority=9)
    for _n in range(20):
        number = new_robot_number()
        chosen = take(number)
        assert (chosen.row, chosen.trunk.host, chosen.trunk.port) == (None, "127.0.0.1", 5999)
        assert prefix_length("", number) is None
        assert prefix_length("0 00", number) is None
    for number in house.MANAGERS:
        assert take(number).trunk.host == "127.0.0.1"
    for number in ("+79161234567", "+442012345678", "+12025550101"):
        assert not is_robot_number(number)
        assert take(number).trunk.host == "sip.provider.example"
    with pytest.raises(NoTrunkError):
        take(new_robot_number(), another=True)  # another way: there is none
    monkeypatch.setattr(settings.HEARTHLINE, "robots_port", 0)
    with pytest.raises(NoTrunkError):
        take(new_robot_number())


def test_the_exchanges_own_campaigns_are_not_offered_for_work() -> None:
    operator = an_operator()
    real = a_running_campaign(1)
    client = Client()
    client.force_login(operator)
    page = client.get(reverse("operator:choose")).content.decode()
    training = Campaign.objects.get(pk=house.house_id(CampaignKind.TRAINING, "ru"))
    assert str(real.pk) in page
    client.post(reverse("operator:begin"), {"campaign": str(training.pk)})
    assert not operator.shifts.exists()


def test_it_stands_in_no_figure_of_the_campaign(monkeypatch: pytest.MonkeyPatch) -> None:
    organisation = an_organisation()
    owner = an_owner(organisation)
    campaign = a_running_campaign(9, organisation, min_talk_s=10, ring_pay_minor=100)
    operator = an_operator()
    monkeypatch.setattr(settings.HEARTHLINE, "golden_percent", 0.0)
    real = a_talk(operator, campaign)
    real.wrap_up(kind="success")
    seen = evidence_of([campaign.pk], clock.now())
    findings = [one.figures for one in of_calls(clock.now())]
    now = clock.now()
    numbers = live_numbers(campaign, now)
    left = left_today(organisation.pk, clock.now())
    monkeypatch.setattr(settings.HEARTHLINE, "golden_percent", 100.0)
    for _n in range(6):  # as short as makes a report of a person's calls, and all into the limit
        talk = a_talk(operator, campaign, talk_s=12)
        assert talk.attempt.contact.scenario
        Attempt.objects.filter(pk=talk.attempt.pk).update(
            machine=talk.attempt.machine | {"end_reason": EndReason.MAX_DURATION.value}
        )
        talk.wrap_up(kind="success")
    assert Attempt.objects.filter(campaign=campaign, payable=True).count() == 7
    assert evidence_of([campaign.pk], clock.now()) == seen
    assert seen[campaign.pk].attempts == 1
    assert [one.figures for one in of_calls(clock.now())] == findings
    assert live_numbers(campaign, now) == numbers
    assert left_today(organisation.pk, clock.now()) == left
    export = exports.write(exports.request_export(campaign=campaign, format="csv", actor=owner).pk)
    assert export is not None
    text = export.file.read().decode("utf-8-sig")
    assert not [one.slug for one in all_scenarios().values() if one.persona.name and one.persona.name in text]


def test_staff_learn_who_gets_outcomes_wrong() -> None:
    campaign = a_running_campaign(3)
    good, bad = an_operator(name="Good"), an_operator(name="Bad")
    for operator in (good, bad):
        talk = a_talk(operator, campaign)
        kind = meant(talk)["kind"] if operator is good else "do_not_call"
        talk.wrap_up(kind=kind, **({"call_back_at": clock.now()} if kind == "call_back" else {}))
        settle_robot_call(talk.attempt.pk)
    figures = golden_figures(clock.now() - timedelta(days=1))
    assert [(one.name, one.calls, one.right) for one in figures] == [("Bad", 1, 0), ("Good", 1, 1)]
    assert golden_figures(clock.now() + timedelta(hours=1)) == []
