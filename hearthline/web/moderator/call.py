"""One call for staff: who, when, how it ended, and over which trunks it was tried."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from hearthline.calls.gates import attempt_for_staff
from hearthline.people.gates import for_roles
from hearthline.people.models import Role
from hearthline.web.trunk_tries import tries_of


@require_safe
@for_roles(Role.MODERATOR, Role.ADMIN)
def call(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    found = attempt_for_staff(request.user, id)
    recordings = found.recordings.filter(duration_ms__isnull=False).order_by("started_at")
    context = {
        "call": found,
        "recordings": recordings[:10],
        "tries": tries_of([found], for_staff=True).get(found.pk, []),
    }
    return render(request, "moderator/call.html", context)
