"""What an operator has earned, and how it comes to them: review, payouts, statements."""

from __future__ import annotations

import uuid
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.db.models import Min
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from hearthline.calls.models import Shift
from hearthline.ledger import payouts
from hearthline.ledger.models import Account, AccountKey, AccountKind, PayoutDetails, PayoutMethod, Transfer
from hearthline.ledger.statements import Period
from hearthline.lib import clock
from hearthline.lib.errors import ExchangeError, InvalidInputError
from hearthline.lib.ids import new_id
from hearthline.lib.money import Money, minor_digits
from hearthline.people import audit
from hearthline.people.gates import for_roles
from hearthline.people.models import Role, User
from hearthline.quality import ratings
from hearthline.web.operator.statement import statement_file

SHIFTS_SHOWN = 30
PAYOUTS_SHOWN = 20
LONGEST_STATEMENT = timedelta(days=366)
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class PayoutForm(forms.Form):
    id = forms.UUIDField(widget=forms.HiddenInput)
    amount = forms.DecimalField(label=gettext_lazy("Amount"), min_value=0, max_value=10_000_000)

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        amount = self.fields["amount"]
        assert isinstance(amount, forms.DecimalField)
        amount.decimal_places = minor_digits(currency)
        amount.widget.attrs["step"] = "any"


class DetailsForm(forms.Form):
    method = forms.ChoiceField(label=gettext_lazy("How"), choices=PayoutMethod.choices)
    details = forms.CharField(
        label=gettext_lazy("Where to"),
        max_length=payouts.LONGEST_DETAILS,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy(
            "A card, an account with its bank, a phone number and its bank. Kept encrypted; only whoever pays you sees it."
        ),
    )


@for_roles(Role.OPERATOR)
@require_GET
def earnings(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    return render(request, "operator/earnings.html", _context(request.user))


def _context(operator: User, **forms_given: forms.Form) -> dict[str, Any]:
    currency = settings.HEARTHLINE.currency_code
    review = AccountKey(AccountKind.OPERATOR_MATURING, operator.pk, currency)
    free = AccountKey(AccountKind.OPERATOR_AVAILABLE, operator.pk, currency)
    accounts = Account.objects.in_bulk([review.id, free.id])
    limits = payouts.limits_of(operator.pk, currency)
    details = PayoutDetails.objects.filter(operator=operator.pk).first()
    initial = {"id": new_id(), "amount": limits.most.as_decimal() if limits.possible else None}
    return {
        "currency": currency,
        "review": accounts[review.id].balance if review.id in accounts else 0,
        "available": accounts[free.id].available if free.id in accounts else 0,
        "held": accounts[free.id].debits_pending if free.id in accounts else 0,
        "paid": accounts[free.id].debits_posted if free.id in accounts else 0,
        "next_free_at": _next_free(review),
        "undecided": ratings.pay_undecided(operator),
        "review_hours": settings.HEARTHLINE.review_window_hours,
        "limits": limits,
        "details": details,
        "payout_form": forms_given.get("payout") or PayoutForm(initial=initial, currency=currency),
        "details_form": forms_given.get("details")
        or DetailsForm(initial={"method": details.method if details else PayoutMethod.CARD}),
        "payouts": payouts.payouts_of(operator.pk)[:PAYOUTS_SHOWN],
        "shifts": Shift.objects.select_related("campaign")
        .filter(operator=operator)
        .order_by("-started_at")[:SHIFTS_SHOWN],
        "month_began": clock.now().astimezone(ZoneInfo(operator.timezone)).date().replace(day=1),
        "today": clock.now().astimezone(ZoneInfo(operator.timezone)).date(),
    }


def _next_free(review: AccountKey) -> datetime | None:
    """When the first pay leaves the review; along the index of the account, no further back than a review lasts."""
    since = clock.now() - timedelta(hours=settings.HEARTHLINE.review_window_hours + 24)
    waiting = Transfer.objects.filter(credit=review.id, created_at__gt=since, matures_at__isnull=False)
    at: datetime | None = waiting.aggregate(at=Min("matures_at"))["at"]
    return at


@for_roles(Role.OPERATOR)
@require_POST
def keep_details(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    operator, form = request.user, DetailsForm(request.POST)
    if form.is_valid():
        try:
            with transaction.atomic():
                kept = payouts.keep_details(operator=operator.pk, **form.cleaned_data)
                told = {"method": kept.method}
                audit.record(audit.Tag.WEB_PAYOUT_DETAILS_CHANGED, operator, operator.pk, told, request)
        except InvalidInputError as refusal:
            form.add_error(str(refusal.details.get("field", "details")), str(refusal.sentence))
        else:
            messages.success(request, _("Saved. The next payout goes there."))
            return redirect("operator:earnings")
    return render(request, "operator/earnings.html", _context(operator, details=form), status=422)


@for_roles(Role.OPERATOR)
@require_POST
def request_payout(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    operator, currency = request.user, settings.HEARTHLINE.currency_code
    form = PayoutForm(request.POST, currency=currency)
    if form.is_valid():
        id, amount = form.cleaned_data["id"], _money(form.cleaned_data["amount"], currency)
        try:
            with transaction.atomic():
                asked = payouts.request_payout(id=id, operator=operator.pk, amount=amount)
                told = {"amount_minor": amount.minor, "method": asked.method}
                audit.record(audit.Tag.WEB_PAYOUT_REQUESTED, operator, asked.pk, told, request)
        except ExchangeError as refusal:
            form.add_error("amount", str(refusal.sentence))
        else:
            messages.success(request, _("Asked for. The money is set aside until it is paid."))
            return redirect("operator:earnings")
    return render(request, "operator/earnings.html", _context(operator, payout=form), status=422)


@for_roles(Role.OPERATOR)
@require_POST
def withdraw_payout(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    assert isinstance(request.user, User)
    with transaction.atomic():
        payouts.withdraw(payout=id, operator=request.user.pk)
        audit.record(audit.Tag.WEB_PAYOUT_WITHDRAWN, request.user, id, None, request)
    messages.success(request, _("Withdrawn. The money can be paid out again."))
    return redirect("operator:earnings")


@for_roles(Role.OPERATOR)
@require_GET
def statement(request: HttpRequest) -> HttpResponse:
    """`?from=2026-11-01&until=2026-11-30`: days of the operator's own time zone, both included."""
    assert isinstance(request.user, User)
    operator = request.user
    first, last = _day(request.GET.get("from", "")), _day(request.GET.get("until", ""))
    if not first <= last <= first + LONGEST_STATEMENT:
        raise InvalidInputError(_("Choose a period of at most a year, its first day before its last."))
    zone = ZoneInfo(operator.timezone)
    period = Period(
        operator=operator.pk,
        currency=settings.HEARTHLINE.currency_code,
        start=datetime.combine(first, time(), tzinfo=zone),
        end=datetime.combine(last + timedelta(days=1), time(), tzinfo=zone),
    )
    name = f"statement-{first.isoformat()}-{last.isoformat()}.xlsx"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return HttpResponse(statement_file(period, zone), content_type=XLSX, headers=headers)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInputError(_("Choose the first and the last day of the statement.")) from None


def _money(amount: Decimal, currency: str) -> Money:
    try:
        return Money.from_decimal(amount, currency)
    except ValueError:
        raise InvalidInputError(_("That is no amount of money.")) from None
