"""For how long recordings are kept, and deleting them: by age, by the customer, by the exchange."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from hearthline.calls.models import Deletion, Recording
from hearthline.campaigns.models import Campaign
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError
from hearthline.people import audit
from hearthline.people.models import User

AT_ONCE = 500


def days_of(campaign: Campaign) -> int:
    """How many days this campaign's recordings are kept."""
    return _bounded(campaign.recording_days)


def _bounded(days: int | None) -> int:
    exchange = settings.HEARTHLINE
    return int(min(days or exchange.recordings_days, exchange.recordings_most_days))


def kept_until(recording: Recording) -> datetime:
    """When its time is over. Reads `recording.attempt.campaign`."""
    return recording.started_at + timedelta(days=days_of(recording.attempt.campaign))


def delete_aged(now: datetime) -> int:
    """Delete the recordings whose time is over, at most AT_ONCE of each length of time. Returns how many."""
    rules = Campaign.objects.order_by().values_list("recording_days", flat=True).distinct()
    deleted = 0
    for days in rules:
        rows = Recording.objects.filter(
            attempt__campaign__recording_days=days,
            started_at__lt=now - timedelta(days=_bounded(days)),
            duration_ms__isnull=False,
            deleted_at=None,
        )
        ids = list(rows.values_list("pk", flat=True)[:AT_ONCE])
        deleted += _mark(Recording.objects.filter(pk__in=ids), now, Deletion.AGE, None) if ids else 0
    return deleted


def delete_recording(
    *, recording: Recording, actor: User | None, why: Deletion, source: audit.Tag, request: HttpRequest | None = None
) -> None:
    """Delete one recording: from now on nobody hears it, and the worker removes every copy. Raises ConflictError while it is
    being made, or when it is deleted already."""
    now = clock.now()
    with transaction.atomic():
        if not _mark(Recording.objects.filter(pk=recording.pk, duration_ms__isnull=False), now, why, actor):
            raise ConflictError(_("This recording is deleted already, or its call still goes on."))
        audit.record(source, actor, recording.pk, {"attempt": recording.attempt_id, "why": why.value}, request)


def _mark(rows: QuerySet[Recording], now: datetime, why: Deletion, actor: User | None) -> int:
    # `due_at` stays: whoever is just packing one of them finishes first, so that nothing is made after everything was removed
    changes: dict[str, Any] = {"deleted_at": now, "deletion": why, "deleted_by": actor, "tries": 0}
    return rows.filter(deleted_at=None).update(**changes)
