"""What the worker does for the analysis."""

from __future__ import annotations

import uuid

from django.db import transaction
from django_tasks import task

from hearthline.quality.analysis import services


@task
def analyse_recording(recording_id: str) -> bool:
    """See `services.analyse_recording`."""
    return services.analyse_recording(uuid.UUID(recording_id))


def queue_analyses() -> int:
    """Queue what is complete and not analysed yet. Once more does no harm: whoever is second finds the row taken."""
    with transaction.atomic():
        waiting = services.queue_waiting()
        for id in waiting:
            analyse_recording.enqueue(str(id))
    return len(waiting)
