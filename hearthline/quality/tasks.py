"""What the worker does for quality."""

from __future__ import annotations

from django_tasks import task

from hearthline.lib import clock
from hearthline.people import devices
from hearthline.quality import levels, queue, ratings, rules


@task()
def look_for_reports() -> int:
    """Forget what is too old to be looked at, then every rule of `rules` once. Meant to be queued every hour."""
    queue.forget_old_claims(clock.now())
    devices.forget_old(clock.now())
    return rules.look(clock.now())


@task()
def look_for_levels() -> int:
    """Whoever has what the next level asks for. Meant to be queued every hour; once more does no harm."""
    return levels.look(clock.now())


@task()
def settle_rejections() -> int:
    """Rejections that nobody appealed against in time. Meant to be queued every few minutes; once more does no harm."""
    return ratings.settle_unanswered(clock.now())
