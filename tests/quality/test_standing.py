"""Golden contacts told when their time has come, one figure of quality, levels by rules and by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.test import Client
from django.urls import reverse

from hearthline.calls.models import Shift
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError, ExchangeError, InvalidInputError, NotAllowedError
from hearthline.people.models import AuditEntry, User
from hearthline.quality import disputes, golden, house, levels, queue, reviews, standing
from hearthline.quality.models import LevelChange, LevelState, Review
from hearthline.quality.scenarios.library import scenarios_for
from hearthline.quality.scenarios.scenario import Use
from hearthline.quality.scoring import measure_again, settle_robot_call
from tests.calls.worlds import Conversation, a_conversation
from tests.campaigns.worlds import a_running_campaign, an_operator
from tests.quality.scorecards import there_is_a_scorecard
from tests.quality.worlds import a_moderator, a_talk, meant

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _golden(monkeypatch: pytest.MonkeyPatch) -> None:
    house.install()
    there_is_a_scorecard()
    monkeypatch.setattr(settings.HEARTHLINE, "robots_port", 5999)


@pytest.fixture
def operator() -> User:
    return an_operator()


@contextmanager
def golden_lot() -> Iterator[None]:
    was = settings.HEARTHLINE.golden_percent
    settings.HEARTHLINE.golden_percent = 100.0
    try:
        yield
    finally:
        settings.HEARTHLINE.golden_percent = was


def a_golden_call(operator: User, campaign: Any, *, right: bool = True) -> Conversation:
    with golden_lot():
        talk = a_talk(operator, campaign)
    assert talk.attempt.contact.scenario
    kind = meant(talk)["kind"] if right else "do_not_call"
    talk.wrap_up(kind=kind, **({"call_back_at": clock.now()} if kind == "call_back" else {}))
    settle_robot_call(talk.attempt.pk)
    talk.attempt.robot_call.refresh_from_db()
    return talk


def a_reviewed_call(operator: User, campaign: Any, moderator: User, answer: str = "yes") -> Conversation:
    talk = a_conversation(operator=operator, campaign=campaign)
    talk.wrap_up()
    reviews.score(attempt=talk.attempt, reviewer=moderator, answers={one.key: answer for one in reviews.scorecard()})
    return talk


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def later(days: float) -> Any:
    return time_machine.travel(clock.now() + timedelta(days=days), tick=True)


def test_a_golden_call_is_blind_until_its_time_has_come(operator: User) -> None:
    campaign = a_running_campaign(5, min_talk_s=10)
    talk = a_golden_call(operator, campaign, right=False)
    client, staff = signed_in(operator), signed_in(a_moderator())
    call, history = reverse("operator:call", args=[talk.attempt.pk]), reverse("operator:history")
    feedback = reverse("operator:feedback")
    assert golden.tell(clock.now()) == 0
    for page in (call, history, feedback):
        text = client.get(page).content.decode()
        assert "robot" not in text.lower().replace("by robots as contacts", "")
        assert f"{talk.attempt.robot_call.score} of 100" not in text.replace("0 of 100 are there", "")
    assert standing.quality_of(operator, clock.now()) == standing.NOTHING
    by_staff = standing.quality_for_staff([operator.pk], clock.now())[operator.pk]
    assert (by_staff.by_people, by_staff.by_robots) == (0, 1)
    seen = staff.get(reverse("moderator:operator", args=[operator.pk])).content.decode()
    assert "does not know" in seen
    assert (
        "A robot played this contact" in staff.get(reverse("moderator:call", args=[talk.attempt.pk])).content.decode()
    )
    with later(settings.HEARTHLINE.golden_told_days + 1):
        assert golden.tell(clock.now()) == 1
        assert golden.tell(clock.now()) == 0
        review = Review.objects.get()
        assert (review.reviewer, review.total) == (None, by_staff.mean)
        known = standing.quality_of(operator, clock.now())
        assert (known.mean, known.by_robots) == (by_staff.mean, 1)
        assert standing.quality_for_staff([operator.pk], clock.now())[operator.pk] == known  # counted once
        client, staff = signed_in(operator), signed_in(a_moderator())
        assert "a robot of the exchange" in client.get(history).content.decode()
        text = client.get(call).content.decode()
        assert "The outcome was written down as" in text
        assert talk.attempt.robot_call.spoken[0]["line"] not in text
        assert "has been told" in staff.get(reverse("moderator:operator", args=[operator.pk])).content.decode()
        assert measure_again(talk.attempt.pk) is False  # what was told stays


def test_a_robots_score_can_be_appealed_against_and_then_counts_no_more(operator: User) -> None:
    talk = a_golden_call(operator, a_running_campaign(5, min_talk_s=10), right=False)
    with later(settings.HEARTHLINE.golden_told_days + 1):
        golden.tell(clock.now())
        dispute = disputes.appeal(attempt=talk.attempt, operator=operator, kind="score", words="I understood it so.")
        disputes.decide(dispute=dispute, moderator=a_moderator(), upheld=True, answer="Right.")
        assert standing.quality_of(operator, clock.now()) == standing.NOTHING
        assert standing.quality_for_staff([operator.pk], clock.now()) == {}
        assert golden.tell(clock.now()) == 0


def test_who_has_been_told_of_a_scenario_meets_another_one(operator: User) -> None:
    campaign = a_running_campaign(9, min_talk_s=10)
    first = a_golden_call(operator, campaign).attempt.contact.scenario
    others = {one.slug for one in scenarios_for(campaign.language, Use.GOLDEN)} - {first}
    with later(settings.HEARTHLINE.golden_told_days + 1):
        golden.tell(clock.now())
        met = [a_golden_call(operator, campaign).attempt.contact.scenario for _n in range(len(others) + 1)]
        assert first not in met
        assert set(met) <= others


def test_one_figure_of_people_and_robots(operator: User) -> None:
    campaign, moderator = a_running_campaign(9, min_talk_s=10), a_moderator()
    a_reviewed_call(operator, campaign, moderator, "partly")
    talk = a_golden_call(operator, campaign)
    quality = standing.quality_for_staff([operator.pk], clock.now())[operator.pk]
    score = talk.attempt.robot_call.score
    assert quality.mean == round((50 + score) / 2)
    assert (quality.by_people, quality.by_robots) == (1, 1)
    page = signed_in(operator).get(reverse("operator:feedback")).content.decode()
    assert "50 of 100" in page
    assert "the mean of 1 scored call" in page
    page = signed_in(moderator).get(reverse("moderator:operators")).content.decode()
    assert "1 of 1 understood" in page


def rules_for_tests(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    values = {"level2_conversations": 2, "level2_score": 75, "level_least_scored": 2, "level_clean_days": 30} | changes
    for name, value in values.items():
        monkeypatch.setattr(settings.HEARTHLINE, name, value)


def test_a_level_is_given_when_all_is_there_and_what_is_missing_is_said_in_words(
    operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules_for_tests(monkeypatch)
    campaign, moderator = a_running_campaign(9, min_talk_s=10), a_moderator()
    client = signed_in(operator)
    a_reviewed_call(operator, campaign, moderator)
    page = client.get(reverse("operator:feedback")).content.decode()
    assert "1 more paid conversation: 1 of 2" in page
    assert "1 more scored call" in page
    assert levels.look(clock.now()) == 0
    a_reviewed_call(operator, campaign, moderator, "no")  # 0, one answer of which makes it so
    page = client.get(reverse("operator:feedback")).content.decode()
    assert "A mean score of 75; yours is 50." in page
    assert "makes its score 0" in page
    for _n in range(3):
        a_reviewed_call(operator, campaign, moderator)
    assert [lack.code for lack in levels.prospect_of(operator, clock.now()).lacks] == ["clean"]
    assert levels.look(clock.now()) == 0
    with later(31):
        assert levels.look(clock.now()) == 1
        assert levels.look(clock.now()) == 0
        operator.refresh_from_db()
        assert operator.level == 2
        assert AuditEntry.objects.get(tag="system:level:given").subject_id == str(operator.pk)
        assert "From level 1 to level 2." in signed_in(operator).get(reverse("operator:feedback")).content.decode()


def test_a_closed_campaign_says_its_level_and_leads_to_what_is_missing(operator: User) -> None:
    a_running_campaign(2, level_required=2)
    page = signed_in(operator).get(reverse("operator:choose")).content.decode()
    assert "from level 2 on" in page
    assert f"{reverse('operator:feedback')}#level" in page


def a_proposal(operator: User, monkeypatch: pytest.MonkeyPatch) -> LevelChange:
    rules_for_tests(monkeypatch, levels="proposed")
    campaign, moderator = a_running_campaign(9, min_talk_s=10), a_moderator()
    for _n in range(2):
        a_reviewed_call(operator, campaign, moderator)
    assert levels.look(clock.now()) == 1
    assert levels.look(clock.now()) == 0
    return LevelChange.objects.get()


def test_a_proposed_level_waits_in_the_queue_for_a_moderator(operator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    change = a_proposal(operator, monkeypatch)
    moderator = a_moderator()
    assert queue.counts()["level"] == 1
    client = signed_in(moderator)
    reply = client.post(reverse("moderator:next"))
    assert reply["Location"] == reverse("moderator:item", args=["level", change.pk])
    assert "Give the level" in client.get(reply["Location"]).content.decode()
    decide = reverse("moderator:decide", args=["level", change.pk])
    assert client.post(decide, {"decision": "decline", "words": ""}).status_code == 422
    assert User.objects.get(pk=operator.pk).level == 1
    client.post(decide, {"decision": "give", "words": ""})
    assert User.objects.get(pk=operator.pk).level == 2
    with pytest.raises(ConflictError):
        levels.decide(change=change, moderator=moderator, given=True)
    with pytest.raises(NotAllowedError):
        levels.decide(change=change, moderator=an_operator(), given=True)


def test_a_declined_level_is_proposed_again_later_only(operator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    change = a_proposal(operator, monkeypatch)
    levels.decide(change=change, moderator=a_moderator(), given=False, words="You speak too fast.")
    assert "You speak too fast." in signed_in(operator).get(reverse("operator:feedback")).content.decode()
    assert User.objects.get(pk=operator.pk).level == 1
    assert levels.look(clock.now()) == 0
    with later(31):
        assert levels.look(clock.now()) == 1


def test_only_a_moderator_takes_a_level_and_the_rules_begin_anew(
    operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules_for_tests(monkeypatch)
    campaign, moderator = a_running_campaign(9, min_talk_s=10), a_moderator()
    for _n in range(2):
        a_reviewed_call(operator, campaign, moderator)
    levels.look(clock.now())
    page = reverse("moderator:operator", args=[operator.pk])
    client = signed_in(moderator)
    assert client.post(page, {"level": "1", "words": ""}).status_code == 422
    assert signed_in(operator).post(page, {"level": "3", "words": "me"}).status_code == 403
    assert User.objects.get(pk=operator.pk).level == 2
    assert client.post(page, {"level": "1", "words": "Two calls were not as they should be."}).status_code == 302
    assert User.objects.get(pk=operator.pk).level == 1
    assert levels.look(clock.now()) == 0
    assert levels.figures_of(operator, clock.now()).conversations == 0
    newcomer = an_operator(level=0)
    with pytest.raises(InvalidInputError):
        levels.set_level(operator=newcomer, moderator=moderator, level=2, words="quick")
    with pytest.raises(ExchangeError):
        levels.set_level(operator=moderator, moderator=moderator, level=2, words="me")


def test_by_hand_the_rules_rest(operator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    rules_for_tests(monkeypatch, levels="by_hand")
    Shift.objects.create(operator=operator, started_at=clock.now(), conversations=5000)
    assert levels.look(clock.now()) == 0
    assert not LevelChange.objects.filter(state=LevelState.DONE).exists()
    assert "given by moderators" in signed_in(operator).get(reverse("operator:feedback")).content.decode()
