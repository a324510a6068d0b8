"""What a shift was: calls, conversations, what an hour brought, what is in review; and what the operator thinks of its campaigns."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Count, Max, Q, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from hearthline.calls.models import Attempt, CampaignRating, Shift
from hearthline.calls.models_shift import RatingReason
from hearthline.calls.ratings import LONGEST_WORDS, rate
from hearthline.campaigns.models import Campaign, CampaignKind
from hearthline.dialing import promises
from hearthline.ledger.models import Transfer, TransferCode, TransferState
from hearthline.lib import clock
from hearthline.lib.money import Money
from hearthline.people import devices
from hearthline.people.gates import for_roles
from hearthline.people.models import Role, User
from hearthline.web.operator.way_in import way_in

MOST_CALLS = 2000  # that are looked at for what is in review
STARS = [(n, str(n)) for n in range(1, 6)]


class RatingForm(forms.Form):
    stars = forms.TypedChoiceField(
        label=gettext_lazy("Stars"), choices=STARS, coerce=int, widget=forms.RadioSelect, required=True
    )
    reasons = forms.MultipleChoiceField(
        label=gettext_lazy("Because"), choices=RatingReason.choices, required=False, widget=forms.CheckboxSelectMultiple
    )
    words = forms.CharField(
        label=gettext_lazy("In your words"), max_length=LONGEST_WORDS, required=False,
        help_text=gettext_lazy("Moderators read it; the customer does not."),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """The shift's work in one campaign."""

    campaign: Campaign
    calls: int
    conversations: int
    earned: Money
    form: RatingForm
    rated: bool

    @property
    def practice(self) -> bool:
        """Robots answered: nobody rates them, nobody is paid."""
        return self.campaign.kind != CampaignKind.REAL


@dataclass(frozen=True, slots=True)
class Length:
    worked: timedelta
    breaks: timedelta

    @property
    def worked_ms(self) -> int:
        return int(self.worked / timedelta(milliseconds=1))

    @property
    def breaks_ms(self) -> int:
        return int(self.breaks / timedelta(milliseconds=1))


@for_roles(Role.OPERATOR)
@require_GET
def summary(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    assert isinstance(request.user, User)
    shift = get_object_or_404(Shift.objects.select_related("campaign"), pk=id, operator=request.user)
    context = _context(request.user, shift) | {"way": way_in(request.user, devices.mark_of(request))}
    return render(request, "operator/summary.html", context)


@for_roles(Role.OPERATOR)
@require_POST
def rate_campaign(request: HttpRequest, id: uuid.UUID, campaign: uuid.UUID) -> HttpResponse:
    """From the summary of the shift `id`, where the answer is shown again."""
    assert isinstance(request.user, User)
    shift = get_object_or_404(Shift, pk=id, operator=request.user)
    form = RatingForm(request.POST, prefix=str(campaign))
    if not form.is_valid():
        return render(request, "operator/summary.html", _context(request.user, shift, form), status=422)
    rate(operator=request.user, campaign=campaign, **form.cleaned_data)
    messages.success(request, _("Thank you. Moderators see it, and operators the average."))
    return redirect("operator:summary", shift.pk)


def length_of(shift: Shift, now: datetime) -> Length:
    end = shift.ended_at or now
    breaks = timedelta(milliseconds=shift.break_ms)
    if shift.break_began_at is not None:
        breaks += end - shift.break_began_at
    return Length(max(timedelta(), end - shift.started_at - breaks), breaks)


def _context(operator: User, shift: Shift, posted: RatingForm | None = None) -> dict[str, Any]:
    now = clock.now()
    length = length_of(shift, now)
    currency = shift.campaign.currency if shift.campaign else ""
    hours = length.worked / timedelta(hours=1)
    return {
        "shift": shift,
        "length": length,
        "currency": currency,
        "hourly": round(shift.earned_minor / hours) if hours >= 0.05 else None,
        "review": _in_review(shift),
        "promises": promises.summary_of(operator),
        "parts": _parts(operator, shift, posted),
    }


def _in_review(shift: Shift) -> dict[str, Any]:
    """What of the shift's pay cannot be paid out yet, and until when: {"minor", "until"}. Two queries."""
    made = Attempt.objects.filter(shift=shift, earned_minor__gt=0).values_list("assignment", flat=True)[:MOST_CALLS]
    references = [f"assignment:{id}" for id in made]
    waiting = Transfer.objects.filter(
        reference__in=references,
        code__in=(TransferCode.CONVERSATION_PAY, TransferCode.RINGING),
        state=TransferState.POSTED,
        matures_at__isnull=False,
    ).aggregate(minor=Sum("posted_minor"), until=Max("matures_at"))
    return {"minor": waiting["minor"] or 0, "until": waiting["until"]}


def _parts(operator: User, shift: Shift, posted: RatingForm | None) -> list[Part]:
    rows = list(
        Attempt.objects.filter(shift=shift, wrapped_up_at__isnull=False)
        .order_by()
        .values("campaign")
        .annotate(calls=Count("pk"), paid=Count("pk", filter=Q(payable=True)), earned=Sum("earned_minor"))
    )
    campaigns = Campaign.objects.select_related("organisation").in_bulk([row["campaign"] for row in rows])
    rated = {row.campaign_id: row for row in CampaignRating.objects.filter(operator=operator, campaign__in=campaigns)}
    parts = []
    for row in sorted(rows, key=lambda row: -row["calls"]):
        campaign, mine = campaigns[row["campaign"]], rated.get(row["campaign"])
        form = RatingForm(
            prefix=str(campaign.pk),
            initial={"stars": mine.stars, "reasons": mine.reasons, "words": mine.words} if mine else None,
        )
        if posted is not None and posted.prefix == str(campaign.pk):
            form = posted
        earned = Money(row["earned"], campaign.currency)
        parts.append(Part(campaign, row["calls"], row["paid"], earned, form, mine is not None))
    return parts
