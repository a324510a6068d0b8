from __future__ import annotations

from django.urls import path

from hearthline.web.moderator import call, views

app_name = "moderator"
urlpatterns = [
    path("", views.calls, name="calls"),
    path("calls/<uuid:id>", call.call, name="call"),
    path("campaigns/<uuid:id>/pause", views.pause, name="pause"),
    path("campaigns/<uuid:id>/start", views.start, name="start"),
]
