"""A moderator's view of operators: how well each calls by all scores, golden contacts as what they are, and their level."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from hearthline.lib import clock
from hearthline.lib.errors import ExchangeError, NotFoundError
from hearthline.people.gates import for_roles, with_second_factor
from hearthline.people.models import Role, User
from hearthline.quality import levels, standing
from hearthline.quality.analysis.selectors import figures_of_operator
from hearthline.quality.golden import golden_calls, golden_figures
from hearthline.quality.models import FitnessTest, LevelChange, Report, Review
from hearthline.quality.scenarios.library import all_scenarios
from hearthline.web.level_words import shown
from hearthline.web.moderator.words import report_sentence

A_PAGE = 50
SHOWN = 30
FIGURES_OVER = timedelta(days=30)


@require_safe
@for_roles(Role.MODERATOR, Role.ADMIN)
def overview(request: HttpRequest) -> HttpResponse:
    """Everybody who calls, by name; `?q=` looks for a name or an address."""
    query = request.GET.get("q", "").strip()[:100]
    found = User.objects.filter(role=Role.OPERATOR).order_by("-is_active", "name", "pk")
    if query:
        found = found.filter(Q(name__icontains=query) | Q(email__icontains=query))
    page = Paginator(found, A_PAGE).get_page(request.GET.get("page"))
    now = clock.now()
    ids = [operator.pk for operator in page]
    quality = standing.quality_for_staff(ids, now)
    golden = {one.operator: one for one in golden_figures(now - standing.LOOK_BACK, ids)}
    rows = [(one, quality.get(one.pk, standing.NOTHING), golden.get(one.pk)) for one in page]
    return render(request, "moderator/operators.html", {"page": page, "rows": rows, "query": query})


@require_http_methods(["GET", "HEAD", "POST"])
@for_roles(Role.MODERATOR, Role.ADMIN)
@with_second_factor
def operator(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    """One of them; POST changes their level."""
    person = User.objects.filter(pk=id, role=Role.OPERATOR).first()
    if person is None:
        raise NotFoundError(_("There is no such operator."))
    refusal: ExchangeError | None = None
    if request.method == "POST":
        assert isinstance(request.user, User)
        level, words = request.POST.get("level", ""), request.POST.get("words", "")
        try:
            levels.set_level(
                operator=person,
                moderator=request.user,
                level=int(level) if level.isdecimal() and len(level) == 1 else 0,
                words=words,
                request=request,
            )
        except ExchangeError as error:
            refusal = error
        else:
            messages.success(request, _("Changed. The operator reads your reasons."))
            return redirect("moderator:operator", person.pk)
    now = clock.now()
    titles = {slug: one.title for slug, one in all_scenarios().items()}
    golden = golden_calls(now - standing.LOOK_BACK).filter(attempt__operator=person)
    known = standing.quality_of(person, now)
    prospect = levels.prospect_of(person, now, known)
    told = set(Review.objects.filter(reviewer=None, attempt__operator=person).values_list("attempt", flat=True))
    reports = Report.objects.filter(operator=person).order_by("-opened_at")[:SHOWN]
    context = {
        "operator": person,
        "quality": standing.quality_for_staff([person.pk], now).get(person.pk, standing.NOTHING),
        "known": known,
        "figures": figures_of_operator(person, now - FIGURES_OVER),
        "golden": [(call, titles.get(call.scenario, call.scenario), call.pk in told) for call in golden[:SHOWN]],
        "reviews": Review.objects.filter(replaced_by=None, attempt__operator=person, reviewer__isnull=False)
        .select_related("attempt__campaign", "reviewer")
        .order_by("-at")[:SHOWN],
        "tests": FitnessTest.objects.filter(operator=person, attempt__isnull=False).order_by("-begun_at")[:SHOWN],
        "changes": LevelChange.objects.filter(operator=person).select_related("by").order_by("-at")[:SHOWN],
        "reports": [(report, report_sentence(report)) for report in reports],
        "prospect": shown(prospect),
        "paid": prospect.figures.conversations,
        "levels": range(1, levels.HIGHEST + 1),
        "refused": str(refusal.sentence) if refusal else "",
        "words": request.POST.get("words", ""),
    }
    return render(request, "moderator/operator.html", context, status=refusal.status if refusal else 200)
