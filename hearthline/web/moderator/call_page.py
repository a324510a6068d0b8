"""A call as staff see it: evidence, recording, what was said of it, and the scorecard."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from hearthline.calls.gates import attempt_for_staff
from hearthline.calls.models import Attempt, Recording
from hearthline.lib.errors import ExchangeError, NotFoundError
from hearthline.people.gates import for_roles
from hearthline.people.models import Role, User
from hearthline.quality import readiness, reports, reviews
from hearthline.quality.models import CallRating, Dispute, RobotCall
from hearthline.quality.scenarios.library import scenario_of
from hearthline.web.operator.readiness_words import in_one_line
from hearthline.web.places import place_of
from hearthline.web.practice_words import field_titles, measured_of, reasons_of
from hearthline.web.trunk_tries import tries_of
from hearthline.web.words import ANSWERS, not_payable_words, outcome_words


@for_roles(Role.MODERATOR, Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def call(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    """The call's page; POST scores it."""
    attempt = attempt_for_staff(request.user, id)
    assert isinstance(request.user, User)
    refusal: ExchangeError | None = None
    if request.method == "POST":
        try:
            review = reviews.score(
                attempt=attempt,
                reviewer=request.user,
                answers={item.key: request.POST.get(f"answer-{item.key}", "") for item in reviews.scorecard()},
                comment=request.POST.get("comment", ""),
                marks=marks_of(request.POST.get("marks", "")),
                request=request,
            )
        except ExchangeError as error:
            refusal = error
        else:
            messages.success(request, _("Scored: %(total)s. The operator reads it.") % {"total": review.total})
            return redirect("moderator:call", attempt.pk)
    fields = refusal.details.get("fields") if refusal else None
    errors: dict[str, str] = fields if isinstance(fields, dict) else {}
    questions = [
        (item, request.POST.get(f"answer-{item.key}", ""), errors.get(item.key, "")) for item in reviews.scorecard()
    ]
    robot = RobotCall.objects.filter(pk=attempt.pk, score__isnull=False).first()
    shown = calls_with_recordings([attempt.pk])[0]
    context = {
        "call": shown,
        "facts": facts_of(shown),
        "tries": tries_of([shown], for_staff=True).get(shown.pk, []),
        "questions": questions,
        "answers": ANSWERS.items(),
        "reviews": reviews.valid_reviews(attempt),
        "robot": robot,
        "robot_reasons": reasons_of(robot, field_titles(attempt)) if robot is not None else [],
        "scenario": scenario_of(robot.scenario) if robot is not None else None,
        "measured": measured_of(robot, attempt, staff=True) if robot is not None else None,
        "rating": CallRating.objects.filter(attempt=attempt).first(),
        "disputes": Dispute.objects.filter(attempt=attempt).select_related("decided_by").order_by("opened_at"),
        "refused": str(refusal.sentence) if refusal else "",
        "comment": request.POST.get("comment", ""),
        "marks": request.POST.get("marks", ""),
    }
    return render(request, "moderator/call.html", context, status=refusal.status if refusal else 200)


@for_roles(Role.MODERATOR, Role.ADMIN)
@require_POST
def report(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    """For other moderators to look at."""
    attempt = attempt_for_staff(request.user, id)
    assert isinstance(request.user, User)
    reports.tell(by=request.user, words=request.POST.get("words", ""), attempt=attempt, request=request)
    messages.success(request, _("Reported. Another moderator will look at it."))
    return redirect("moderator:call", attempt.pk)


def calls_with_recordings(ids: Sequence[uuid.UUID]) -> list[Attempt]:
    """These calls, the latest first, each with its complete recordings in `heard`. Raises NotFoundError when none is there."""
    complete = Prefetch(
        "recordings", Recording.objects.filter(duration_ms__isnull=False).select_related("analysis"), to_attr="heard"
    )
    rows = Attempt.objects.filter(pk__in=ids).select_related(
        "campaign__organisation", "operator", "disposition", "contact"
    )
    found: list[Attempt] = list(rows.prefetch_related(complete).order_by("-dialled_at", "-pk"))
    if ids and not found:
        raise NotFoundError(_("There is no such call."))
    return found


def facts_of(call: Attempt) -> list[tuple[str, str]]:
    """The evidence in words, each with its name."""
    stats: dict[str, Any] = call.contact_stats
    facts = [(_("Ended by"), str(_ENDED_BY.get(call.ended_by, call.ended_by)))]
    if call.cause is not None:
        facts.append((_("Cause (Q.850)"), str(call.cause)))
    for name, key in ((_("Contact heard"), "voice_in_ms"), (_("Operator heard"), "voice_out_ms")):
        if key in stats:
            facts.append((name, _("%(seconds)s s") % {"seconds": number_format(stats[key] / 1000, 1)}))
    for name, key in ((_("Loss"), "loss_percent"), (_("Jitter"), "jitter_ms")):
        if stats.get(key) is not None:
            value = number_format(stats[key], 1)
            facts.append(
                (name, f"{value} %" if key == "loss_percent" else _("%(milliseconds)s ms") % {"milliseconds": value})
            )
    check = readiness.check_of(call)
    if check is not None:
        facts.append((_("Line check before the shift"), in_one_line(check)))
    if call.payable is False:
        facts.append((_("Not paid because"), not_payable_words(call.not_payable_reason)))
    if call.auto_outcome:
        facts.append((_("Outcome"), outcome_words(call.auto_outcome)))
    return facts


def marks_of(text: str) -> list[reviews.Mark]:
    """Lines such as "1:05 interrupts"; a line without a place stays at the beginning."""
    marks = []
    for line in text.splitlines():
        if not line.strip():
            continue
        first, _space, rest = line.strip().partition(" ")
        at_ms = place_of(first)
        words = line.strip() if at_ms is None else rest.strip()
        marks.append(reviews.Mark(at_ms=at_ms or 0, words=words))
    return marks


_ENDED_BY = {
    "operator": gettext_lazy("the operator"),
    "contact": gettext_lazy("the contact"),
    "manager": gettext_lazy("the manager"),
    "switch": gettext_lazy("the telephone network"),
    "exchange": gettext_lazy("the exchange"),
}
