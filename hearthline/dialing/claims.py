"""The two statements that find and claim the next contact, for PostgreSQL and SQLite.

`look` asks, for each time zone in which the campaign has waiting contacts, what is due first on each priority; it walks
the index `contact_to_claim` from zone to zone and never reads a row that is not due. Zones that are outside their
calling window are left out in Python, so a million sleeping contacts cost one look. `claim` then takes the oldest of one
zone and priority that nobody else is taking. Both do a fixed number of index descents, whatever the size of the campaign.

What `claim` steps over in the index is bounded by work in progress: rows that others are claiming this moment, numbers
on the line in other campaigns, callbacks promised by others in the last minutes. Whatever else may not be called (the
do-not-call list, destinations without a price) leaves the queue when that becomes known; the statement checks the list
again because it may have grown a moment ago.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.utils.dateparse import parse_datetime

from hearthline.campaigns.models import Campaign, Contact, Priority
from hearthline.dialing.models import Assignment
from hearthline.people.models import User

PROMISE_GRACE = timedelta(minutes=15)  # for so long a promised callback waits for who promised it

OWN = -1  # in place of a priority: callbacks that this operator has promised


@dataclass(frozen=True, slots=True)
class Queue:
    """Contacts of one zone and priority that are due; `due` is since when the first is."""

    zone: str
    priority: int  # `Priority`, or OWN
    due: datetime


@dataclass(frozen=True, slots=True)
class Claimed:
    assignment: uuid.UUID
    contact: uuid.UUID
    phone: str
    fence: int


# The states are written out, so that the planner may use the partial indexes.
_WAITING = "state IN ('fresh', 'retry')"

_ZONES = f"""
WITH RECURSIVE zones(zone) AS (
  SELECT * FROM (SELECT timezone FROM {{contact}} WHERE campaign_id = %(campaign)s AND {_WAITING}
                 ORDER BY timezone LIMIT 1) AS first_zone
  UNION ALL
  SELECT (SELECT timezone FROM {{contact}} WHERE campaign_id = %(campaign)s AND {_WAITING} AND timezone > zones.zone
          ORDER BY timezone LIMIT 1)
  FROM zones WHERE zones.zone IS NOT NULL
)
"""  # noqa: S608 - table names of our own models

_ZONES_ONLY = f"{_ZONES} SELECT zone FROM zones WHERE zone IS NOT NULL"  # noqa: S608 - as above

_LOOK = f"""{_ZONES}
SELECT zone, {
    ", ".join(
        f'''(
  SELECT next_attempt_at FROM {{contact}} WHERE campaign_id = %(campaign)s AND {_WAITING} AND timezone = zone
  AND priority = {level.value} AND next_attempt_at <= %(now)s ORDER BY next_attempt_at LIMIT 1)'''
        for level in Priority
    )
}, NULL
FROM zones WHERE zone IS NOT NULL
UNION ALL
SELECT timezone, {", ".join("NULL" for _level in Priority)}, MIN(next_attempt_at) FROM {{contact}}
WHERE prefer_operator_id = %(operator)s AND campaign_id = %(campaign)s AND {_WAITING} AND next_attempt_at <= %(now)s
GROUP BY timezone
"""  # noqa: S608 - table names of our own models

_LEVELS = [*(level.value for level in Priority), OWN]

_PICK = """
SELECT c.id FROM {contact} c
WHERE c.campaign_id = %(campaign)s AND c.state IN ('fresh', 'retry') AND c.timezone = %(zone)s AND {which}
  AND c.next_attempt_at <= %(now)s
  AND c.attempts < (SELECT max_attempts FROM {campaign} WHERE id = %(campaign)s AND state = 'running')
  AND (c.entered_by_id IS NULL OR (c.entered_by_id <> %(operator)s
       AND NOT EXISTS (SELECT 1 FROM {user} u WHERE u.id = c.entered_by_id AND u.invited_by_id = %(operator)s)))
  AND NOT EXISTS (SELECT 1 FROM {assignment} a WHERE a.phone = c.phone AND a.state = 'active')
  AND NOT EXISTS (SELECT 1 FROM {donotcall} d WHERE d.phone = c.phone
                  AND (d.organisation_id IS NULL OR d.organisation_id = %(organisation)s))
