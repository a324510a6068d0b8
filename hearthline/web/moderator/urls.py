from __future__ import annotations

from django.urls import path

from hearthline.web.moderator import call_page, queue, views

app_name = "moderator"
urlpatterns = [
    path("", views.calls, name="calls"),
    path("queue/", queue.overview, name="queue"),
    path("queue/next", queue.take_next, name="next"),
    path("queue/<slug:kind>/<uuid:id>/", queue.item, name="item"),
    path("queue/<slug:kind>/<uuid:id>/decide", queue.decide, name="decide"),
    path("calls/<uuid:id>/", call_page.call, name="call"),
    path("calls/<uuid:id>/report", call_page.report, name="report_call"),
    path("campaigns/<uuid:id>/pause", views.pause, name="pause"),
    path("campaigns/<uuid:id>/start", views.start, name="start"),
]
