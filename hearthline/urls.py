"""Addresses of the exchange; each audience keeps its own."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from hearthline.web.public.views import home

urlpatterns = [
    path("", home, name="home"),
    path("", include("hearthline.web.public.urls")),
    path("", include("hearthline.web.account.urls")),
    path("", include("hearthline.people.urls")),
    path("", include("hearthline.web.recordings")),
    path("", include("hearthline.web.analysis")),
    path("", include("hearthline.web.recording_page")),
    path("", include("hearthline.web.shared_recordings")),
    path("", include("hearthline.web.relays")),
    path("", include("hearthline.web.operator.urls")),
    path("", include("hearthline.web.manager.urls")),
    path("staff/", include("hearthline.web.staff.urls")),
    path("moderation/", include("hearthline.web.moderator.urls")),
    path("", include("hearthline.web.customer.urls")),
    path("", include("hearthline.web.demo.urls")),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
]

handler403 = "hearthline.web.errors.permission_denied"
handler404 = "hearthline.web.errors.not_found"
handler500 = "hearthline.web.errors.server_error"