ORDER BY c.next_attempt_at LIMIT 1
"""

_BY_PRIORITY = (
    "c.priority = %(priority)s AND"
    " (c.prefer_operator_id IS NULL OR c.prefer_operator_id = %(operator)s OR c.next_attempt_at <= %(grace)s)"
)
_BY_PROMISE = "c.prefer_operator_id = %(operator)s"

_CLAIM_POSTGRESQL = """
WITH picked AS ({pick} FOR UPDATE OF c SKIP LOCKED),
claimed AS (
  UPDATE {contact} t SET state = 'assigned', fence = t.fence + 1 FROM picked WHERE t.id = picked.id
  RETURNING t.id, t.phone, t.fence
)
INSERT INTO {assignment} (id, contact_id, campaign_id, operator_id, phone, state, fence, lease_expires_at, hold,
                          created_at, closed_at, release_reason, dialled)
SELECT %(assignment)s, id, %(campaign)s, %(operator)s, phone, 'active', fence, %(lease)s, %(hold)s, %(now)s, NULL, '', false
FROM claimed
RETURNING contact_id, phone, fence
"""

_CLAIM_SQLITE = """
UPDATE {contact} SET state = 'assigned', fence = fence + 1 WHERE id = ({pick}) RETURNING id, phone, fence
"""

_TABLES = {
    "contact": Contact._meta.db_table,
    "campaign": Campaign._meta.db_table,
    "assignment": Assignment._meta.db_table,
    "user": User._meta.db_table,
    "donotcall": "campaigns_donotcall",
}


def look(*, campaign_id: uuid.UUID, operator_id: uuid.UUID, now: datetime) -> list[Queue]:
    """What is due, best first: callbacks this operator promised, then by priority, then the oldest."""
    values = {"campaign": _uuid(campaign_id), "operator": _uuid(operator_id), "now": _moment(now)}
    found: list[Queue] = []
    with connection.cursor() as cursor:
        cursor.execute(_LOOK.format(**_TABLES), values)
        for zone, *due in cursor.fetchall():
            found.extend(
                Queue(zone, level, at)
                for level, moment in zip(_LEVELS, due, strict=True)
                if (at := _read_moment(moment)) is not None
            )
    return sorted(found, key=lambda queue: (queue.priority != OWN, -queue.priority, queue.due))


def zones_of(campaign_id: uuid.UUID) -> list[str]:
    """The time zones in which the campaign has waiting contacts; one step in the index for each."""
    with connection.cursor() as cursor:
        cursor.execute(_ZONES_ONLY.format(**_TABLES), {"campaign": _uuid(campaign_id)})
        return [zone for (zone,) in cursor.fetchall()]


def claim(
    *, campaign: Campaign, operator_id: uuid.UUID, queue: Queue, assignment: uuid.UUID, hold: uuid.UUID, now: datetime,
    lease_until: datetime,
) -> Claimed | None:  # fmt: skip
    """Take the first contact of a queue, in the caller's transaction. None: others were faster, or none of its contacts
    is for this operator now.

    Raises IntegrityError when another transaction claimed the same number, or for the same operator, in this moment;
    nothing is claimed then.
    """
    values = {
        "campaign": _uuid(campaign.pk),
        "organisation": _uuid(campaign.organisation_id),
        "operator": _uuid(operator_id),
        "zone": queue.zone,
        "priority": queue.priority,
        "now": _moment(now),
        "grace": _moment(now - PROMISE_GRACE),
        "assignment": _uuid(assignment),
        "hold": _uuid(hold),
        "lease": _moment(lease_until),
    }
    which = _BY_PROMISE if queue.priority == OWN else _BY_PRIORITY
    pick = _PICK.format(which=which, **_TABLES)
    postgresql = connection.vendor == "postgresql"
    statement = (_CLAIM_POSTGRESQL if postgresql else _CLAIM_SQLITE).format(pick=pick, **_TABLES)
    row = _one(statement, values)
    if row is None:
        return None
    claimed = Claimed(assignment, _read_uuid(row[0]), str(row[1]), int(row[2]))
    if not postgresql:
        Assignment(
            id=assignment, contact_id=claimed.contact, campaign_id=campaign.pk, operator_id=operator_id,
            phone=claimed.phone, fence=claimed.fence, lease_expires_at=lease_until, hold=hold, created_at=now,
        ).save(force_insert=True)  # fmt: skip
    return claimed


def _one(statement: str, values: dict[str, Any]) -> Sequence[Any] | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows: Iterable[Sequence[Any]] = cursor.fetchall()  # to its end: SQLite carries out RETURNING as it is read
    return next(iter(rows), None)


def _uuid(value: uuid.UUID) -> Any:
    return value if connection.features.has_native_uuid_field else value.hex


def _read_uuid(value: Any) -> uuid.UUID:
    return value if isinstance(value, uuid.UUID) else uuid.UUID(hex=value)


def _moment(value: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(value)


def _read_moment(value: Any) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    parsed = parse_datetime(value)
    assert parsed is not None
    return parsed.replace(tzinfo=UTC)
