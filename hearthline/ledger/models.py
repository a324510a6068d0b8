"""Accounts, transfers and tariffs. The ledger is told amounts and a reference, never why.

Two-phase transfers in the manner of TigerBeetle: a transfer is posted at once, or pending and later posted or voided.
For each currency the sum of (credits_posted - debits_posted) over all accounts is zero, always.
"""

from __future__ import annotations

import uuid
from typing import NamedTuple

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from hearthline.ledger.models_payout import Payout, PayoutDetails, PayoutMethod, PayoutState
from hearthline.lib.ids import derived_id

__all__ = [
    "MAY_GO_NEGATIVE", "Account", "AccountKey", "AccountKind", "Payout", "PayoutDetails", "PayoutMethod", "PayoutState",
    "Tariff", "TariffRow", "Transfer", "TransferCode", "TransferState",
]  # fmt: skip

_ACCOUNTS = uuid.UUID("8d5a3a1e-52c0-4f0e-9d0e-2d8c6b4f7a10")


class AccountKind(models.TextChoices):
    CUSTOMER = "customer", _("customer's balance")  # owner: organisation; may not go negative
    OPERATOR_MATURING = "operator_maturing", _("operator's pay in review")
    OPERATOR_AVAILABLE = "operator_available", _("operator's pay")
    EXCHANGE_REVENUE = "exchange_revenue", _("commission of the exchange")
    EXCHANGE_CASH = "exchange_cash", _("money at the bank")  # the outside world: top-ups come from, payouts go to
    EXCHANGE_BONUS = "exchange_bonus", _("bonuses given")
    TELEPHONY_COST = "telephony_cost", _("telephone cost")
    PROVIDER_PAYABLE = "provider_payable", _("owed to telephone providers")
    QUALITY_COST = "quality_cost", _("pay for calls that prove the quality")


MAY_GO_NEGATIVE = frozenset(
    {AccountKind.EXCHANGE_CASH, AccountKind.EXCHANGE_BONUS, AccountKind.TELEPHONY_COST, AccountKind.QUALITY_COST}
)


class AccountKey(NamedTuple):
    """What an account is; its id follows from it, so that no two accounts are the same and none must be looked up."""

    kind: AccountKind
    owner: uuid.UUID | None
    currency: str

    @property
    def id(self) -> uuid.UUID:
        return derived_id(_ACCOUNTS, f"{self.kind}:{self.owner or ''}:{self.currency}")


class Account(models.Model):
    """Its id is `AccountKey.id`: make one by `services.account_of`.

    Balance = credits_posted - debits_posted; available = that - debits_pending. In minor units of `currency`."""

    id = models.UUIDField(primary_key=True, editable=False)
    kind = models.CharField(max_length=24, choices=AccountKind.choices)
    owner = models.UUIDField(null=True)  # an organisation's or operator's id; None: the exchange itself
    currency = models.CharField(max_length=3, default=settings.HEARTHLINE.currency_code)
    may_go_negative = models.BooleanField(default=False)
    debits_pending = models.BigIntegerField(default=0)
    debits_posted = models.BigIntegerField(default=0)
    credits_pending = models.BigIntegerField(default=0)
    credits_posted = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        constraints = [
            models.UniqueConstraint(fields=["kind", "owner", "currency"], name="one_account_per_kind"),
            models.CheckConstraint(
                condition=Q(debits_pending__gte=0, debits_posted__gte=0, credits_pending__gte=0, credits_posted__gte=0),
                name="account_sides_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(may_go_negative=True) | Q(credits_posted__gte=F("debits_posted") + F("debits_pending")),
                name="account_not_overdrawn",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.owner or ''}".strip()

    @property
    def key(self) -> AccountKey:
        return AccountKey(AccountKind(self.kind), self.owner, self.currency)

    @property
    def balance(self) -> int:
        return self.credits_posted - self.debits_posted

    @property
    def available(self) -> int:
        return self.credits_posted - self.debits_posted - self.debits_pending


class TransferState(models.TextChoices):
    PENDING = "pending", _("held")
    POSTED = "posted", _("posted")
    VOIDED = "voided", _("voided")


class TransferCode(models.TextChoices):
    """What a transfer is for. The ledger only prints it."""

    CONVERSATION_PAY = "conversation_pay", _("conversation")  # pending: the price held; posted: the operator's pay
    COMMISSION = "commission", _("commission")
    TELEPHONE = "telephone", _("telephone")
    TOP_UP = "topup", _("top-up")
    BONUS = "bonus", _("bonus")
    MATURING = "maturing", _("pay out of review")
    PAYOUT = "payout", _("payout")
    RINGING = "ringing", _("unanswered ringing")  # what a campaign pays for the time in which nobody answered
    CORRECTION = "correction", _("correction")


class Transfer(models.Model):
    """Moves `amount_minor` from `debit` to `credit`. The id is made by whoever asks: repeating a request changes nothing."""

    id = models.UUIDField(primary_key=True)
    debit = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="debits")
    credit = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="credits")
    amount_minor = models.PositiveBigIntegerField()
    posted_minor = models.PositiveBigIntegerField(default=0)  # a pending transfer may be posted for less
    state = models.CharField(max_length=8, choices=TransferState.choices)
    reference = models.CharField(max_length=80, db_index=True)  # "assignment:<id>", "topup:<id>": the caller's word
    code = models.CharField(max_length=24, choices=TransferCode.choices)
    created_at = models.DateTimeField(db_index=True)
    settled_at = models.DateTimeField(null=True)
    matures_at = models.DateTimeField(null=True)  # pay in review becomes available then; None: it has, or never will

    class Meta:
        verbose_name = _("transfer")
        verbose_name_plural = _("transfers")
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="transfer_moves_something"),
            models.CheckConstraint(condition=~Q(debit=F("credit")), name="transfer_between_two_accounts"),
            models.CheckConstraint(
                condition=Q(state="posted", posted_minor__gt=0, posted_minor__lte=F("amount_minor"))
                | Q(state__in=["pending", "voided"], posted_minor=0),
                name="transfer_posted_only_when_posted",
            ),
        ]
        indexes = [
            models.Index(fields=["debit", "-created_at"]),
            models.Index(fields=["credit", "-created_at"]),
            models.Index(fields=["matures_at"], condition=Q(matures_at__isnull=False), name="pay_in_review"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Tariff(models.Model):
    """A telephone price list; the row with the longest matching prefix counts. No row: the destination is blocked."""

    name = models.CharField(max_length=80, unique=True)
    currency = models.CharField(max_length=3, default=settings.HEARTHLINE.currency_code)
    active = models.BooleanField(default=True)

    class Meta:
        verbose_name = _("tariff")
        verbose_name_plural = _("tariffs")

    def __str__(self) -> str:
        return self.name


class TariffRow(models.Model):
    tariff = models.ForeignKey(Tariff, on_delete=models.CASCADE, related_name="rows")
    prefix = models.CharField(max_length=15, db_index=True)  # digits without plus: "79", "7495"
    per_minute_micro = (
        models.PositiveBigIntegerField()
    )  # millionths of the currency's major unit a minute; billed per second
    connection_micro = models.PositiveBigIntegerField(default=0)
    description = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tariff", "prefix"], name="one_row_per_prefix")]

    def __str__(self) -> str:
        return self.prefix
