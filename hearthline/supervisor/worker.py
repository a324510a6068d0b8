"""The worker process: background tasks from the database, and the chores that come round by the clock."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.core.management import call_command
from django.db import close_old_connections
from django.db.utils import Error as DatabaseError

from hearthline.calls import pace
from hearthline.ledger.tasks import mature_pay, mature_what_came_due
from hearthline.lib import clock, logs
from hearthline.observe.server import serve_beside
from hearthline.quality import decoy_calls, golden
from hearthline.quality.analysis.tasks import queue_analyses
from hearthline.quality.recordings.tasks import delete_old, queue_due
from hearthline.quality.scoring import settle_waiting
from hearthline.quality.tasks import look_for_levels, look_for_reports, settle_rejections

logger = logging.getLogger(__name__)

LOOK_S = 10.0
POLL_S = 0.5
KEEP_RESULTS_DAYS = 14


@dataclass(frozen=True, slots=True)
class Chore:
    """Doing it once more, in another worker, does no harm."""

    name: str
    every_s: float
    work: Callable[[], object]


CHORES = (
    Chore("queue what recordings need", 10, queue_due),
    Chore("delete recordings whose time is over", 600, delete_old),
    Chore("score calls with robots that were left over", 60, lambda: settle_waiting(clock.now())),
    Chore("tell of golden contacts", 3600, lambda: golden.tell(clock.now())),
    Chore("queue the look for levels", 3600, lambda: look_for_levels.enqueue()),
    Chore("queue the maturing of pay", 300, lambda: mature_pay.enqueue()),
    Chore("queue the maturing of pay that has just come due", 10, mature_what_came_due),
    Chore("queue the settling of rejections", 300, lambda: settle_rejections.enqueue()),
    Chore("queue the look for reports", 3600, lambda: look_for_reports.enqueue()),
    Chore("queue the analysis of recordings", 10, queue_analyses),
    Chore("forget who called decoys", 3600, decoy_calls.forget_callers),
    Chore("forget how old hours of campaigns went", 24 * 3600, lambda: pace.forget(clock.now())),
    Chore("forget sessions that have ended", 24 * 3600, lambda: call_command("clearsessions")),
    Chore(
        "forget old task results",
        24 * 3600,
        lambda: call_command("prune_db_task_results", min_age_days=KEEP_RESULTS_DAYS, verbosity=0),
    ),
)


def work() -> None:
    """Until SIGTERM: the task at hand is finished first."""
    logs.configure(level=settings.HEARTHLINE.log_level, json=settings.HEARTHLINE.log_format == "json")
    serve_beside()
    _quieten("django_tasks", logging.WARNING)  # not each task's coming and going
    _quieten("django_tasks_db", logging.ERROR)
    threading.Thread(target=_chores, name="chores", daemon=True).start()
    # looks twice a second: a person who has uploaded a spreadsheet is waiting for it
    call_command("db_worker", queue_name="*", interval=POLL_S, reload=False, startup_delay=False, verbosity=1)


def _quieten(name: str, level: int) -> None:
    """The worker sets these loggers' levels itself; a filter stays."""
    logging.getLogger(name).addFilter(lambda record: record.levelno >= level)


def _chores() -> None:
    due = dict.fromkeys(CHORES, 0.0)
    while True:
        now = time.monotonic()
        for chore in CHORES:
            if due[chore] <= now:
                due[chore] = now + chore.every_s
                _do(chore)
        time.sleep(LOOK_S)


def _do(chore: Chore) -> None:
    try:
        close_old_connections()
        chore.work()
    except DatabaseError:
        logger.exception("could not %s; it is tried again the next time", chore.name)
    finally:
        close_old_connections()
