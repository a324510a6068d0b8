"""Pages that anybody may read."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from hearthline.people.models import User
from hearthline.web.navigation import home_of
from hearthline.web.public.attributions import THIRD_PARTIES


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The start page: for a visitor what the exchange is, for everybody else where their work begins."""
    if isinstance(request.user, User) and "welcome" not in request.GET:
        return redirect(home_of(request.user))
    price = settings.HEARTHLINE
    return render(request, "public/landing.html", {"commission_percent": price.commission_basis_points / 100})


@require_safe
def attributions(request: HttpRequest) -> HttpResponse:
    return render(request, "public/attributions.html", {"third_parties": THIRD_PARTIES})


@require_safe
def accessibility(request: HttpRequest) -> HttpResponse:
    return render(request, "public/accessibility.html")
