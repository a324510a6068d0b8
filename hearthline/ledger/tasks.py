"""What the worker does for the ledger."""

from __future__ import annotations

from datetime import timedelta

from django_tasks import task

from hearthline.ledger.models import Transfer
from hearthline.ledger.services import mature
from hearthline.lib import clock

JUST_DUE = timedelta(seconds=60)


@task()
def mature_pay() -> int:
    """Pay whose review is over becomes available. Meant to be queued every few minutes; once more does no harm."""
    return mature(clock.now())


def mature_what_came_due() -> None:
    """Queue it at once where the review of some pay has just ended: its operator was told the minute. What stays due (pay that was
    corrected by hand) is left to the round of every few minutes."""
    now = clock.now()
    if Transfer.objects.filter(matures_at__gt=now - JUST_DUE, matures_at__lte=now).exists():
        mature_pay.enqueue()
