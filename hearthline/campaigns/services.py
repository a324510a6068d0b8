"""What happens to a campaign: it is made, changed, started, paused, finished. Each function is one transaction."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, TypedDict
from zoneinfo import available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from hearthline.campaigns import destinations, tally
from hearthline.campaigns.announcements import campaign_changed
from hearthline.campaigns.models import (
    Campaign,
    CampaignManager,
    CampaignState,
    CampaignTally,
    Contact,
    ContactState,
    Disposition,
    PauseReason,
    ResultField,
)
from hearthline.campaigns.readiness import Missing, missing
from hearthline.campaigns.script_kinds import ScriptKind, template_of
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError, InvalidInputError, NotAllowedError
from hearthline.lib.money import Money
from hearthline.people import audit
from hearthline.people.models import Organisation, Role, User

CHANGEABLE = frozenset(
    {
        "name", "brief", "language", "country", "timezone", "script", "price_minor", "window_start", "window_end",
        "window_days", "max_attempts", "max_duration_s", "min_talk_s", "show_name", "record_calls", "level_required",
        "caller_id", "recording_days", "consent", "consent_text", "consent_sound", "consent_in_recording", "ring_pay_minor",
    }
)  # fmt: skip
MAX_FIELDS = 40


class NotReadyError(ConflictError):
    """`missing` says what the campaign still needs, each with a sentence."""

    code = "not_ready"

    def __init__(self, items: Sequence[Missing]) -> None:
        details = [{"code": item.code, "step": item.step, "message": item.sentence} for item in items]
        super().__init__(_("The campaign cannot start yet."), missing=details)
        self.missing = list(items)


class FieldSpec(TypedDict, total=False):
    id: int  # of an existing one, which is changed; without: a new one
    key: str
    title: str
    kind: str
    choices: list[str]
    required: bool


class DispositionSpec(TypedDict, total=False):
    id: int
    key: int
    title: str
    kind: str
    payable: bool
    retry_after_min: int | None


class ManagerSpec(TypedDict, total=False):
    id: int
    name: str
    user: User | None
    phone: str
    sip_uri: str
    email: str


def create_campaign(
    *,
    organisation: Organisation,
    created_by: User | None,
    name: str,
    kind: ScriptKind | str | None = None,
    request: HttpRequest | None = None,
    **fields: Any,
) -> Campaign:
    """A draft. With `kind` ("inform", "interview", "find_need") its script, form and outcomes are filled in, in the
    campaign's language. `fields` as in `change_campaign`. Raises InvalidInputError with a sentence per field.
    """
    _known(fields)
    defaults = {"country": organisation.country, "timezone": organisation.timezone, "currency": organisation.currency}
    campaign = Campaign(organisation=organisation, created_by=created_by, name=name, **{**defaults, **fields})
    template = template_of(kind, campaign.language) if kind else None
    if template is not None:
        campaign.script = campaign.script or template.script
        campaign.columns = campaign.columns or list(template.columns)
    _checked(campaign)
    with transaction.atomic():
        campaign.save(force_insert=True)
        CampaignTally.objects.create(campaign=campaign)
        if template is not None:
            ResultField.objects.bulk_create(ResultField(campaign=campaign, **field) for field in template.field_rows())
            Disposition.objects.bulk_create(
                Disposition(campaign=campaign, **row) for row in template.disposition_rows()
            )
        audit.record(audit.Tag.WEB_CAMPAIGN_CREATED, created_by, campaign.pk, None, request)
        campaign_changed(campaign)
    return campaign


def change_campaign(
    *, campaign: Campaign, actor: User | None, request: HttpRequest | None = None, **fields: Any
) -> Campaign:
    """Change what `CHANGEABLE` lists. A price holds for contacts given out from now on.

    Raises InvalidInputError (its `fields` has a sentence for each), ConflictError for a finished campaign.
    """
    _known(fields)
    with transaction.atomic():
        campaign = _locked(campaign.pk)
        if campaign.state == CampaignState.FINISHED:
            raise ConflictError(_("The campaign is finished and stays as it is. Make a copy of it."))
        old_attempts = campaign.max_attempts
        changed = [name for name, value in fields.items() if getattr(campaign, name) != value]
        for name in changed:
            setattr(campaign, name, fields[name])
        _checked(campaign)
        if campaign.state == CampaignState.RUNNING and (found := _own_faults(campaign)):
            raise NotReadyError(found)
        if changed:
            campaign.save(update_fields=changed)
            if campaign.max_attempts != old_attempts:
                _apply_attempt_limit(campaign)
            audit.record(audit.Tag.WEB_CAMPAIGN_CHANGED, actor, campaign.pk, {"fields": changed}, request)
            campaign_changed(campaign)
    return campaign


def set_fields(*, campaign: Campaign, actor: User | None, fields: Sequence[FieldSpec]) -> None:
    """The questions of the form, in this order; those not named are removed (answers given stay in the results)."""
    if len(fields) > MAX_FIELDS:
        raise InvalidInputError(_("A form has at most %(limit)s questions.") % {"limit": MAX_FIELDS})
    with transaction.atomic():
        campaign = _locked(campaign.pk)
        have = {field.pk: field for field in campaign.fields.all()}
        kept = {spec["id"] for spec in fields if spec.get("id")}
        ResultField.objects.filter(campaign=campaign).exclude(pk__in=kept).delete()
        for position, spec in enumerate(fields):
            row = have.get(spec.get("id", 0)) or ResultField(campaign=campaign)
            for name in ("key", "title", "kind", "choices", "required"):
                if name in spec:
                    setattr(row, name, spec[name])
            row.position = position
            _clean(row)
            row.save()
        audit.record(audit.Tag.WEB_CAMPAIGN_CHANGED, actor, campaign.pk, {"fields": ["form"]})
        campaign_changed(campaign)


def set_dispositions(*, campaign: Campaign, actor: User | None, dispositions: Sequence[DispositionSpec]) -> None:
    """How a conversation can end, keys 1-9; those not named are removed."""
    with transaction.atomic():
        campaign = _locked(campaign.pk)
        have = {row.pk: row for row in campaign.dispositions.all()}
        kept = {spec["id"] for spec in dispositions if spec.get("id")}
        keys = [spec["key"] for spec in dispositions]
        if len(set(keys)) != len(keys):
            raise InvalidInputError(_("Two outcomes have the same key. Each needs its own, 1 to 9."))
        Disposition.objects.filter(campaign=campaign).exclude(pk__in=kept).delete()
        Disposition.objects.filter(campaign=campaign).update(key=F("key") + 100)  # keys may be swapped
        for spec in dispositions:
            row = have.get(spec.get("id", 0)) or Disposition(campaign=campaign)
            for name in ("key", "title", "kind", "payable", "retry_after_min"):
                if name in spec:
                    setattr(row, name, spec[name])
            _clean(row)
            row.save()
        if campaign.state == CampaignState.RUNNING and (found := _own_faults(campaign)):
            raise NotReadyError(found)
        audit.record(audit.Tag.WEB_CAMPAIGN_CHANGED, actor, campaign.pk, {"fields": ["dispositions"]})
        campaign_changed(campaign)


def set_managers(*, campaign: Campaign, actor: User | None, managers: Sequence[ManagerSpec]) -> None:
    """Who takes hand-overs, in this order of asking. Each has an account, a phone, a SIP URI or an e-mail address."""
    with transaction.atomic():
        campaign = _locked(campaign.pk)
        have = {row.pk: row for row in campaign.managers.all()}
        kept = {spec["id"] for spec in managers if spec.get("id")}
        CampaignManager.objects.filter(campaign=campaign).exclude(pk__in=kept).delete()
        for position, spec in enumerate(managers):
            row = have.get(spec.get("id", 0)) or CampaignManager(campaign=campaign)
            for name in ("name", "user", "phone", "sip_uri", "email"):
                if name in spec:
                    setattr(row, name, spec[name])
            if not (row.user or row.phone or row.sip_uri or row.email):
                raise InvalidInputError(
                    _("Say how %(name)s is reached: an account, a phone, a SIP address or an e-mail.")
                    % {"name": row.name}
                )
            row.position = position
            _clean(row)
            row.save()
        audit.record(audit.Tag.WEB_CAMPAIGN_CHANGED, actor, campaign.pk, {"fields": ["managers"]})
        campaign_changed(campaign)


def start(*, campaign: Campaign, actor: User | None, request: HttpRequest | None = None) -> Campaign:
    """Start a draft, or go on with a paused campaign.

    Raises NotReadyError, NotAllowedError when a moderator paused it and somebody else starts it, ConflictError when it
    is running or finished.
    """
    destinations.review(campaign)  # tariffs may have changed while it stood still
    with transaction.atomic():
        fresh = Campaign.objects.select_related("organisation").get(pk=campaign.pk)
        if fresh.state not in (CampaignState.DRAFT, CampaignState.PAUSED):
            raise ConflictError(_("The campaign is %(state)s.") % {"state": fresh.get_state_display()})
        moderates = actor is not None and actor.role in (Role.MODERATOR, Role.ADMIN)
        if fresh.pause_reason == PauseReason.BY_MODERATOR and not moderates:
            raise NotAllowedError(_("A moderator has paused this campaign. Write to them; they can start it again."))
        if found := missing(fresh):
            raise NotReadyError(found)
        started_at = fresh.started_at or clock.now()
        _move(fresh, fresh.state, state=CampaignState.RUNNING, pause_reason="", started_at=started_at)
        audit.record(audit.Tag.WEB_CAMPAIGN_STARTED, actor, fresh.pk, None, request)
        campaign_changed(fresh, "campaign.started")
    return fresh


def pause(
    *,
    campaign: Campaign,
    actor: User | None,
    reason: PauseReason | str = PauseReason.BY_OWNER,
    request: HttpRequest | None = None,
) -> Campaign:
    """Nothing more is given out; calls that are on go on. `actor` None: the exchange itself. Raises ConflictError."""
    with transaction.atomic():
        fresh = Campaign.objects.select_related("organisation").get(pk=campaign.pk)
        _move(fresh, CampaignState.RUNNING, state=CampaignState.PAUSED, pause_reason=PauseReason(reason))
        tag = audit.Tag.WEB_CAMPAIGN_PAUSED if actor else audit.Tag.SYSTEM_CAMPAIGN_PAUSED
        audit.record(tag, actor, fresh.pk, {"reason": str(reason)}, request)
        campaign_changed(fresh, "campaign.paused")
    return fresh


def leave_to_owner(*, campaign: Campaign) -> None:
    """A paused campaign that may go on, and cannot yet: its owner starts it when what is missing is there."""
    paused = Campaign.objects.filter(pk=campaign.pk, state=CampaignState.PAUSED)
    if paused.update(pause_reason=PauseReason.BY_OWNER):
        campaign.pause_reason = PauseReason.BY_OWNER
        campaign_changed(campaign)


def finish(*, campaign: Campaign, actor: User | None, request: HttpRequest | None = None) -> Campaign:
    """For good. Raises ConflictError for one that is finished."""
    with transaction.atomic():
        fresh = Campaign.objects.select_related("organisation").get(pk=campaign.pk)
        if fresh.state == CampaignState.FINISHED:
            raise ConflictError(_("The campaign is finished."))
        _move(fresh, fresh.state, state=CampaignState.FINISHED, pause_reason="", finished_at=clock.now())
        audit.record(audit.Tag.WEB_CAMPAIGN_FINISHED, actor, fresh.pk, None, request)
        campaign_changed(fresh, "campaign.finished")
    return fresh


def _move(campaign: Campaign, old: str, **changes: Any) -> None:
    """From the state `old`; exactly one of those who try at the same time succeeds."""
    if not Campaign.objects.filter(pk=campaign.pk, state=old).update(**changes):
        raise ConflictError(_("The campaign has been changed meanwhile. Look again, then decide."))
    for name, value in changes.items():
        setattr(campaign, name, value)


def _locked(id: uuid.UUID) -> Campaign:
    return Campaign.objects.select_for_update(of=("self",)).select_related("organisation").get(pk=id)


def _own_faults(campaign: Campaign) -> list[Missing]:
    """What a change of a running campaign must not bring about; that contacts or money run out is no fault of it."""
    return [item for item in missing(campaign) if item.step not in ("contacts", "balance")]


def _known(fields: dict[str, Any]) -> None:
    if unknown := set(fields) - CHANGEABLE:
        raise TypeError(f"a campaign has no changeable {', '.join(sorted(unknown))}")


def _apply_attempt_limit(campaign: Campaign) -> None:
    """Contacts over a lowered limit are used up; those under a raised one come back."""
    waiting = Contact.objects.filter(campaign=campaign, state__in=(ContactState.FRESH, ContactState.RETRY))
    used_up = waiting.filter(attempts__gte=campaign.max_attempts).update(state=ContactState.EXHAUSTED)
    over = Contact.objects.filter(campaign=campaign, state=ContactState.EXHAUSTED)
    back = over.filter(attempts__lt=campaign.max_attempts).update(state=ContactState.RETRY)
    tally.add(campaign.pk, exhausted=used_up - back)


def _checked(campaign: Campaign) -> None:
    """What the model's fields cannot say by themselves."""
    _clean(campaign, exclude={"organisation", "created_by", "started_at", "finished_at", "columns", "window_days"})
    errors: dict[str, str] = {}
    if campaign.window_start >= campaign.window_end:
        errors["window_end"] = str(_("Calls must end later in the day than they begin."))
    days = campaign.window_days
    if not isinstance(days, list) or any(day not in range(1, 8) for day in days):
        errors["window_days"] = str(_("Choose days of the week."))
    if campaign.window_start.second or campaign.window_end.second:
        errors["window_start"] = str(_("Give hours and minutes only."))
    if not 30 <= campaign.max_duration_s <= 7200:
        errors["max_duration_s"] = str(_("A call lasts between 30 seconds and 2 hours."))
    ringing = longest_ringing(campaign)
    if ringing.minor > campaign.price_minor:
        words = {"amount": ringing.format(get_language() or "en")}
        sentence = _("For one call this may come to %(amount)s, more than a conversation costs. Set it lower.") % words
        errors["ring_pay_minor"] = str(sentence)
    if campaign.timezone not in available_timezones():
        errors["timezone"] = str(_("There is no such time zone. Choose one such as Europe/Moscow."))
    most = settings.HEARTHLINE.recordings_most_days
    if campaign.recording_days is not None and not 1 <= campaign.recording_days <= most:
        errors["recording_days"] = str(_("Recordings are kept between 1 and %(most)s days here.") % {"most": most})
    if campaign.consent and not campaign.consent_text.strip():
        errors["consent_text"] = str(_("Write what contacts are told about the recording."))
    if errors:
        raise _invalid(errors)


def longest_ringing(campaign: Campaign) -> Money:
    """The most that a call in which nobody answers may cost."""
    return Money(-(-campaign.ring_pay_minor * settings.HEARTHLINE.ring_timeout_s // 60), campaign.currency)


def _clean(row: Campaign | ResultField | Disposition | CampaignManager, exclude: set[str] | None = None) -> None:
    try:
        row.clean_fields(exclude=exclude)
    except ValidationError as error:
        raise _invalid({name: " ".join(sentences) for name, sentences in error.message_dict.items()}) from None


def _invalid(fields: dict[str, str]) -> InvalidInputError:
    return InvalidInputError(_("Some of this needs another look; see beside each field."), fields=fields)
