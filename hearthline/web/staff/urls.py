from __future__ import annotations

from django.urls import path

from hearthline.web.staff import decoys, payouts, views

app_name = "staff"
urlpatterns = [
    path("", views.wall, name="wall"),
    path("people/", views.people, name="people"),
    path("invitations/", views.invitations, name="invitations"),
    path("invitations/<uuid:id>/withdraw", views.withdraw, name="withdraw"),
    path("payouts/", payouts.payouts, name="payouts"),
    path("payouts/<uuid:id>/approve", payouts.approve, name="approve_payout"),
    path("payouts/<uuid:id>/paid", payouts.paid, name="paid_payout"),
    path("payouts/<uuid:id>/refuse", payouts.refuse, name="refuse_payout"),
    path("trunks/", views.trunks, name="trunks"),
    path("trunks/new/", views.trunk, name="new_trunk"),
    path("trunks/decoys/", decoys.overview, name="decoys"),
    path("trunks/decoys/<int:id>/use", decoys.put_in_use, name="use_decoy"),
    path("trunks/<int:id>/", views.trunk, name="trunk"),
    path("trunks/<int:id>/try", views.try_trunk, name="try_trunk"),
]
