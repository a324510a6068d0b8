"""A customer says what they think of a call: stars, or a rejection that asks for the money back."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from hearthline.calls.gates import attempt_for_owner
from hearthline.calls.models import Recording
from hearthline.lib import clock
from hearthline.lib.errors import ExchangeError, InvalidInputError
from hearthline.people.models import User
from hearthline.quality import ratings, reports
from hearthline.quality.models import CallRating
from hearthline.quality.models_moderation import RatingReason
from hearthline.web.places import place_of

STARS = (1, 2, 3, 4, 5)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def rate(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    attempt = attempt_for_owner(request.user, id)
    assert isinstance(request.user, User)
    refusal: ExchangeError | None = None
    if request.method == "POST":
        try:
            values = _values(request)
            if request.POST.get("reject"):
                values.pop("stars")
                ratings.reject(attempt=attempt, by=request.user, request=request, **values)
                said = _("Rejected. The operator may answer; if they do not, the money comes back by itself.")
            else:
                ratings.rate(attempt=attempt, by=request.user, request=request, **values)
                said = _("Thank you. The operator sees what you wrote, not who wrote it.")
        except ExchangeError as error:
            refusal = error
        else:
            messages.success(request, said)
            return redirect("customer:contact", attempt.contact_id)
    rating = CallRating.objects.filter(attempt=attempt).first()
    context = {
        "attempt": attempt,
        "campaign": attempt.campaign,
        "rating": rating,
        "recordings": list(Recording.objects.filter(attempt=attempt, duration_ms__isnull=False)),
        "stars": STARS,
        "reasons": RatingReason.choices,
        "left_today": ratings.left_today(attempt.campaign.organisation_id, clock.now()),
        "refused": str(refusal.sentence) if refusal else "",
        "given": request.POST,
    }
    return render(request, "customer/rate.html", context, status=refusal.status if refusal else 200)


@login_required
@require_POST
def report(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    """For a moderator to look at: the call, and whoever made it."""
    attempt = attempt_for_owner(request.user, id)
    assert isinstance(request.user, User)
    reports.tell(by=request.user, words=request.POST.get("words", ""), attempt=attempt, request=request)
    messages.success(request, _("Thank you. A moderator looks at it."))
    return redirect("customer:contact", attempt.contact_id)


def _values(request: HttpRequest) -> dict[str, Any]:
    stars, place = request.POST.get("stars", ""), request.POST.get("place", "").strip()
    at_ms = place_of(place) if place else None
    if place and at_ms is None:
        raise InvalidInputError(_("Write the place in the recording as minutes and seconds, such as 1:05."))
    return {
        "stars": int(stars) if stars.isdigit() and len(stars) == 1 else 0,
        "reason": request.POST.get("reason", ""),
        "words": request.POST.get("words", ""),
        "at_ms": at_ms,
    }
