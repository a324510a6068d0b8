"""A moderator decides an operator's test call: what was answered first, what the robot meant, who said what, the recording."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from hearthline.calls.models import Recording
from hearthline.lib.errors import ExchangeError
from hearthline.people.gates import for_roles, with_second_factor
from hearthline.people.models import Role, User
from hearthline.quality import fitness
from hearthline.quality.hearing import spoken_of
from hearthline.quality.models import FitnessTest, RobotCall, TestState
from hearthline.quality.scenarios.library import scenario_of
from hearthline.web.moderator.queue import go_on
from hearthline.web.practice_words import field_titles, measured_of, outcome_word, reasons_of, talk_of


@require_safe
@for_roles(Role.MODERATOR, Role.ADMIN)
def test(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    assert isinstance(request.user, User)
    return _page(request, fitness.test_for_staff(request.user, id))


def _page(
    request: HttpRequest, test: FitnessTest, refusal: str = "", comment: str = "", status: int = 200
) -> HttpResponse:
    assert test.attempt is not None  # the gate gives no other
    attempt, call = test.attempt, RobotCall.objects.get(pk=test.attempt.pk)
    titles = field_titles(attempt)
    written = test.answers.get("fields", {})
    counted = FitnessTest.objects.filter(operator=test.operator, state__in=fitness.COUNTED, begun_at__lt=test.begun_at)
    context = {
        "test": test,
        "attempt": attempt,
        "call": call,
        "scenario": scenario_of(call.scenario),
        "outcome": test.answers.get("disposition") or outcome_word(""),
        "answers": [(title, written[key]) for key, title in titles.items() if written.get(key)],
        "notes": test.answers.get("notes", ""),
        "reasons": reasons_of(call, titles),
        "measured": measured_of(call, attempt, staff=True),
        "talk": talk_of(spoken_of(call, attempt)),
        "recording": Recording.objects.filter(attempt=attempt, duration_ms__isnull=False).first(),
        "earlier": counted.count(),
        "open": test.state == TestState.TO_DECIDE,
        "refusal": refusal,
        "comment": comment,
    }
    return render(request, "moderator/test.html", context, status=status)


@require_POST
@for_roles(Role.MODERATOR, Role.ADMIN)
@with_second_factor
def decide(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    assert isinstance(request.user, User)
    test = fitness.test_for_staff(request.user, id)
    comment = request.POST.get("comment", "")
    word = request.POST.get("decision", "")
    if word not in ("pass", "fail"):
        return _page(request, test, _("Choose whether the test call is passed."), comment, 422)
    try:
        fitness.decide_test(
            test=test, moderator=request.user, passed=word == "pass", comment=comment, request=request
        )  # fmt: skip
    except ExchangeError as refusal:
        return _page(request, test, str(refusal.sentence), comment, refusal.status)
    messages.success(request, _("Decided. The operator sees it at once."))
    return go_on(request, f"test:{test.pk}")


@require_POST
@for_roles(Role.MODERATOR, Role.ADMIN)
@with_second_factor
def allow(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    """Another test call for the operator of this one."""
    assert isinstance(request.user, User)
    test = fitness.test_for_staff(request.user, id)
    fitness.allow_another(operator=test.operator, moderator=request.user, request=request)
    messages.success(request, _("They can make another test call at once."))
    return redirect("moderator:test", id=test.pk)
