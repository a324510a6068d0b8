"""What an admin runs the exchange with: the wall, people, invitations, trunks. The rest is Django's admin."""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from hearthline.calls import commands
from hearthline.calls.models import Node, Trunk
from hearthline.calls.nodes import fresh
from hearthline.calls.trunk_presets import PRESETS, preset
from hearthline.lib import clock
from hearthline.lib.errors import ExchangeError, NotFoundError, UnavailableError
from hearthline.lib.ids import new_id
from hearthline.people import audit, services
from hearthline.people.gates import for_roles, with_second_factor
from hearthline.people.models import Invitation, Role, User
from hearthline.realtime.configured import bus
from hearthline.web.staff.forms import InvitationForm, TrunkForm
from hearthline.web.staff.trunk_states import read_trunks
from hearthline.web.staff.wall import read_wall

PEOPLE_A_PAGE = 50
INVITATIONS_SHOWN = 50
TRIAL_TIMEOUT_S = 25.0


@require_safe
@for_roles(Role.ADMIN)
def wall(request: HttpRequest) -> HttpResponse:
    template = "staff/_wall.html" if request.headers.get("hx-request") else "staff/wall.html"
    return render(request, template, {"wall": read_wall()})


@require_safe
@for_roles(Role.ADMIN)
@with_second_factor
def people(request: HttpRequest) -> HttpResponse:
    query, role = request.GET.get("q", "").strip()[:100], request.GET.get("role", "")
    found = User.objects.order_by("-date_joined", "pk")
    if query:
        found = found.filter(Q(name__icontains=query) | Q(email__icontains=query))
    if role in Role.values:
        found = found.filter(role=role)
    page = Paginator(found, PEOPLE_A_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "query": query, "role": role, "roles": Role.choices}
    return render(request, "staff/people.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@for_roles(Role.ADMIN)
@with_second_factor
def invitations(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    form = InvitationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            issued = services.invite(
                **form.cleaned_data, issued_by=request.user, tag=audit.Tag.WEB_INVITATION_ISSUED, request=request
            )
        except ExchangeError as refusal:
            form.add_error(None, str(refusal.sentence))
        else:
            messages.success(request, _("Issued. Copy the link and send it."))
            return redirect(f"{reverse('staff:invitations')}#{issued.pk}")
    now = clock.now()
    latest = Invitation.objects.select_related("organisation", "issued_by").order_by("-created_at")[:INVITATIONS_SHOWN]
    rows = [
        {
            "invitation": invitation,
            "usable": invitation.uses_left > 0 and invitation.expires_at > now,
            "link": services.link_of(invitation),
        }
        for invitation in latest
    ]
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "staff/invitations.html", {"form": form, "rows": rows}, status=status)


@require_POST
@for_roles(Role.ADMIN)
@with_second_factor
def withdraw(request: HttpRequest, id: Any) -> HttpResponse:
    assert isinstance(request.user, User)
    invitation = Invitation.objects.filter(pk=id).first()
    if invitation is None:
        raise NotFoundError(_("There is no such invitation."))
    services.withdraw_invitation(
        invitation=invitation, by=request.user, tag=audit.Tag.WEB_INVITATION_WITHDRAWN, request=request
    )
    messages.success(request, _("Withdrawn: nobody can use that link any more."))
    return redirect("staff:invitations")


@require_safe
@for_roles(Role.ADMIN)
@with_second_factor
def trunks(request: HttpRequest) -> HttpResponse:
    """The list; every few seconds the page asks only for how they stand."""
    template = "staff/_trunk_states.html" if request.headers.get("hx-request") else "staff/trunks.html"
    return render(request, template, {"views": read_trunks(), "presets": PRESETS})


@require_http_methods(["GET", "HEAD", "POST"])
@for_roles(Role.ADMIN)
@with_second_factor
def trunk(request: HttpRequest, id: int | None = None) -> HttpResponse:
    """Make a trunk (perhaps from `?preset=`) or change one; it is in force for the next call."""
    assert isinstance(request.user, User)
    begun = preset(request.GET.get("preset", "")) if id is None else None
    initial = dict(begun.fields) if begun is not None else None
    form = TrunkForm(request.POST or None, initial=initial, instance=_trunk(id) if id is not None else None)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            saved = form.save()
            changed = [name for name in form.changed_data if name != "password" or form.data.get("password")]
            audit.record(audit.Tag.WEB_TRUNK_CHANGED, request.user, saved.pk, {"fields": changed}, request)
        messages.success(request, _("Saved. It is in force for the next call."))
        return redirect("staff:trunks")
    status = 422 if form.is_bound and form.errors else 200
    context = {"form": form, "trunk": form.instance, "presets": PRESETS if id is None else (), "begun": begun}
    return render(request, "staff/trunk.html", context, status=status)


@require_POST
@for_roles(Role.ADMIN)
@with_second_factor
def try_trunk(request: HttpRequest, id: int) -> HttpResponse:
    """Ask a node to sign on to the provider, and say what came of it."""
    assert isinstance(request.user, User)
    tried = _trunk(id)
    node = Node.objects.filter(fresh(), draining=False).order_by("-heartbeat_at").first()
    if node is None:
        raise UnavailableError(
            _("No switch is running, so nothing can be tried. Start the exchange's call control first.")
        )
    command = commands.TestTrunk(key=str(new_id()), user=str(request.user.pk), trunk=tried.pk)
    reply = async_to_sync(bus().request)(
        commands.queue_of(node.name), commands.to_message(command), timeout_s=TRIAL_TIMEOUT_S
    )
    failed = "error" in reply
    sentence = reply["error"]["message"] if failed else reply.get("outcome", "")
    return render(request, "staff/_trial.html", {"failed": failed, "sentence": sentence, "trunk": tried})


def _trunk(id: int) -> Trunk:
    found = Trunk.objects.filter(pk=id).first()
    if found is None:
        raise NotFoundError(_("There is no such trunk."))
    return found
