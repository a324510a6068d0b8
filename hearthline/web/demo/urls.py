from __future__ import annotations

from django.urls import path

from hearthline.web.demo import views

app_name = "demo"
urlpatterns = [path("demo/enter/", views.enter, name="enter")]
