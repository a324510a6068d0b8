"""The two hot movements, hold and settlement, each as one SQL statement on PostgreSQL.

They do what `services` does step by step, with one journey to the server instead of nine: the accounts that every
settlement meets on are locked for the length of a statement, not of a conversation. A statement does everything or
nothing: each part reads the part before it. Nothing done (None) means that something is not as usual - the transfer
was made before, funds are missing, an account was never opened - and the steps in `services` find out what.

Locks are taken in the order of `accounts.Changes`.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import connection

from hearthline.ledger.models import AccountKey, Transfer, TransferCode, TransferState
from hearthline.lib.prepared import rows_of

_HOLD_PARTS = """
charged AS (
  UPDATE ledger_account SET debits_pending = debits_pending + %(minor)s
  WHERE id = %(debit)s
    AND (may_go_negative OR credits_posted >= debits_posted + debits_pending + %(minor)s)
    AND EXISTS (SELECT FROM ledger_account WHERE id = %(credit)s)
    AND NOT EXISTS (SELECT FROM ledger_transfer WHERE id = %(id)s)
    AND {condition}
  RETURNING id
), promised AS (
  UPDATE ledger_account SET credits_pending = credits_pending + %(minor)s
  WHERE id = %(credit)s AND EXISTS (SELECT FROM charged)
  RETURNING id
), held AS (
  INSERT INTO ledger_transfer
    (id, debit_id, credit_id, amount_minor, posted_minor, state, reference, code, created_at, settled_at, matures_at)
  SELECT %(id)s, charged.id, promised.id, %(minor)s, 0, 'pending', %(reference)s, %(code)s, %(now)s, NULL, NULL
  FROM charged, promised
  RETURNING id
)
"""


def hold_parts(condition: str) -> str:
    """A hold as parts of a larger WITH statement, for work that must be done together with it in one round trip.

    Money is held only if `condition` (SQL) is true; `held` then has one row. The statement's parameters are those of
    `hold_values`. When it has no row, the reason is found by the steps in `services`.
    """
    return _HOLD_PARTS.format(condition=condition)


def hold_values(
    *, id: uuid.UUID, debit: AccountKey, credit: AccountKey, minor: int, code: str, reference: str, now: datetime
) -> dict[str, object]:
    return {
        "id": id, "debit": debit.id, "credit": credit.id, "minor": minor, "code": str(code), "reference": reference,
        "now": now,
    }  # fmt: skip


_HOLD = f"WITH {hold_parts('true')} SELECT id FROM held"  # noqa: S608 - no values in it

_SETTLE = """
WITH taken AS (
  UPDATE ledger_transfer
  SET state = 'posted', posted_minor = amount_minor - %(commission)s, settled_at = %(now)s, matures_at = %(matures_at)s
  WHERE id = %(hold)s AND state = 'pending' AND amount_minor > %(commission)s
    AND (SELECT count(*) FROM ledger_account WHERE id IN (%(revenue)s, %(telephony)s, %(provider)s)) = 3
    AND EXISTS (SELECT FROM ledger_account WHERE id = debit_id AND currency = %(currency)s)
  RETURNING debit_id, credit_id, amount_minor, posted_minor, reference, code, created_at
), change (account, place, debits_pending, debits_posted, credits_pending, credits_posted) AS (
  SELECT debit_id, 1, -amount_minor, amount_minor, 0, 0 FROM taken
  UNION ALL SELECT credit_id, 2, 0, 0, -amount_minor, posted_minor FROM taken
  UNION ALL SELECT %(telephony)s, 3, 0, %(telephone)s, 0, 0 FROM taken WHERE %(telephone)s > 0
  UNION ALL SELECT %(provider)s, 4, 0, 0, 0, %(telephone)s FROM taken WHERE %(telephone)s > 0
  UNION ALL SELECT %(revenue)s, 5, 0, 0, 0, %(commission)s FROM taken WHERE %(commission)s > 0
), locked AS MATERIALIZED (
  SELECT account.id FROM ledger_account account JOIN change ON change.account = account.id
  ORDER BY change.place FOR NO KEY UPDATE OF account
), changed AS (
  UPDATE ledger_account account
  SET debits_pending = account.debits_pending + change.debits_pending,
      debits_posted = account.debits_posted + change.debits_posted,
      credits_pending = account.credits_pending + change.credits_pending,
      credits_posted = account.credits_posted + change.credits_posted
  FROM change JOIN locked ON locked.id = change.account
  WHERE account.id = locked.id
), posted (id, debit_id, credit_id, minor, code) AS (
  SELECT %(commission_id)s, debit_id, %(revenue)s, %(commission)s, 'commission' FROM taken WHERE %(commission)s > 0
  UNION ALL
  SELECT %(telephone_id)s, %(telephony)s, %(provider)s, %(telephone)s, 'telephone' FROM taken WHERE %(telephone)s > 0
), written AS (
  INSERT INTO ledger_transfer
    (id, debit_id, credit_id, amount_minor, posted_minor, state, reference, code, created_at, settled_at, matures_at)
  SELECT posted.id, posted.debit_id, posted.credit_id, minor, minor, 'posted', reference, posted.code, %(now)s, %(now)s, NULL
  FROM posted, taken
)
SELECT debit_id, credit_id, amount_minor, posted_minor, reference, code, created_at FROM taken
"""


def available() -> bool:
    """SQLite has no such statements, and no need: its journeys are function calls."""
    return connection.vendor == "postgresql"


def hold(
    *, id: uuid.UUID, debit: AccountKey, credit: AccountKey, minor: int, code: str, reference: str, now: datetime
) -> Transfer | None:
    """Raises IntegrityError when another transaction makes the same transfer at this moment."""
    values = hold_values(id=id, debit=debit, credit=credit, minor=minor, code=code, reference=reference, now=now)
    if not rows_of(_HOLD, values):
        return None
    return _existing(
        id=id, debit_id=debit.id, credit_id=credit.id, amount_minor=minor, posted_minor=0, state=TransferState.PENDING,
        reference=reference, code=code, created_at=now,
    )  # fmt: skip


def settle(
    *,
    hold: uuid.UUID,
    currency: str,
    own: tuple[AccountKey, AccountKey, AccountKey],
    commission: tuple[uuid.UUID, int],
    telephone: tuple[uuid.UUID, int],
    now: datetime,
    matures_at: datetime,
) -> Transfer | None:
    """`own` are the exchange's accounts of revenue, telephony cost and provider payable; `commission` and `telephone`
    are the ids and amounts of the transfers that go with the pay; an amount of 0 is not written down."""
    revenue, telephony, provider = own
    values = {
        "hold": hold, "currency": currency, "revenue": revenue.id, "telephony": telephony.id, "provider": provider.id,
        "commission_id": commission[0], "commission": commission[1],
        "telephone_id": telephone[0], "telephone": telephone[1], "now": now, "matures_at": matures_at,
    }  # fmt: skip
    rows = rows_of(_SETTLE, values)
    if not rows:
        return None
    debit_id, credit_id, amount, posted, reference, code, created_at = rows[0]
    return _existing(
        id=hold, debit_id=debit_id, credit_id=credit_id, amount_minor=amount, posted_minor=posted,
        state=TransferState.POSTED, reference=reference, code=TransferCode(code), created_at=created_at, settled_at=now,
        matures_at=matures_at,
    )  # fmt: skip


def _existing(**fields: object) -> Transfer:
    transfer = Transfer(**fields)
    transfer._state.adding, transfer._state.db = False, connection.alias
    return transfer
