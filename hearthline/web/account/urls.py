from __future__ import annotations

from django.urls import path

from hearthline.web.account import views

app_name = "account"
urlpatterns = [
    path("account/", views.profile, name="profile"),
    path("account/preferences/", views.preferences, name="preferences"),
]
