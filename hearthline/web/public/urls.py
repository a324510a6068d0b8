from __future__ import annotations

from django.urls import path

from hearthline.web.public import views

app_name = "public"
urlpatterns = [
    path("about/attributions/", views.attributions, name="attributions"),
    path("about/accessibility/", views.accessibility, name="accessibility"),
]
