"""An operator's own calls: what others said of them, the recording, and the way to appeal."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from hearthline.calls.gates import attempt_for_operator
from hearthline.calls.models import Attempt, Recording
from hearthline.dialing.services import level_of
from hearthline.lib import clock
from hearthline.lib.errors import ExchangeError
from hearthline.people.gates import for_roles
from hearthline.people.models import Role, User
from hearthline.quality import disputes, levels, reviews, standing
from hearthline.quality.models import CallRating, Dispute, LevelChange, LevelState, Report, Review, RobotCall
from hearthline.quality.models_moderation import DisputeKind, ReportAction
from hearthline.web.level_words import shown
from hearthline.web.places import place_of
from hearthline.web.practice_words import Reason, field_titles, reasons_of

SHOWN = 30
TOLD = (ReportAction.COACH, ReportAction.REVERSE)  # what was decided about them, with the reasons


@for_roles(Role.OPERATOR)
@require_safe
def feedback(request: HttpRequest) -> HttpResponse:
    """What moderators and customers wrote to this operator, the latest first."""
    assert isinstance(request.user, User)
    own = {"attempt__operator": request.user}
    now = clock.now()
    quality = standing.quality_of(request.user, now)
    context = {
        "quality": quality,
        "level": level_of(request.user),
        "prospect": shown(levels.prospect_of(request.user, now, quality)),
        "changes": LevelChange.objects.filter(operator=request.user)
        .exclude(state=LevelState.PROPOSED)
        .order_by("-at")[:SHOWN],
        "reviews": Review.objects.filter(replaced_by=None, **own)
        .select_related("attempt__campaign")
        .order_by("-at")[:SHOWN],
        "coached": Report.objects.filter(operator=request.user, action__in=TOLD).order_by("-closed_at")[:SHOWN],
        "ratings": CallRating.objects.filter(**own).select_related("attempt__campaign").order_by("-at")[:SHOWN],
        "disputes": Dispute.objects.filter(operator=request.user)
        .select_related("attempt__campaign")
        .order_by("-opened_at")[:SHOWN],
    }
    return render(request, "operator/feedback.html", context)


@for_roles(Role.OPERATOR)
@require_http_methods(["GET", "HEAD", "POST"])
def call(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    """The call's page; POST appeals."""
    attempt = attempt_for_operator(request.user, id)
    assert isinstance(request.user, User)
    refusal: ExchangeError | None = None
    if request.method == "POST":
        try:
            disputes.appeal(
                attempt=attempt,
                operator=request.user,
                kind=request.POST.get("kind", ""),
                words=request.POST.get("words", ""),
                at_ms=place_of(request.POST.get("place", "")),
                request=request,
            )
        except ExchangeError as error:
            refusal = error
        else:
            messages.success(
                request, _("Sent. A moderator who had no part in it decides, and you read the reasons here.")
            )
            return redirect("operator:call", attempt.pk)
    found = reviews.valid_reviews(attempt)
    appeals = list(Dispute.objects.filter(attempt=attempt).order_by("opened_at"))
    context = {
        "call": attempt,
        "recordings": list(Recording.objects.filter(attempt=attempt, duration_ms__isnull=False)),
        "reviews": found,
        "robot_reasons": _reasons(attempt) if any(review.reviewer is None for review in found) else [],
        "rating": CallRating.objects.filter(attempt=attempt).first(),
        "disputes": appeals,
        "rejection_appealed": any(appeal.kind == DisputeKind.REJECTION for appeal in appeals),
        "appealable": disputes.appealable(attempt),
        "refused": str(refusal.sentence) if refusal else "",
        "given": request.POST,
    }
    reviews.mark_seen(request.user, attempt)
    return render(request, "operator/call.html", context, status=refusal.status if refusal else 200)


def _reasons(attempt: Attempt) -> list[Reason]:
    """Of a golden contact's score, which the operator has been told of."""
    call = RobotCall.objects.filter(pk=attempt.pk).first()
    return reasons_of(call, field_titles(attempt)) if call is not None else []
