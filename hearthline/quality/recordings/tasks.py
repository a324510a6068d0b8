"""What the worker does for recordings."""

from __future__ import annotations

from django_tasks import task

from hearthline.lib import clock
from hearthline.quality.recordings import keeping
from hearthline.quality.recordings.retention import delete_aged


@task(priority=-10)  # somebody who waits for an upload goes first
def go_on(recording_id: str) -> None:
    """See `keeping.go_on`."""
    keeping.go_on(recording_id)


def queue_due() -> None:
    """Queue a task for each recording for which something is to be done. Done once more, in another worker, does no harm."""
    for id in keeping.due(clock.now()):
        go_on.enqueue(id)


def delete_old() -> None:
    """See `retention.delete_aged`."""
    delete_aged(clock.now())
