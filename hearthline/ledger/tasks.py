"""What the worker does for the ledger."""

from __future__ import annotations

from django_tasks import task

from hearthline.ledger.services import mature
from hearthline.lib import clock


@task()
def mature_pay() -> int:
    """Pay whose review is over becomes available. Meant to be queued every minute; once more does no harm."""
    return mature(clock.now())
