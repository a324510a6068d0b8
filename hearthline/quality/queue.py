"""What waits for a moderator, one item at a time. Who is given an item has it for a while; nobody else is given it meanwhile.

An item's name is "<kind>:<id>". The order: what holds money back, what holds people back, what may be harming somebody, the rest; within
each the oldest first.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from hearthline.lib import clock
from hearthline.lib.errors import ConflictError, NotFoundError
from hearthline.people.models import User
from hearthline.quality.fitness import tests_to_decide
from hearthline.quality.models import CampaignCheck, Dispute, FitnessTest, LevelChange, LevelState, QueueClaim, Report
from hearthline.quality.models_moderation import CheckState, DisputeState

CLAIMED_FOR = timedelta(minutes=15)
LOOKED_AT = 50  # of each kind, when the next one is sought


@dataclass(frozen=True, slots=True)
class Item:
    kind: str
    id: uuid.UUID
    since: datetime

    @property
    def name(self) -> str:
        return f"{self.kind}:{self.id}"


@dataclass(frozen=True, slots=True)
class Kind:
    """`open` gives what waits for this moderator, the oldest first; nobody decides about what they had a part in."""

    title: str | Promise
    open: Callable[[User], Iterator[Item]]
    count: Callable[[], int]


def _disputes(moderator: User) -> Iterator[Item]:
    rows = Dispute.objects.filter(state=DisputeState.OPEN).exclude(operator=moderator)
    for id, at in (
        rows.exclude(review__reviewer=moderator).order_by("opened_at").values_list("pk", "opened_at")[:LOOKED_AT]
    ):
        yield Item("dispute", id, at)


def _checks(state: CheckState) -> Callable[[User], Iterator[Item]]:
    def found(moderator: User) -> Iterator[Item]:
        rows = CampaignCheck.objects.filter(state=state, decided_at=None).exclude(
            campaign__organisation__memberships__user=moderator
        )
        for id, at in rows.order_by("asked_at").values_list("pk", "asked_at")[:LOOKED_AT]:
            yield Item("campaign" if state == CheckState.WAITING else "running", id, at)

    return found


def _tests(moderator: User) -> Iterator[Item]:
    """Somebody waits for their first work."""
    rows = tests_to_decide().exclude(operator=moderator).filter(attempt__isnull=False, submitted_at__isnull=False)
    for id, at in rows.values_list("pk", "submitted_at")[:LOOKED_AT]:
        if at is not None:
            yield Item("test", id, at)


def _levels(moderator: User) -> Iterator[Item]:
    """Somebody has what the next level asks for."""
    rows = LevelChange.objects.filter(state=LevelState.PROPOSED).exclude(operator=moderator)
    for id, at in rows.order_by("at").values_list("pk", "at")[:LOOKED_AT]:
        yield Item("level", id, at)


def _reports(moderator: User) -> Iterator[Item]:
    rows = Report.objects.filter(closed_at=None).exclude(Q(told_by=moderator) | Q(operator=moderator))
    for id, at in rows.order_by("opened_at").values_list("pk", "opened_at")[:LOOKED_AT]:
        yield Item("report", id, at)


def _count(
    rows: QuerySet[Dispute]
    | QuerySet[CampaignCheck]
    | QuerySet[Report]
    | QuerySet[FitnessTest]
    | QuerySet[LevelChange],
) -> Callable[[], int]:
    return lambda: rows.all().count()


KINDS: dict[str, Kind] = {
    "dispute": Kind(_("appeals"), _disputes, _count(Dispute.objects.filter(state=DisputeState.OPEN))),
    "test": Kind(_("test calls"), _tests, lambda: tests_to_decide().count()),
    "campaign": Kind(
        _("campaigns to approve"),
        _checks(CheckState.WAITING),
        _count(CampaignCheck.objects.filter(state=CheckState.WAITING, decided_at=None)),
    ),
    "level": Kind(_("levels"), _levels, _count(LevelChange.objects.filter(state=LevelState.PROPOSED))),
    "report": Kind(_("reports"), _reports, _count(Report.objects.filter(closed_at=None))),
    "running": Kind(
        _("running campaigns to check"),
        _checks(CheckState.RUNNING),
        _count(CampaignCheck.objects.filter(state=CheckState.RUNNING, decided_at=None)),
    ),
}


def counts() -> dict[str, int]:
    """How much of each kind waits."""
    return {name: kind.count() for name, kind in KINDS.items()}


def next_item(moderator: User, *, after: str = "") -> Item | None:
    """The first item that nobody else is at, now this moderator's. `after`: one that they leave aside; what stands behind it comes
    first, so that leaving one after the other leads through the whole queue."""
    now = clock.now()
    taken = set(QueueClaim.objects.filter(until__gt=now).exclude(moderator=moderator).values_list("item", flat=True))
    items = list(_all(moderator))
    left = next((place for place, item in enumerate(items) if item.name == after), None)
    if left is not None:
        items = items[left + 1 :] + items[:left]
    for item in items:
        if item.name not in taken and claim(moderator, item.name, now):
            return item
    return None


def claim(moderator: User, name: str, now: datetime) -> bool:
    """True when the item is this moderator's for the next `CLAIMED_FOR`."""
    until = now + CLAIMED_FOR
    free = QueueClaim.objects.filter(Q(until__lte=now) | Q(moderator=moderator), item=name)
    if free.update(moderator=moderator, until=until):
        return True
    try:
        with transaction.atomic():
            QueueClaim.objects.create(item=name, moderator=moderator, until=until)
    except IntegrityError:
        return False
    return True


def leave(moderator: User, name: str) -> None:
    QueueClaim.objects.filter(item=name, moderator=moderator).delete()


def hold(moderator: User, name: str) -> None:
    """Raises ConflictError when another moderator is at this item, NotFoundError for a name that is none."""
    kind, _colon, _id = name.partition(":")
    if kind not in KINDS:
        raise NotFoundError(_("There is nothing at this address."))
    if not claim(moderator, name, clock.now()):
        raise ConflictError(_("Another moderator is at this one. Take the next."))


def forget_old_claims(now: datetime) -> int:
    return QueueClaim.objects.filter(until__lt=now - timedelta(days=1)).delete()[0]


def _all(moderator: User) -> Iterator[Item]:
    for kind in KINDS.values():
        yield from kind.open(moderator)
