from __future__ import annotations

from django.urls import path

from hearthline.web.moderator import (
    call_page,
    live,
    operators,
    queue,
    ratings,
    scenario_recordings,
    scenarios,
    tests,
    views,
)

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
    path("operators/", operators.overview, name="operators"),
    path("operators/<uuid:id>/", operators.operator, name="operator"),
    path("ratings/", ratings.ratings, name="ratings"),
    path("scenarios/", scenarios.overview, name="scenarios"),
    path("scenarios/new/", scenarios.new, name="new_scenario"),
    path("scenarios/check", scenarios.check, name="check_scenario"),
    path("scenarios/recordings/", scenario_recordings.keep, name="keep_scenario_recording"),
    path("scenarios/recordings/<str:name>", scenario_recordings.audio, name="scenario_recording"),
    path("scenarios/recordings/<str:name>/remove", scenario_recordings.remove, name="remove_scenario_recording"),
    path("scenarios/<slug:language>/<str:name>/", scenarios.scenario, name="scenario"),
    path("scenarios/<slug:language>/<str:name>/switch", scenarios.switch, name="switch_scenario"),
    path("scenarios/<slug:language>/<str:name>/try", scenarios.try_it, name="try_scenario"),
    path("scenarios/<slug:language>/<str:name>/remove", scenarios.remove, name="remove_scenario"),
    path("tests/<uuid:id>/", tests.test, name="test"),
    path("tests/<uuid:id>/decide", tests.decide, name="decide_test"),
    path("tests/<uuid:id>/allow", tests.allow, name="allow_test"),
    path("campaigns/<uuid:id>/pause", views.pause, name="pause"),
    path("campaigns/<uuid:id>/start", views.start, name="start"),
]
