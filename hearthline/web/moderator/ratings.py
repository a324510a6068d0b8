"""What operators think of campaigns, for those who approve and pause them."""

from __future__ import annotations

import uuid

from django.core.paginator import Paginator
from django.db.models import Avg, Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from hearthline.calls.models import CampaignRating
from hearthline.calls.models_shift import RatingReason
from hearthline.campaigns.gates import campaign_for_moderator
from hearthline.campaigns.models import Campaign
from hearthline.people.gates import for_roles
from hearthline.people.models import Role

A_PAGE = 50
WORST_SHOWN = 20
TOLD_FROM = 3  # ratings, for a campaign to be listed among the worst


@require_safe
@for_roles(Role.MODERATOR, Role.ADMIN)
def ratings(request: HttpRequest) -> HttpResponse:
    """The campaigns that operators like least, and every rating, the latest first; of one campaign when it is chosen."""
    chosen = _chosen(request)
    found = CampaignRating.objects.select_related("campaign__organisation", "operator").order_by("-rated_at", "-pk")
    if chosen is not None:
        found = found.filter(campaign=chosen)
    page = Paginator(found, A_PAGE).get_page(request.GET.get("page"))
    names = dict(RatingReason.choices)
    context = {
        "page": page,
        "rows": [(row, [names.get(reason, reason) for reason in row.reasons]) for row in page],
        "chosen": chosen,
        "worst": _worst(),
    }
    return render(request, "moderator/ratings.html", context)


def _worst() -> list[tuple[Campaign, float, int]]:
    rows = list(
        CampaignRating.objects.order_by()
        .values_list("campaign")
        .annotate(stars=Avg("stars"), n=Count("pk"))
        .filter(n__gte=TOLD_FROM)
        .order_by("stars", "-n")[:WORST_SHOWN]
    )
    campaigns = Campaign.objects.select_related("organisation").in_bulk([id for id, _stars, _n in rows])
    return [(campaigns[id], stars, n) for id, stars, n in rows]


def _chosen(request: HttpRequest) -> Campaign | None:
    try:
        id = uuid.UUID(request.GET.get("campaign", ""))
    except ValueError:
        return None
    return campaign_for_moderator(request.user, id)
