"""The demonstration's world: made once, whole, and callable at any hour."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from hearthline.callcontrol.trunks import ChosenTrunk, NoTrunkError, Wanted, take_trunk
from hearthline.calls.models import CampaignRating, Node, Trunk
from hearthline.campaigns.models import Campaign, CampaignState, Contact
from hearthline.campaigns.scripts import check_script
from hearthline.demo.campaigns import CAMPAIGNS, MEANS
from hearthline.demo.contacts import characters, contacts_of
from hearthline.demo.opinions import look_at_calls
from hearthline.demo.seed import seed
from hearthline.ledger.check import prove
from hearthline.ledger.models import Payout, Transfer
from hearthline.lib.phone import parse_phone
from hearthline.people.models import User
from hearthline.quality.models import CallRating, Dispute, Report, Review
from hearthline.switch.robots.characters import Character
from hearthline.switch.robots.config import config_of
from hearthline.web.demo.cast import EVERYBODY
from tests.calls.worlds import a_conversation
from tests.campaigns.worlds import a_running_campaign
from tests.quality.scorecards import there_is_a_scorecard


@pytest.mark.django_db
def test_doing_it_again_changes_nothing() -> None:
    seed(provider_port=5070, provider_password="one")
    before = _counts()
    seed(provider_port=5071, provider_password="two")
    assert _counts() == before
    trunk = Trunk.objects.get()
    assert (trunk.port, trunk.password) == (5071, "two")
    assert prove().sound


def _counts() -> dict[Any, int]:
    return {model: model.objects.count() for model in (User, Campaign, Contact, Transfer, Trunk)}


@pytest.mark.django_db
def test_everything_is_there_to_begin_with() -> None:
    seed(provider_port=5070, provider_password="one")
    assert User.objects.count() == len(EVERYBODY)
    assert set(User.objects.filter(is_robot=True).values_list("email", flat=True)) == {
        person.email for person in EVERYBODY if person.is_robot
    }
    for campaign in Campaign.objects.all():
        assert campaign.state == CampaignState.RUNNING
        assert not check_script(campaign)
        assert campaign.contacts.filter(state="fresh").count() == 60
        assert campaign.managers.exclude(phone="").count() == 1


def test_numbers_are_numbers_and_nobody_is_there_twice() -> None:
    everyone = [contact for campaign in CAMPAIGNS for contact in contacts_of(campaign)]
    assert len({contact.phone for contact in everyone}) == len(everyone) == 120
    for contact in everyone:
        assert parse_phone(contact.phone, "RU").e164 == contact.phone
    assert {contact.character for contact in everyone} >= set(Character) - {Character.MANAGER}


def test_each_character_who_answers_has_a_fitting_outcome() -> None:
    for campaign in CAMPAIGNS:
        keys = {spec["key"] for spec in campaign.dispositions}
        assert {MEANS[c] for c in Character if c.answers and c is not Character.MANAGER} <= keys


def test_robots_speak_the_language_of_their_number(tmp_path: Path) -> None:
    data = {
        "accounts": {"a": "b"},
        "sounds": str(tmp_path),
        "contacts": {n: c.value for n, c in characters().items()},
        "languages": {"1": "en", "1212": "ru"},
    }
    config = config_of(data)
    assert config.spoken == ["ru", "en"]
    assert config.language_of("+79000000101") == "ru"
    assert config.language_of("+12025550101") == "en"
    assert config.language_of("+12125550101") == "ru"
    assert all(ord(letter) < 128 for letter in config.plan("+12025550101").greeting)
    assert any(ord(letter) > 1024 for letter in config.plan("+79000000101").greeting)


def chosen() -> ChosenTrunk:
    return take_trunk(Wanted("+79000000101", uuid.uuid4(), "one", time.time(), {}))


@pytest.mark.django_db
def test_a_demonstration_never_calls_past_this_machine(settings: Any) -> None:
    seed(provider_port=5070, provider_password="one")
    Node.objects.create(name="one", engine="embedded")
    Trunk.objects.create(name="real", host="sip.provider.example", priority=9)
    assert chosen().trunk.name == "real"
    settings.HEARTHLINE = settings.HEARTHLINE.model_copy(update={"demonstration": True})
    assert chosen().trunk.host == "127.0.0.1"
    Trunk.objects.filter(host="127.0.0.1").update(active=False)
    with pytest.raises(NoTrunkError):
        chosen()


@pytest.mark.django_db
def test_what_people_make_of_the_first_calls_waits_for_whoever_comes_in() -> None:
    seed(provider_port=5070, provider_password="one")
    there_is_a_scorecard()
    calls, campaign = [], a_running_campaign(5, min_talk_s=10)
    for _n in range(4):
        conversation = a_conversation(campaign=campaign)
        conversation.wrap_up()
        calls.append(conversation.attempt.pk)
    assert look_at_calls(calls) == []
    assert (Dispute.objects.count(), Review.objects.count(), Report.objects.count()) == (1, 1, 1)
    assert CallRating.objects.filter(rejected_at__isnull=False).count() == 1
    assert CampaignRating.objects.count() == 4
    assert look_at_calls(calls) == []
    assert (Dispute.objects.count(), Review.objects.count(), Report.objects.count()) == (1, 1, 1), "only once"
    assert prove().sound
    payout = Payout.objects.get()
    assert payout.state == "requested"
