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
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.db import connection
from django.utils.dateparse import parse_datetime

from hearthline.campaigns.models import Campaign, Contact, DoNotCall, Priority
from hearthline.dialing import promises
from hearthline.dialing.models import Assignment
from hearthline.ledger.models import AccountKey, AccountKind, TransferCode
from hearthline.ledger.one_statement import hold_parts, hold_values
from hearthline.ledger.tariffs import priced_sql
from hearthline.lib.prepared import rows_of
from hearthline.people.models import User

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
    priced: bool  # its destination still has a price; else the caller rolls back


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

_LATER = f"""{_ZONES}
SELECT zone, {
    ", ".join(
        f'''(
  SELECT next_attempt_at FROM {{contact}} WHERE campaign_id = %(campaign)s AND {_WAITING} AND timezone = zone
  AND priority = {level.value} AND next_attempt_at > %(now)s ORDER BY next_attempt_at LIMIT 1)'''
        for level in Priority
    )
}
FROM zones WHERE zone IS NOT NULL
"""  # noqa: S608 - as above

_LEVELS = [*(level.value for level in Priority), OWN]

_PICK = """
SELECT c.id, c.phone FROM {contact} c
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
{insert} FROM claimed
RETURNING contact_id, phone, fence, {priced}
"""

# All of it, the money too, in one journey. The customer's account, which all who work for them meet on, is locked last.
# Where the price cannot be held, the statement fails as a whole: it divides by zero. The commit does not wait for the
# disk: a server that crashes in that moment forgets the lease and the hold together, before anybody was called, for
# dialling commits after it and does wait.
_CLAIM_AND_HOLD = """
WITH picked AS ({pick} FOR UPDATE OF c SKIP LOCKED),
claimed AS (
  UPDATE {contact} t SET state = 'assigned', fence = t.fence + 1 FROM picked WHERE t.id = picked.id
  RETURNING t.id, t.phone, t.fence
),
assigned AS ({insert} FROM claimed RETURNING contact_id, phone, fence),
{hold}
SELECT contact_id, phone, fence, 1 / (SELECT count(*) FROM held) = 1, set_config('synchronous_commit', 'off', true)
FROM assigned
"""

_INSERT = """
INSERT INTO {assignment} (id, contact_id, campaign_id, operator_id, phone, state, fence, lease_expires_at, hold,
                          created_at, closed_at, release_reason, dialled)
SELECT %(assignment)s, id, %(campaign)s, %(operator)s, phone, 'active', fence, %(lease)s, %(hold)s, %(now)s, NULL, '', false
"""

_CLAIM_SQLITE = """
UPDATE {contact} SET state = 'assigned', fence = fence + 1 WHERE id = (SELECT id FROM ({pick}) AS picked) RETURNING id, phone, fence, {priced}
"""

_TABLES = {
    "contact": Contact._meta.db_table,
    "campaign": Campaign._meta.db_table,
    "assignment": Assignment._meta.db_table,
    "user": User._meta.db_table,
    "donotcall": DoNotCall._meta.db_table,
}

_LOOK_STATEMENT, _LATER_STATEMENT = _LOOK.format(**_TABLES), _LATER.format(**_TABLES)


def look(*, campaign_id: uuid.UUID, operator_id: uuid.UUID, now: datetime) -> list[Queue]:
    """What is due, best first: callbacks this operator promised, then by priority, then the oldest."""
    values = {"campaign": _uuid(campaign_id), "operator": _uuid(operator_id), "now": _moment(now)}
    found: list[Queue] = []
    for zone, *due in rows_of(_LOOK_STATEMENT, values):
        found.extend(
            Queue(zone, level, at)
            for level, moment in zip(_LEVELS, due, strict=True)
            if (at := _read_moment(moment)) is not None
        )
    return sorted(found, key=lambda queue: (queue.priority != OWN, -queue.priority, queue.due))


def later(*, campaign_id: uuid.UUID, now: datetime) -> dict[str, datetime | None]:
    """The time zones in which the campaign has waiting contacts, each with when the next one there becomes due (None: all are
    due)."""
    rows = rows_of(_LATER_STATEMENT, {"campaign": _uuid(campaign_id), "now": _moment(now)})
    return {
        zone: min((at for moment in due if (at := _read_moment(moment)) is not None), default=None)
        for zone, *due in rows
    }


