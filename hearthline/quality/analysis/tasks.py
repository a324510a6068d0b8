"""What the worker does for the analysis. Nobody waits for it: whatever else is queued goes first."""

from __future__ import annotations

import uuid

from django.db import transaction
from django_tasks import task

from hearthline.calls.models import Recording
from hearthline.quality.analysis import listening, services
from hearthline.quality.scoring import measure_again


@task(priority=-10)
def analyse_recording(recording_id: str) -> bool:
    """See `services.analyse_recording`; then the score of a call with a robot, and its words, where the exchange has a recogniser."""
    id = uuid.UUID(recording_id)
    done = services.analyse_recording(id)
    if done:
        _measure_again(id)
        if listening.wanted(id):
            listen_to_recording.enqueue(recording_id)
    return done


@task(priority=-50)
def listen_to_recording(recording_id: str) -> bool:
    """See `listening.listen`; then the score of a call with a robot."""
    id = uuid.UUID(recording_id)
    heard = listening.listen(id)
    if heard:
        _measure_again(id)
    return heard


def _measure_again(recording: uuid.UUID) -> None:
    attempt = (
        Recording.objects.filter(pk=recording).exclude(attempt__contact__scenario="").values_list("attempt", flat=True)
    )
    if (found := attempt.first()) is not None:
        measure_again(found)


def queue_analyses() -> int:
    """Queue what is complete and not analysed yet. Once more does no harm: whoever is second finds the row taken."""
    with transaction.atomic():
        waiting = services.queue_waiting()
        for id in waiting:
            analyse_recording.enqueue(str(id))
    return len(waiting)
