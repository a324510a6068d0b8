from __future__ import annotations

from django.urls import path

from hearthline.web.customer import balance, campaigns, editing, exports, rating, results, setup, uploads

app_name = "customer"
urlpatterns = [
    path("campaigns/", campaigns.campaign_list, name="campaigns"),
    path("campaigns/new/", campaigns.new_campaign, name="new"),
    path("campaigns/<uuid:id>/", campaigns.campaign_page, name="campaign"),
    path("campaigns/<uuid:id>/figures", campaigns.figures, name="figures"),
    path("campaigns/<uuid:id>/hours", campaigns.by_hour, name="by_hour"),
    path("campaigns/<uuid:id>/why", campaigns.why, name="why"),
    path("campaigns/<uuid:id>/start", campaigns.start, name="start"),
    path("campaigns/<uuid:id>/pause", campaigns.pause, name="pause"),
    path("campaigns/<uuid:id>/finish", campaigns.finish, name="finish"),
    path("campaigns/<uuid:id>/results", results.part, name="results"),
    path("campaigns/<uuid:id>/exports", exports.ask, name="exports"),
    path("exports/<uuid:id>/file", exports.file, name="export_file"),
    path("contacts/<uuid:id>/", results.contact, name="contact"),
    path("contacts/<uuid:id>/remove", results.remove, name="remove_contact"),
    path("campaigns/<uuid:id>/setup/", setup.setup, name="setup"),
    path("campaigns/<uuid:id>/ready", setup.ready, name="ready"),
    path("campaigns/<uuid:id>/price", setup.price, name="price"),
    path("campaigns/<uuid:id>/script/", setup.script, name="script"),
    path("campaigns/<uuid:id>/script/preview", setup.preview, name="preview"),
    path("campaigns/<uuid:id>/script/begin/<slug:kind>", setup.script_template, name="script_template"),
    path("campaigns/<uuid:id>/contacts/", uploads.contacts, name="contacts"),
    path("imports/<uuid:id>/columns", uploads.columns, name="columns"),
    path("imports/<uuid:id>/confirm", uploads.confirm, name="confirm_import"),
    path("imports/<uuid:id>/discard", uploads.discard, name="discard_import"),
    path("imports/<uuid:id>/rejects", uploads.rejects, name="rejects"),
    path("campaigns/<uuid:id>/rules/", editing.rules, name="rules"),
    path("campaigns/<uuid:id>/questions/", editing.questions, name="questions"),
    path("campaigns/<uuid:id>/outcomes/", editing.outcomes, name="outcomes"),
    path("campaigns/<uuid:id>/managers/", editing.managers, name="managers"),
    path("calls/<uuid:id>/rate/", rating.rate, name="rate_call"),
    path("calls/<uuid:id>/report", rating.report, name="report_call"),
    path("balance/", balance.balance, name="balance"),
]
