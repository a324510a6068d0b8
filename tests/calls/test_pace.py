"""What work brings an hour: counted as it is done, reckoned with what is usual where little is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from hearthline.calls import pace, services
from hearthline.calls.models import CampaignHour, Shift
from hearthline.calls.pace import USUAL, Evidence
from hearthline.lib import clock
from hearthline.lib.money import Money
from tests.calls.worlds import Conversation, a_conversation
from tests.campaigns.worlds import a_running_campaign
from tests.races import failures, together

TEN = datetime(2026, 3, 25, 10, 0, tzinfo=UTC)


def rub(minor: int) -> Money:
    return Money(minor, "RUB")


def seen(talk: Conversation) -> Evidence:
    return pace.evidence_of([talk.campaign.pk], clock.now()).get(talk.campaign.pk, Evidence())


def test_an_hour_counts_the_time_that_nobody_pays_for() -> None:
    reckoning = pace.reckon(Evidence(100, 20, 100 * 90_000, 20 * 60_000, 80 * 20_000), USUAL)
    assert (reckoning.share, reckoning.attempt_s, reckoning.talk_ms, reckoning.few) == (0.2, 90, 60_000, False)
    assert pace.hourly(reckoning, pay=rub(1000), ring_pay=rub(0)) == rub(8000)  # 40 attempts, 8 conversations
    # with 16 s of unpaid ringing in each of 40 attempts: 10.67 minutes
    assert pace.hourly(reckoning, pay=rub(1000), ring_pay=rub(150)) == rub(9600)


def test_without_evidence_the_usual_counts_and_it_gives_way_to_what_is_seen() -> None:
    nothing = pace.reckon(Evidence(), USUAL)
    assert (nothing.share, nothing.attempt_s, nothing.attempts, nothing.few) == (0.25, 70, 0, True)
    half = pace.reckon(Evidence(20, 20, 20 * 30_000, 20 * 20_000, 0), USUAL)
    assert half.few
    assert nothing.share < half.share < 1
    assert nothing.attempt_s > half.attempt_s > 30
    enough = pace.reckon(Evidence(40, 40, 40 * 30_000, 40 * 20_000, 0), USUAL)
    assert (enough.share, enough.attempt_s, enough.few) == (1, 30, False)


def test_the_exchanges_own_experience_is_what_is_usual_once_there_is_some() -> None:
    assert pace.usual_of({}) is USUAL
    lots = Evidence(500, 50, 500 * 60_000, 50 * 60_000, 0)
    assert pace.usual_of({clock: lots}) == lots  # type: ignore[dict-item]  # any key will do


@pytest.mark.django_db
def test_waiting_calling_and_writing_are_counted_and_breaks_are_not() -> None:
    with time_machine.travel(TEN, tick=False) as now:
        talk = a_conversation(campaign=a_running_campaign(3, min_talk_s=10))
        now.shift(timedelta(minutes=3))
        talk.wrap_up()
        assert seen(talk) == Evidence(1, 1, 180_000, 30_000, 0)

        now.shift(timedelta(minutes=2))
        services.take_break(operator=talk.operator, on=True)
        now.shift(timedelta(minutes=15))
        services.take_break(operator=talk.operator, on=True)  # pressed twice
        services.take_break(operator=talk.operator, on=False)
        now.shift(timedelta(minutes=1))
        shift = services.end_shift(operator=talk.operator)

        assert seen(talk).worked_ms == 360_000
        assert (shift.breaks, shift.break_ms, shift.break_began_at) == (1, 900_000, None)
        assert Shift.objects.get(pk=shift.pk).worked_from is None


@pytest.mark.django_db
def test_a_call_that_nobody_pays_for_counts_its_ringing() -> None:
    with time_machine.travel(TEN, tick=False) as now:
        talk = a_conversation(talk_s=5)
        now.shift(timedelta(minutes=1))
        assert not talk.wrap_up().payable
        assert seen(talk) == Evidence(1, 0, 60_000, 0, 5000)


@pytest.mark.django_db
def test_a_page_left_open_over_night_says_nothing_about_the_campaign() -> None:
    with time_machine.travel(TEN, tick=False) as now:
        talk = a_conversation()
        talk.wrap_up()
        now.shift(timedelta(hours=9))
        services.end_shift(operator=talk.operator)
        assert seen(talk).worked_ms == pace.LONGEST_STRETCH / timedelta(milliseconds=1)


@pytest.mark.django_db
def test_the_time_before_a_change_is_the_former_campaigns() -> None:
    with time_machine.travel(TEN, tick=False) as now:
        talk = a_conversation()
        talk.wrap_up()
        other = a_running_campaign(1)
        now.shift(timedelta(minutes=4))
        services.begin_shift(operator=talk.operator, campaign=other)
        now.shift(timedelta(minutes=2))
        services.end_shift(operator=talk.operator)
        assert seen(talk).worked_ms == 240_000
        assert pace.evidence_of([other.pk], clock.now())[other.pk].worked_ms == 120_000


@pytest.mark.django_db
def test_old_hours_are_not_looked_at_and_then_forgotten() -> None:
    campaign = a_running_campaign(1)
    CampaignHour.objects.create(campaign=campaign, hour=clock.now() - timedelta(days=4), attempts=5)
    CampaignHour.objects.create(campaign=campaign, hour=clock.now() - timedelta(days=15), attempts=5)
    assert pace.evidence_of([campaign.pk], clock.now()) == {}
    assert pace.forget(clock.now()) == 1


def test_sixteen_ends_of_one_shift_count_its_time_once(database: str) -> None:
    with time_machine.travel(TEN, tick=False) as now:
        talk = a_conversation()
        talk.wrap_up()
        now.shift(timedelta(minutes=4))
        results = together(16, lambda _n: services.end_shift(operator=talk.operator))
        assert len(failures(results)) == 15
        assert seen(talk).worked_ms == 240_000


def test_eight_operators_of_one_campaign_end_their_calls_at_once(database: str) -> None:
    with time_machine.travel(TEN, tick=False):
        campaign = a_running_campaign(8, min_talk_s=10)
        talks = [a_conversation(campaign=campaign) for _n in range(8)]
        results = together(8, lambda n: talks[n].wrap_up())
        assert failures(results) == []
        assert seen(talks[0]) == Evidence(8, 8, 0, 8 * 30_000, 0)
        assert CampaignHour.objects.count() == 1
