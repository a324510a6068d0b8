"""The operator's pages: choosing a campaign, the shift's console, the earnings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db.models import F, FilteredRelation, Q
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_POST

from hearthline.calls import services
from hearthline.campaigns.gates import campaign_for_operator
from hearthline.campaigns.models import CampaignKind
from hearthline.dialing import promises
from hearthline.dialing.services import require_fit
from hearthline.lib.errors import ExchangeError
from hearthline.people import devices
from hearthline.people.gates import for_roles
from hearthline.people.models import Role, User
from hearthline.quality import fitness, house, readiness
from hearthline.web.commands import operator_of
from hearthline.web.operator.cards import MOST_CARDS, cards_for
from hearthline.web.operator.keys import DEFAULT_KEYS, KEY_TITLES
from hearthline.web.operator.languages import language_choices
from hearthline.web.operator.page_state import page_state
from hearthline.web.operator.promised import promised_by
from hearthline.web.operator.ready import require_checked
from hearthline.web.operator.texts import TEXTS
from hearthline.web.operator.way_in import way_in

CARDS_SHOWN = 12  # those that bring most; the rest by a link
COMMANDS = (
    "state", "next", "change_campaign", "skip", "renew", "break", "end", "draft", "wrap_up", "add_contact", "shortcuts",
    "open_line", "open_phone_line", "close_line", "mute_line", "dial", "hang_up", "hold", "record", "digits", "transfer",
    "complete", "take_back",
)  # fmt: skip


@for_roles(Role.OPERATOR)
@require_GET
def choose(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    offered = house.practice_for(fitness.languages_of(request.user))
    cards = cards_for(request.user, most=MOST_CARDS if request.GET.get("all") else CARDS_SHOWN)
    own = _own(request.user, devices.mark_of(request))
    context = {
        "cards": cards.shown,
        "further": cards.further,
        "own": own,
        "promises": promised_by(request.user) if own["promised"] else [],
        "grace_minutes": settings.HEARTHLINE.promise_grace_min,
        "languages": language_choices(request.user),
        "readiness": readiness.beside(own),
        "way": way_in(request.user, devices.mark_of(request)),
        "tutorials": [one for one in offered if one.kind == CampaignKind.TUTORIAL],
        "trainings": [one for one in offered if one.kind == CampaignKind.TRAINING],
    }
    return render(request, "operator/choose.html", context)


def _own(operator: User, device: str) -> Mapping[str, Any]:
    """What the page of choice says of the operator, in one query: the open `shift` and the name of its campaign (`at`), how many
    callbacks are `promised`, and the columns of `readiness`."""
    known = User.objects.filter(pk=operator.pk).annotate(
        open_shift=FilteredRelation("shifts", condition=Q(shifts__ended_at=None))
    )
    row = known.values(
        shift=F("open_shift__pk"),
        at=F("open_shift__campaign__name"),
        promised=promises.columns("pk")["promised"],
        **readiness.columns("pk", device),
    ).get()
    return dict(row)


@for_roles(Role.OPERATOR)
@require_POST
def begin(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    campaign = campaign_for_operator(request.user, request.POST.get("campaign", ""))
    try:
        require_fit(request.user, campaign)
        require_checked(request, request.user)
        begun = services.begin_shift(operator=request.user, campaign=campaign)
    except ExchangeError as refusal:
        messages.error(request, str(refusal.sentence))
        return redirect("operator:choose")
    readiness.keep_with_shift(begun, devices.mark_of(request))
    return redirect("operator:shift")


@for_roles(Role.OPERATOR, Role.MODERATOR, Role.ADMIN)  # who try a scenario
@require_GET
@never_cache
@ensure_csrf_cookie
def shift(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    state = page_state(request.user)
    if state["shift"] is None and request.user.role != Role.OPERATOR:
        return redirect("moderator:scenarios")
    if state["shift"] is None:
        messages.info(request, _("Choose a campaign to begin the shift."))
        return redirect("operator:choose")
    context = {
        "state": state,
        "campaign": state["campaign"],
        "texts": {key: str(sentence) for key, sentence in TEXTS.items()},
        "urls": {name: reverse(f"operator:{name}") for name in COMMANDS} | {"own_line": reverse("account:line")},
        "keys": {"defaults": DEFAULT_KEYS, "own": request.user.shortcuts},
        "key_titles": KEY_TITLES,
        "tried": request.user.role != Role.OPERATOR,
    }
    return render(request, "operator/console.html", context)


@require_GET
@never_cache
def state(request: HttpRequest) -> HttpResponse:
    return JsonResponse(page_state(operator_of(request)))
