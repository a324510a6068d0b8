"""How well an operator calls, in one figure: the mean of the scores that moderators gave and of what golden contacts showed.

Each scored call counts once, whoever scored it, for `LOOK_BACK`. Practice and test calls count for nothing: there one may fail.
A golden contact's score counts for the operator, and for their level, only when they have been told of it (`golden.tell`): a figure
that moved a minute after a call would say which call it was. Moderators see both.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet

from hearthline.people.models import User
from hearthline.quality.golden import golden_calls
from hearthline.quality.models import Review, RobotCall

LOOK_BACK = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Quality:
    """`mean` 0 to 100; None: nothing was scored. `fatal_at`: the latest review that one answer made 0."""

    mean: int | None
    by_people: int
    by_robots: int
    fatal_at: datetime | None

    @property
    def count(self) -> int:
        return self.by_people + self.by_robots


NOTHING = Quality(None, 0, 0, None)


def quality_of(operator: User, now: datetime, *, since: datetime | None = None) -> Quality:
    """As the operator may know it. `since`: only calls after that moment. One query."""
    begin = max(since or now - LOOK_BACK, now - LOOK_BACK)
    rows = list(_reviews([operator.pk]).filter(attempt__dialled_at__gt=begin).values_list(*_READ))
    return _of([(total, fatal, at, reviewer is not None) for _id, total, fatal, at, reviewer in rows])


def quality_for_staff(operators: Collection[uuid.UUID], now: datetime) -> dict[uuid.UUID, Quality]:
    """With the golden contacts of which the operators do not know yet. Two queries, however many operators."""
    found: dict[uuid.UUID, list[tuple[int, bool, datetime, bool]]] = defaultdict(list)
    reviews = _reviews(operators).filter(attempt__dialled_at__gt=now - LOOK_BACK)
    for id, total, fatal, at, reviewer in reviews.values_list(*_READ):
        found[id].append((total, fatal, at, reviewer is not None))
    untold = untold_golden_calls(now - LOOK_BACK).filter(attempt__operator__in=operators)
    for id, score, at in untold.values_list("attempt__operator", "score", "begun_at"):
        found[id].append((score or 0, False, at, False))
    return {id: _of(rows) for id, rows in found.items()}


def untold_golden_calls(since: datetime) -> QuerySet[RobotCall]:
    """Scored, and not yet in the operator's feedback."""
    told = Review.objects.filter(attempt=OuterRef("pk"), reviewer=None)
    return golden_calls(since).filter(~Exists(told))


_READ = ("attempt__operator", "total", "fatal", "at", "reviewer")


def _reviews(operators: Collection[uuid.UUID]) -> QuerySet[Review]:
    return Review.objects.filter(replaced_by=None, attempt__operator__in=operators).order_by()


def _of(rows: list[tuple[int, bool, datetime, bool]]) -> Quality:
    if not rows:
        return NOTHING
    people = sum(by_person for _total, _fatal, _at, by_person in rows)
    return Quality(
        mean=round(sum(total for total, *_rest in rows) / len(rows)),
        by_people=people,
        by_robots=len(rows) - people,
        fatal_at=max((at for _total, fatal, at, _by in rows if fatal), default=None),
    )
