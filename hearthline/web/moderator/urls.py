from __future__ import annotations

from django.urls import path

from hearthline.web.moderator import call_page, live, queue, ratings, tests, views

app_name = "moderator"
urlpatterns = [
    path("", views.calls, name="calls"),
    path("queue/", queue.overview, name="queue"),
    path("queue/next", queue.take_next, name="next"),
    path("queue/<slug:kind>/<uuid:id>/", queue.item, name="item"),
    path("queue/<slug:kind>/<uuid:id>/decide", queue.decide, name="decide"),
    path("live/", live.page, name="live"),
    path("live/calls/", live.part, name="live_part"),
    path("live/line/", live.open_line, name="live_line"),
    path("live/line/close/", live.close_line, name="live_close"),
    path("live/listen/", live.listen, name="live_listen"),
    path("calls/<uuid:id>/", call_page.call, name="call"),
    path("calls/<uuid:id>/report", call_page.report, name="report_call"),
    path("ratings/", ratings.ratings, name="ratings"),
    path("tests/<uuid:id>/", tests.test, name="test"),
    path("tests/<uuid:id>/decide", tests.decide, name="decide_test"),
    path("tests/<uuid:id>/allow", tests.allow, name="allow_test"),
    path("campaigns/<uuid:id>/pause", views.pause, name="pause"),
    path("campaigns/<uuid:id>/start", views.start, name="start"),
]
