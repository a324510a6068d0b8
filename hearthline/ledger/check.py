"""Proving the books: what each account says is what its transfers add up to, and all accounts together are zero.

All of it is one SQL statement, so that it sees one moment and may run while money moves.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from django.db.models import BigIntegerField, F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from hearthline.ledger.models import Account, AccountKey, AccountKind, Transfer, TransferState

MAX_FAULTS = 100  # of each report; the count goes on


@dataclass(slots=True)
class Report:
    """`sums` is zero for each currency and `faults` is empty, or the books are wrong. Amounts are minor units."""

    accounts: int = 0
    sums: dict[str, int] = field(default_factory=dict)  # currency → sum of all balances
    held: dict[str, int] = field(default_factory=dict)  # currency → what is pending
    faults: list[str] = field(default_factory=list)
    fault_count: int = 0

    @property
    def sound(self) -> bool:
        return not self.fault_count

    def fault(self, sentence: str) -> None:
        self.fault_count += 1
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(sentence)


def prove() -> Report:
    """Compare every account with its transfers. Reads everything once, memory flat in the number of transfers."""
    report = Report()
    sums: defaultdict[str, int] = defaultdict(int)
    pending: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for account in _accounts().iterator(chunk_size=2000):
        report.accounts += 1
        sums[account.currency] += account.balance
        pending[account.currency][0] += account.debits_pending
        pending[account.currency][1] += account.credits_pending
        _compare(account, report)
    for currency, total in sums.items():
        if total:
            report.fault(f"all {currency} accounts together are {total}, not 0")
    for currency, (debits, credits) in pending.items():
        if debits != credits:
            report.fault(f"{currency} pending: {debits} debited, {credits} credited")
    report.sums = dict(sums)
    report.held = {currency: debits for currency, (debits, _) in pending.items()}
    return report


def _compare(account: Account, report: Report) -> None:
    name = f"account {account.id} ({account.kind})"
    for side in ("debits_pending", "debits_posted", "credits_pending", "credits_posted"):
        says, adds_up = getattr(account, side), getattr(account, f"real_{side}")
        if says != adds_up:
            report.fault(f"{name}: {side} is {says}, its transfers add up to {adds_up}")
    if account.available < 0 and not account.may_go_negative:
        report.fault(f"{name}: overdrawn by {-account.available}")
    if getattr(account, "foreign", 0):
        report.fault(f"{name}: has transfers with an account of another currency")
    if account.id != AccountKey(AccountKind(account.kind), account.owner, account.currency).id:
        report.fault(f"{name}: its id does not follow from its kind, owner and currency")


def _accounts() -> QuerySet[Account]:
    return Account.objects.annotate(
        real_debits_pending=_sum("debit", TransferState.PENDING, "amount_minor"),
        real_debits_posted=_sum("debit", TransferState.POSTED, "posted_minor"),
        real_credits_pending=_sum("credit", TransferState.PENDING, "amount_minor"),
        real_credits_posted=_sum("credit", TransferState.POSTED, "posted_minor"),
        foreign=Subquery(
            Transfer.objects.filter(debit=OuterRef("pk"))
            .exclude(credit__currency=F("debit__currency"))
            .values("pk")[:1]
        ),
    ).order_by("pk")


def _sum(side: str, state: TransferState, amount: str) -> Coalesce:
    transfers = Transfer.objects.filter(**{side: OuterRef("pk")}, state=state).order_by().values(side)
    return Coalesce(Subquery(transfers.annotate(total=Sum(amount)).values("total"), output_field=BigIntegerField()), 0)
