"""For how long there is work, of several campaigns at once, on both databases."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, time, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from hearthline.campaigns.models import Campaign, Contact, ContactState
from hearthline.dialing import outlook
from hearthline.dialing.outlook import Outlook, has_work, heads_of, outlook_of
from tests.campaigns.worlds import a_campaign, a_running_campaign, add_numbers

NOON = datetime(2026, 3, 25, 9, 0, tzinfo=UTC)  # a Wednesday; 12:00 in Moscow, 19:00 in Vladivostok


def look(campaigns: list[Campaign]) -> dict[uuid.UUID, Outlook]:
    return outlook_of(campaigns, heads_of([campaign.pk for campaign in campaigns], NOON), NOON)


def test_contacts_are_counted_where_it_is_time_to_call(database: str) -> None:
    with time_machine.travel(NOON, tick=False):
        here = a_running_campaign(5, window_start=time(9, 0), window_end=time(18, 0))
        night = a_campaign(window_start=time(20, 0), window_end=time(21, 0))
        empty = a_campaign()
        add_numbers(night, 2, start=50)
        rows = list(Contact.objects.filter(campaign=here).order_by("phone"))
        changes: list[dict[str, object]] = [
            {"timezone": "Asia/Vladivostok"},  # its window has closed
            {"next_attempt_at": NOON + timedelta(hours=2), "state": ContactState.RETRY},  # later today
            {"next_attempt_at": NOON + timedelta(hours=7), "state": ContactState.RETRY},  # after the window
            {"state": ContactState.DONE},
        ]
        for row, change in zip(rows, changes, strict=False):
            Contact.objects.filter(pk=row.pk).update(**change)

        with CaptureQueriesContext(connection) as asked:
            found = look([here, night, empty])

        assert len(asked) == 2
        moscow = found[here.pk]
        assert (moscow.now, moscow.today, moscow.more) == (1, 2, False)
        assert moscow.closes_at == datetime(2026, 3, 25, 15, 0, tzinfo=UTC)
        assert found[night.pk].now == 0
        assert found[night.pk].opens_at == datetime(2026, 3, 25, 17, 0, tzinfo=UTC)
        heads = heads_of([here.pk, night.pk, empty.pk], NOON)
        assert [has_work(campaign, heads, NOON) for campaign in (here, night, empty)] == [True, False, False]
        assert found[empty.pk] == Outlook()


def test_counting_stops(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = a_running_campaign(5)
    monkeypatch.setattr(outlook, "COUNTED_TO", 3)
    with time_machine.travel(NOON, tick=False):
        Contact.objects.update(next_attempt_at=NOON)
        found = look([campaign])[campaign.pk]
    assert (found.now, found.more) == (3, True)
