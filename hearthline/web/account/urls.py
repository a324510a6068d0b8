from __future__ import annotations

from django.urls import path

from hearthline.web.account import line, views

app_name = "account"
urlpatterns = [
    path("account/", views.profile, name="profile"),
    path("account/keys/", views.keys, name="keys"),
    path("account/line/", line.own_line, name="line"),
    path("account/line/choose/", line.choose, name="choose_line"),
    path("account/line/sip/issue/", line.issue, name="issue_sip"),
    path("account/line/sip/withdraw/", line.withdraw, name="withdraw_sip"),
    path("account/preferences/", views.preferences, name="preferences"),
]