def claim(
    *, campaign: Campaign, operator_id: uuid.UUID, queue: Queue, assignment: uuid.UUID, hold: uuid.UUID, now: datetime,
    lease_until: datetime,
) -> Claimed | None:  # fmt: skip
    """Take the first contact of a queue, in the caller's transaction. None: others were faster, or none of its contacts
    is for this operator now.

    Raises IntegrityError when another transaction claimed the same number, or for the same operator, in this moment;
    nothing is claimed then.
    """
    values = _values(campaign, operator_id, queue, assignment, hold, now, lease_until)
    postgresql = connection.vendor == "postgresql"
    claimed = _claimed(assignment, rows_of(_statement(postgresql, queue.priority == OWN), values))
    if claimed is None:
        return None
    if not postgresql:
        Assignment(
            id=assignment, contact_id=claimed.contact, campaign_id=campaign.pk, operator_id=operator_id,
            phone=claimed.phone, fence=claimed.fence, lease_expires_at=lease_until, hold=hold, created_at=now,
        ).save(force_insert=True)  # fmt: skip
    return claimed


def claim_and_hold(
    *, campaign: Campaign, operator_id: uuid.UUID, queue: Queue, assignment: uuid.UUID, hold: uuid.UUID, now: datetime,
    lease_until: datetime,
) -> Claimed | None:  # fmt: skip
    """As `claim`, and the price is held by the same statement. On PostgreSQL, and outside of transactions only.

    Raises DataError when something is not as usual (no money, no price for the destination, an account that was never
    opened): nothing is claimed then; `claim` and the ledger's own steps find out what it is.
    """
    currency = campaign.currency
    values = _values(campaign, operator_id, queue, assignment, hold, now, lease_until) | hold_values(
        id=hold,
        debit=AccountKey(AccountKind.CUSTOMER, campaign.organisation_id, currency),
        credit=AccountKey(AccountKind.OPERATOR_MATURING, operator_id, currency),
        minor=campaign.price_minor,
        code=TransferCode.CONVERSATION_PAY,
        reference=f"assignment:{assignment}",
        now=now,
    )
    return _claimed(assignment, rows_of(_whole_statement(queue.priority == OWN), values))


def _claimed(assignment: uuid.UUID, rows: Sequence[Sequence[Any]]) -> Claimed | None:
    for contact, phone, fence, priced, *_ in rows:
        return Claimed(assignment, _read_uuid(contact), str(phone), int(fence), bool(priced))
    return None


def _values(
    campaign: Campaign,
    operator_id: uuid.UUID,
    queue: Queue,
    assignment: uuid.UUID,
    hold: uuid.UUID,
    now: datetime,
    lease_until: datetime,
) -> dict[str, Any]:
    return {
        "campaign": _uuid(campaign.pk),
        "organisation": _uuid(campaign.organisation_id),
        "operator": _uuid(operator_id),
        "zone": queue.zone,
        "priority": queue.priority,
        "now": _moment(now),
        "grace": _moment(now - promises.grace()),
        "assignment": _uuid(assignment),
        "hold": _uuid(hold),
        "lease": _moment(lease_until),
        "currency": campaign.currency,
    }


@cache
def _whole_statement(own: bool) -> str:
    pick = _PICK.format(which=_BY_PROMISE if own else _BY_PRIORITY, **_TABLES)
    hold = hold_parts(f"EXISTS (SELECT FROM assigned WHERE {priced_sql('assigned.phone')})")
    return _CLAIM_AND_HOLD.format(pick=pick, hold=hold, insert=_INSERT.format(**_TABLES), **_TABLES)


@cache
def _statement(postgresql: bool, own: bool) -> str:
    pick = _PICK.format(which=_BY_PROMISE if own else _BY_PRIORITY, **_TABLES)
    template = _CLAIM_POSTGRESQL if postgresql else _CLAIM_SQLITE
    return template.format(pick=pick, priced=priced_sql("phone"), insert=_INSERT.format(**_TABLES), **_TABLES)


def _uuid(value: uuid.UUID) -> Any:
    return value if connection.features.has_native_uuid_field else value.hex


def _read_uuid(value: Any) -> uuid.UUID:
    return value if isinstance(value, uuid.UUID) else uuid.UUID(hex=value)


def _moment(value: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(value)


def _read_moment(value: Any) -> datetime | None:
    """SQLite gives text or a moment without a zone, as it sees fit; both are UTC."""
    if isinstance(value, str):
        value = parse_datetime(value)
    if value is None:
        return None
    assert isinstance(value, datetime)
    return value if value.tzinfo else value.replace(tzinfo=UTC)
