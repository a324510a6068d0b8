"""Golden contacts with real commits and real locks, on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings

from hearthline.calls import services
from hearthline.campaigns.models import CampaignKind, Contact
from hearthline.dialing import services as dialing
from hearthline.dialing.models import Assignment, AssignmentState
from hearthline.ledger import check
from hearthline.ledger.models import AccountKind, Transfer, TransferState
from hearthline.ledger.services import account_of
from hearthline.lib import clock
from hearthline.quality import golden, house, levels, reviews
from hearthline.quality.models import LevelChange, LevelState, OwnScenario, Review
from hearthline.quality.next_contact import next_contact
from hearthline.quality.scenarios import writing
from hearthline.quality.scoring import settle_robot_call
from tests.calls.worlds import a_conversation
from tests.campaigns.worlds import PRICE, a_running_campaign, an_operator
from tests.quality.scorecards import there_is_a_scorecard
from tests.quality.worlds import a_moderator, a_talk, meant
from tests.races import failures, together

PAY = PRICE - PRICE * settings.HEARTHLINE.commission_basis_points // 10_000


@pytest.fixture(autouse=True)
def _always(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    house.install()
    monkeypatch.setattr(settings.HEARTHLINE, "golden_percent", 100.0)
    monkeypatch.setattr(settings.HEARTHLINE, "robots_port", 5999)


def test_a_key_pressed_many_times_at_once_gives_one_robot_and_one_hold() -> None:
    operator, campaign = an_operator(), a_running_campaign(3)
    shift = services.begin_shift(operator=operator, campaign=campaign)
    results = together(6, lambda _n: next_contact(operator=operator, shift=shift).assignment)
    assert failures(results) == []
    assert len({one.pk for one in results if isinstance(one, Assignment)}) == 1
    assert Contact.objects.filter(campaign__kind=CampaignKind.GOLDEN).count() == 1
    assert Transfer.objects.filter(state=TransferState.PENDING).count() == 1
    held = Assignment.objects.get(state=AssignmentState.ACTIVE)
    assert dialing.release(held, "skipped")
    assert account_of(AccountKind.QUALITY_COST, None, campaign.currency).debits_pending == 0
    assert check.prove().sound


def test_many_workers_tell_of_a_golden_contact_once() -> None:
    talk = a_talk(an_operator(), a_running_campaign(3))
    talk.wrap_up(
        kind=meant(talk)["kind"], **({"call_back_at": clock.now()} if meant(talk)["kind"] == "call_back" else {})
    )
    settle_robot_call(talk.attempt.pk)
    later = clock.now() + timedelta(days=settings.HEARTHLINE.golden_told_days + 1)
    told = together(6, lambda _n: golden.tell(later))
    assert failures(told) == []
    assert sum(n for n in told if isinstance(n, int)) == 1
    assert Review.objects.filter(attempt=talk.attempt, reviewer=None).count() == 1


def test_many_workers_give_a_level_once(monkeypatch: pytest.MonkeyPatch) -> None:
    there_is_a_scorecard()
    for name, value in {
        "golden_percent": 0.0,
        "level2_conversations": 1,
        "level3_conversations": 1,
        "level_least_scored": 1,
    }.items():
        monkeypatch.setattr(settings.HEARTHLINE, name, value)
    operator, moderator = an_operator(), a_moderator()
    talk = a_conversation(operator=operator)
    talk.wrap_up()
    reviews.score(attempt=talk.attempt, reviewer=moderator, answers={one.key: "yes" for one in reviews.scorecard()})
    monkeypatch.setattr(settings.HEARTHLINE, "level3_score", 100)
    Review.objects.update(total=80)
    given = together(6, lambda _n: levels.look(clock.now()))
    assert failures(given) == []
    operator.refresh_from_db()
    assert operator.level == 2
    assert LevelChange.objects.filter(state=LevelState.DONE).count() == 1


def test_two_who_save_a_scenario_at_once_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    moderator = a_moderator()
    saved = together(4, lambda n: writing.save(slug="en/short", text=f"title: {n}", version=0, by=moderator))
    assert sum(isinstance(one, writing.Saved) for one in saved) == 1
    refused = [one for one in saved if isinstance(one, writing.ChangedMeanwhileError)]
    assert len(refused) == 3
    assert OwnScenario.objects.get().version == 1


def test_the_exchange_pays_for_it_and_the_books_are_sound() -> None:
    campaign = a_running_campaign(3)
    for _n in range(2):
        talk = a_talk(an_operator(), campaign)
        outcome = talk.wrap_up(kind=campaign.dispositions.filter(payable=True)[0].kind)
        assert (outcome.payable, outcome.earned_minor, outcome.charged_minor) == (True, PAY, 0)
    assert account_of(AccountKind.QUALITY_COST, None, campaign.currency).balance == -2 * PAY
    assert check.prove().sound
