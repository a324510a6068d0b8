"""Full editing: rules, questions, outcomes, managers. What the first visit leaves out."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.storage import default_storage
from django.forms import BaseFormSet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from hearthline.campaigns import services
from hearthline.campaigns.contacts import understood
from hearthline.campaigns.gates import campaign_for_owner
from hearthline.campaigns.models import Campaign
from hearthline.campaigns.services import DispositionSpec, FieldSpec, ManagerSpec
from hearthline.lib.errors import ConflictError, InvalidInputError
from hearthline.people.models import User
from hearthline.quality import approval
from hearthline.web.customer.forms import ManagerSet, OutcomeSet, QuestionSet, RulesForm, add_refusal

PREFIX = "rows"


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def rules(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    campaign = campaign_for_owner(request.user, id)
    assert isinstance(request.user, User)
    form = RulesForm(request.POST or None, request.FILES or None, campaign=campaign)
    if request.method == "POST" and form.is_valid():
        changes, former = form.changes(), campaign.consent_sound.name
        try:
            approval.change(campaign=campaign, actor=request.user, request=request, **changes)
        except InvalidInputError as refusal:
            _forget_sound(changes.get("consent_sound"))
            add_refusal(form, refusal)
        else:
            if "consent_sound" in changes:
                _forget_sound(former)
            messages.success(request, _("Saved."))
            return redirect("customer:rules", campaign.pk)
    context = {"campaign": campaign, "form": form, "tab": "rules"}
    return render(request, "customer/rules.html", context, status=422 if form.errors else 200)


def _forget_sound(name: str | None) -> None:
    """An announcement that no campaign plays any more."""
    if name:
        default_storage.delete(name)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def questions(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    campaign = campaign_for_owner(request.user, id)
    rows = list(campaign.fields.all())
    initial = [
        {
            "id": r.pk,
            "title": r.title,
            "kind": r.kind,
            "choices": ", ".join(map(str, r.choices)),
            "required": r.required,
        }
        for r in rows
    ]
    formset = QuestionSet(request.POST or None, initial=initial, prefix=PREFIX)
    keys = {row.pk: row.key for row in rows}

    def save(kept: list[dict[str, Any]], actor: User) -> None:
        services.set_fields(campaign=campaign, actor=actor, fields=_field_specs(kept, keys))

    return _rows_page(request, campaign, formset, "questions", save)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def outcomes(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    campaign = campaign_for_owner(request.user, id)
    names = ("key", "title", "kind", "payable", "retry_after_min")
    rows = list(campaign.dispositions.all())
    initial = [{"id": row.pk, **{name: getattr(row, name) for name in names}} for row in rows]
    formset = OutcomeSet(request.POST or None, initial=initial, prefix=PREFIX)
    known = {row.pk for row in rows}

    def save(kept: list[dict[str, Any]], actor: User) -> None:
        specs: list[DispositionSpec] = []
        for data in kept:
            spec = DispositionSpec(**{name: data[name] for name in names})  # type: ignore[typeddict-item]
            if data.get("id") in known:
                spec["id"] = data["id"]
            specs.append(spec)
        services.set_dispositions(campaign=campaign, actor=actor, dispositions=specs)

    return _rows_page(request, campaign, formset, "outcomes", save)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def managers(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    campaign = campaign_for_owner(request.user, id)
    names = ("name", "user", "phone", "sip_uri", "email")
    rows = list(campaign.managers.select_related("user"))
    initial = [{"id": row.pk, **{name: getattr(row, name) for name in names}} for row in rows]
    members = User.objects.filter(memberships__organisation=campaign.organisation, is_active=True).order_by(
        "name", "pk"
    )
    formset = ManagerSet(request.POST or None, initial=initial, prefix=PREFIX, form_kwargs={"members": members})
    known = {row.pk for row in rows}

    def save(kept: list[dict[str, Any]], actor: User) -> None:
        specs: list[ManagerSpec] = []
        for data in kept:
            spec = ManagerSpec(**{name: data[name] for name in names})  # type: ignore[typeddict-item]
            if spec["phone"]:
                spec["phone"] = understood(spec["phone"], campaign.country).e164
            if data.get("id") in known:
                spec["id"] = data["id"]
            specs.append(spec)
        services.set_managers(campaign=campaign, actor=actor, managers=specs)

    return _rows_page(request, campaign, formset, "managers", save)


def _rows_page(
    request: HttpRequest,
    campaign: Campaign,
    formset: BaseFormSet[Any],
    tab: str,
    save: Callable[[list[dict[str, Any]], User], None],
) -> HttpResponse:
    assert isinstance(request.user, User)
    refused = ""
    if request.method == "POST" and formset.is_valid():
        try:
            save(_kept(formset), request.user)
        except (InvalidInputError, ConflictError) as refusal:
            refused = _sentences(refusal)
        else:
            messages.success(request, _("Saved."))
            return redirect(f"customer:{tab}", campaign.pk)
    status = 422 if refused or (formset.is_bound and not formset.is_valid()) else 200
    context = {"campaign": campaign, "formset": formset, "refused": refused, "tab": tab}
    return render(request, f"customer/{tab}.html", context, status=status)


def _kept(formset: BaseFormSet[Any]) -> list[dict[str, Any]]:
    """The rows that stay, in their order; an untouched empty row is nothing."""
    forms = [form for form in formset.forms if form.has_changed() or form.initial]
    kept = [form.cleaned_data for form in forms if form.cleaned_data and not form.cleaned_data.get("DELETE")]
    return sorted(kept, key=lambda data: data.get("ORDER") or 1000) if formset.can_order else kept


def _field_specs(kept: Sequence[dict[str, Any]], keys: dict[int, str]) -> list[FieldSpec]:
    """A question keeps its key for life (answers are stored under it); a new one gets one from its title."""
    used = set(keys.values())
    specs = []
    for data in kept:
        spec = FieldSpec(title=data["title"], kind=data["kind"], choices=data["choices"], required=data["required"])
        if data.get("id") in keys:
            spec["id"] = data["id"]
        else:
            stem = slugify(data["title"])[:30] or "question"
            key, number = stem, 2
            while key in used:
                key, number = f"{stem}-{number}", number + 1
            used.add(key)
            spec["key"] = key
        specs.append(spec)
    return specs


def _sentences(refusal: InvalidInputError | ConflictError) -> str:
    """The refusal's own sentence, or those of its fields."""
    fields, missing = refusal.details.get("fields"), refusal.details.get("missing")
    if isinstance(fields, dict) and fields:
        return " ".join(str(sentence) for sentence in fields.values())
    if isinstance(missing, list) and missing:
        return " ".join(str(item["message"]) for item in missing)
    return str(refusal.sentence)
