"""What the worker does for the analysis. Nobody waits for it: whatever else is queued goes first."""

from __future__ import annotations

import uuid

from django.db import transaction
from django_tasks import task

from hearthline.quality.analysis import listening, services


@task(priority=-10)
def analyse_recording(recording_id: str) -> bool:
    """See `services.analyse_recording`; then its words, where the exchange has a recogniser."""
    id = uuid.UUID(recording_id)
    done = services.analyse_recording(id)
    if done and listening.wanted(id):
        listen_to_recording.enqueue(recording_id)
    return done


@task(priority=-50)
def listen_to_recording(recording_id: str) -> bool:
    """See `listening.listen`."""
    return listening.listen(uuid.UUID(recording_id))


def queue_analyses() -> int:
    """Queue what is complete and not analysed yet. Once more does no harm: whoever is second finds the row taken."""
    with transaction.atomic():
        waiting = services.queue_waiting()
        for id in waiting:
            analyse_recording.enqueue(str(id))
    return len(waiting)
