"""Decoy numbers as an admin sees them: which there are, with whom each one is, who has called them from outside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from hearthline.calls.models import Trunk
from hearthline.lib import clock
from hearthline.lib.errors import ExchangeError, NotFoundError
from hearthline.people.gates import for_roles, with_second_factor
from hearthline.people.models import Role, User
from hearthline.quality import decoy_calls, decoys
from hearthline.quality.models import DecoyLending, DecoyNumber
from hearthline.web.staff.forms import DecoyForm

NUMBERS_A_PAGE = 50


@dataclass(frozen=True, slots=True)
class Row:
    decoy: DecoyNumber
    state: str  # "off", "trunk_off", "lent", "rests", "free"
    lending: DecoyLending | None  # the latest


@require_http_methods(["GET", "HEAD", "POST"])
@for_roles(Role.ADMIN)
@with_second_factor
@never_cache
def overview(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    form = DecoyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            decoys.add_number(**form.cleaned_data, by=request.user, request=request)
        except ExchangeError as refusal:
            form.add_error("phone", str(refusal.sentence))
        else:
            messages.success(request, _("Added. Calls to it are listened for within seconds."))
            return redirect("staff:decoys")
    now = clock.now()
    page = Paginator(decoys.all_numbers(), NUMBERS_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page": page,
        "rows": [_row(decoy, now) for decoy in page],
        "calls": decoy_calls.latest_calls(),
        "exchange": settings.HEARTHLINE,
        "warnings": _warnings(),
        "trunks": Trunk.objects.exists(),
    }
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "staff/decoys.html", context, status=status)


@require_POST
@for_roles(Role.ADMIN)
@with_second_factor
def put_in_use(request: HttpRequest, id: int) -> HttpResponse:
    assert isinstance(request.user, User)
    decoy = DecoyNumber.objects.filter(pk=id).first()
    if decoy is None:
        raise NotFoundError(_("There is no such number."))
    on = request.POST.get("on") == "1"
    decoys.put_in_use(decoy=decoy, on=on, by=request.user, request=request)
    messages.success(request, _("In use again.") if on else _("Out of use: it is shown to nobody, and nobody listens."))
    return redirect("staff:decoys")


def _row(decoy: DecoyNumber, now: datetime) -> Row:
    lent: list[DecoyLending] = getattr(decoy, "lent", [])
    latest = lent[0] if lent else None
    if not decoy.active:
        state = "off"
    elif not decoy.trunk.active:
        state = "trunk_off"
    elif latest is not None and latest.until > now:
        state = "lent"
    else:
        state = "rests" if decoy.free_at > now else "free"
    return Row(decoy, state, latest)


def _warnings() -> list[str]:
    """Why decoys would not be given out, or calls to them not be heard."""
    exchange = settings.HEARTHLINE
    found = []
    if not exchange.decoy_percent:
        found.append(
            _("No decoys are given out: HEARTHLINE_DECOY_PERCENT is 0. With 2, two of a hundred contacts are one.")
        )
    if not exchange.robots_port:
        found.append(_("The robots do not run here, so no decoys are given out: see HEARTHLINE_ROBOTS_PORT."))
    if exchange.switch == "freeswitch" and exchange.freeswitch_incoming is None:
        found.append(
            _("Calls to decoys are refused unheard: set HEARTHLINE_FREESWITCH_INCOMING to the folder `incoming` beside "
              "FreeSWITCH's configuration.")
        )  # fmt: skip
    return found
