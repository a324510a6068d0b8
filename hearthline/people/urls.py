from __future__ import annotations

from django.urls import path

from hearthline.people.views import InvitationView

urlpatterns = [path("invitation/<str:token>/", InvitationView.as_view(), name="invitation")]
