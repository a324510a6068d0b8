"""The page of one recording's analysis: for staff, owners of its campaign, and the operator who made the call."""

from __future__ import annotations

import uuid

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_safe

from hearthline.quality.analysis.selectors import recording_for_reader


@login_required
@require_safe
def page(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    recording, audience = recording_for_reader(request.user, id)
    return render(request, "quality/call.html", {"recording": recording, "audience": audience})


app_name = "analysis"
urlpatterns = [path("recordings/<uuid:id>/analysis", page, name="page")]
