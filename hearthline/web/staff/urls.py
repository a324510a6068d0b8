from __future__ import annotations

from django.urls import path

from hearthline.web.staff import views

app_name = "staff"
urlpatterns = [
    path("", views.wall, name="wall"),
    path("people/", views.people, name="people"),
    path("invitations/", views.invitations, name="invitations"),
    path("invitations/<uuid:id>/withdraw", views.withdraw, name="withdraw"),
    path("trunks/", views.trunks, name="trunks"),
    path("trunks/new/", views.trunk, name="new_trunk"),
    path("trunks/<int:id>/", views.trunk, name="trunk"),
    path("trunks/<int:id>/try", views.try_trunk, name="try_trunk"),
]
