"""Campaigns before strangers say them: what the exchange finds by itself, and what a moderator decides.

`campaign_approval` says which campaigns wait: all, those with a finding ("risky"), or none. One that does not wait starts at once and
is looked at in passing. Who changes script, brief or price of an approved campaign asks for a new look.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Avg
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from hearthline.campaigns import services as campaigns
from hearthline.campaigns.announcements import campaign_changed
from hearthline.campaigns.models import Campaign, CampaignKind, CampaignState, Contact, PauseReason
from hearthline.campaigns.readiness import missing
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError, InvalidInputError, NotAllowedError
from hearthline.people import audit, letters
from hearthline.people.models import MembershipLevel, User
from hearthline.quality.models import CampaignCheck
from hearthline.quality.models_moderation import CheckState

SHORT_SCRIPT = 120  # characters: less is no conversation
SAMPLE = 200  # contacts looked at
SAME_PREFIX_SHARE = 0.95  # consecutive numbers: a range, not a list of people
PRICE_FACTOR = 4  # times dearer or cheaper than the others of this exchange

# what a caller must not ask for, and what reads like a fraud; whole words, in both languages
_ASKED_FOR = re.compile(
    r"\b(cvv|cvc|pin[- ]?code|card number|one-time code|sms code|password|номер карты|код из смс|смс-код|пин-?код|парол[ьяю])\b",
    re.IGNORECASE,
)
_PRETENDS = re.compile(
    r"\b(security service of (the|your) bank|police officer|tax office|служб[аыу] безопасности|следовател[ья]|сотрудник полиции)\b",
    re.IGNORECASE,
)

FINDINGS = {
    "asks_for_secrets": _("The script asks for what nobody may ask for on the telephone"),
    "pretends": _("The script speaks in the name of an authority or a bank's security"),
    "short_script": _("The script is very short"),
    "no_introduction": _("The script does not say who is calling"),
    "price_high": _("The price is far above what others pay here"),
    "price_low": _("The price is far below what others pay here"),
    "number_range": _("The numbers follow each other: a range rather than a list of people"),
    "first_campaign": _("The customer's first campaign"),
}
WAITS_FOR = frozenset({"asks_for_secrets", "pretends", "price_high"})


class WaitsForModeratorError(ConflictError):
    code = "waits_for_moderator"

    def __init__(self) -> None:
        super().__init__(
            _("A moderator looks at this campaign before it starts. You will see here when it may; nothing is lost.")
        )


class SentBackError(ConflictError):
    code = "sent_back"


def digest_of(campaign: Campaign) -> str:
    """Of what a moderator reads. Another digest: to be looked at again."""
    read = "\x00".join((campaign.name, campaign.brief, campaign.script, str(campaign.price_minor)))
    return hashlib.sha256(read.encode()).hexdigest()


def start(*, campaign: Campaign, actor: User, request: HttpRequest | None = None) -> Campaign:
    """`campaigns.services.start`, after the look that the exchange wants.

    Raises WaitsForModeratorError, SentBackError with the moderator's words, and what `services.start` raises. A paused campaign that
    waits goes on by itself when it is approved.
    """
    if found := missing(campaign):
        raise campaigns.NotReadyError(found)  # nobody looks at what is not finished
    check = check_of(campaign) or _ask(campaign)
    if check.state == CheckState.REFUSED:
        raise SentBackError(
            _("A moderator has sent this campaign back: %(words)s Change it, then start it again.")
            % {"words": check.words}
        )
    if check.state == CheckState.WAITING:
        paused = Campaign.objects.filter(pk=campaign.pk, state=CampaignState.PAUSED)
        if paused.exclude(pause_reason=PauseReason.BY_MODERATOR).update(pause_reason=PauseReason.WAITS_FOR_LOOK):
            campaign.refresh_from_db(fields=["pause_reason"])
            campaign_changed(campaign)
        raise WaitsForModeratorError
    return campaigns.start(campaign=campaign, actor=actor, request=request)


def check_of(campaign: Campaign) -> CampaignCheck | None:
    """The look at the campaign as it is now."""
    return CampaignCheck.objects.filter(campaign=campaign, digest=digest_of(campaign)).first()


def change(*, campaign: Campaign, actor: User, request: HttpRequest | None = None, **fields: Any) -> Campaign:
    """`campaigns.services.change_campaign`, and another look where a running campaign's text or price has changed."""
    changed = campaigns.change_campaign(campaign=campaign, actor=actor, request=request, **fields)
    look_again(changed)
    return changed


def look_again(campaign: Campaign) -> None:
    """A campaign was changed. What waited for a look at the text of before does not any more. One that runs goes on, and a moderator
    looks at it; with a finding that must wait it pauses. One that has paused for a look goes on when the new text needs none."""
    overtaken = CampaignCheck.objects.filter(campaign=campaign, decided_at=None).exclude(digest=digest_of(campaign))
    overtaken.update(state=CheckState.OVERTAKEN, decided_at=clock.now())
    waits = campaign.state == CampaignState.PAUSED and campaign.pause_reason == PauseReason.WAITS_FOR_LOOK
    if campaign.state != CampaignState.RUNNING and not waits:
        return
    check = check_of(campaign)
    if (
        check is not None and check.state == CheckState.OVERTAKEN
    ):  # the owner came back to a text that nobody had decided on
        check.delete()
        check = None
    check = check or _ask(campaign)
    if check.state == CheckState.WAITING and not waits:
        campaigns.pause(campaign=campaign, actor=None, reason=PauseReason.WAITS_FOR_LOOK)
    elif check.state == CheckState.REFUSED:
        _stop(campaign, PauseReason.SENT_BACK)
    elif waits and check.state in (CheckState.APPROVED, CheckState.RUNNING):
        _go_on(campaign, None)


def decide(
    *, check: CampaignCheck, moderator: User, approved: bool, words: str, request: HttpRequest | None = None
) -> CampaignCheck:
    """Approve it, or send it back with words for the owner, who gets a message either way.

    A running campaign that is sent back is paused until its owner has changed it; one that has paused for this look goes on. Raises
    ConflictError when it was decided, or changed, meanwhile.
    """
    words = words.strip()[:2000]
    if not approved and not words:
        raise InvalidInputError(_("Say what must be changed; the owner reads it."))
    if check.campaign.organisation.memberships.filter(user=moderator).exists():
        raise NotAllowedError(_("You have a part in this. Leave it to another moderator."))
    state = CheckState.APPROVED if approved else CheckState.REFUSED
    if digest_of(check.campaign) != check.digest:
        look_again(check.campaign)  # changed by another way than `change`: not to be decided, and not to stay here
    with transaction.atomic():
        campaign = (
            Campaign.objects.select_for_update(of=("self",)).select_related("organisation").get(pk=check.campaign_id)
        )
        if check.state == CheckState.OVERTAKEN or digest_of(campaign) != check.digest:
            raise ConflictError(
                _("The owner has changed the campaign meanwhile. Take the next; the new text comes to the queue.")
            )
        undecided = CampaignCheck.objects.filter(pk=check.pk, decided_at=None)
        if undecided.update(state=state, decided_at=clock.now(), decided_by=moderator, words=words) != 1:
            raise ConflictError(_("Another moderator has decided this already."))
        check.refresh_from_db()
        if approved:
            _go_on(campaign, moderator, request)
        else:
            _stop(campaign, PauseReason.SENT_BACK, moderator, request)
        tag = audit.Tag.WEB_CAMPAIGN_APPROVED if approved else audit.Tag.WEB_CAMPAIGN_REFUSED
        audit.record(tag, moderator, campaign.pk, {"check": check.pk}, request)
        campaign_changed(campaign)
        _write_to_owners(campaign, check)
    return check


def _go_on(campaign: Campaign, actor: User | None, request: HttpRequest | None = None) -> None:
    """One that has paused for a look. Where something is missing meanwhile (money, contacts), it is its owner's to start."""
    if campaign.state != CampaignState.PAUSED or campaign.pause_reason != PauseReason.WAITS_FOR_LOOK:
        return
    if missing(campaign):
        campaigns.leave_to_owner(campaign=campaign)
    else:
        campaigns.start(campaign=campaign, actor=actor, request=request)


def _stop(
    campaign: Campaign, reason: PauseReason, actor: User | None = None, request: HttpRequest | None = None
) -> None:
    if campaign.state == CampaignState.RUNNING:
        campaigns.pause(campaign=campaign, actor=actor, reason=reason, request=request)
    else:
        waiting = Campaign.objects.filter(pk=campaign.pk, pause_reason=PauseReason.WAITS_FOR_LOOK)
        waiting.update(pause_reason=reason)


def _write_to_owners(campaign: Campaign, check: CampaignCheck) -> None:
    owners = User.objects.filter(
        memberships__organisation=campaign.organisation, memberships__level=MembershipLevel.OWNER
    )
    name = {"name": campaign.name, "words": check.words}
    campaign.refresh_from_db(fields=["state"])

    def compose() -> letters.Letter:
        if check.state == CheckState.REFUSED:
            said = (
                _("A moderator has sent the campaign “%(name)s” back: %(words)s Change it, then start it again.") % name
            )
        elif campaign.state == CampaignState.RUNNING:
            said = _("A moderator has looked at the campaign “%(name)s”: it goes on. %(words)s") % name
        else:
            said = _("A moderator has looked at the campaign “%(name)s”: it may start. %(words)s") % name
        subject = _("Your campaign “%(name)s”") % name
        return letters.Letter(subject, said, letters.page("customer:campaign", campaign.pk))

    letters.write(owners, compose)


def findings(campaign: Campaign) -> list[dict[str, Any]]:
    """What the exchange finds by itself, in the shape of `CampaignCheck.findings`. Five queries at most."""
    return [*_of_script(campaign.script), *_of_price(campaign), *_of_numbers(campaign), *_of_customer(campaign)]


def _ask(campaign: Campaign) -> CampaignCheck:
    found = findings(campaign)
    policy = settings.HEARTHLINE.campaign_approval
    risky = any(finding["code"] in WAITS_FOR for finding in found)
    if policy == "none":
        state, decided = CheckState.APPROVED, clock.now()
    else:
        waits = policy == "all" or risky
        state, decided = (CheckState.WAITING if waits else CheckState.RUNNING), None
    check, _created = CampaignCheck.objects.get_or_create(
        campaign=campaign,
        digest=digest_of(campaign),
        defaults={"findings": found, "state": state, "decided_at": decided},
    )
    return check


def _of_script(script: str) -> Iterator[dict[str, Any]]:
    if match := _ASKED_FOR.search(script):
        yield {"code": "asks_for_secrets", "words": match[0]}
    if match := _PRETENDS.search(script):
        yield {"code": "pretends", "words": match[0]}
    if len(script.strip()) < SHORT_SCRIPT:
        yield {"code": "short_script", "characters": len(script.strip())}
    if "{{customer}}" not in re.sub(r"\s", "", script) and "{{operator}}" not in re.sub(r"\s", "", script):
        yield {"code": "no_introduction"}


def _of_price(campaign: Campaign) -> Iterator[dict[str, Any]]:
    others = Campaign.objects.filter(
        currency=campaign.currency, kind=CampaignKind.REAL, price_minor__gt=0, started_at__isnull=False
    ).exclude(pk=campaign.pk)
    mean = others.aggregate(mean=Avg("price_minor"))["mean"]
    if not mean:
        return
    if campaign.price_minor > PRICE_FACTOR * mean:
        yield {"code": "price_high", "price_minor": campaign.price_minor, "others_minor": round(mean)}
    elif campaign.price_minor * PRICE_FACTOR < mean:
        yield {"code": "price_low", "price_minor": campaign.price_minor, "others_minor": round(mean)}


def _of_numbers(campaign: Campaign) -> Iterator[dict[str, Any]]:
    """Numbers as people have them are scattered; a range that was made up is not."""
    rows = Contact.objects.filter(campaign=campaign).order_by("campaign", "row_number", "id")
    numbers = sorted(int(phone.lstrip("+")) for phone in rows.values_list("phone", flat=True)[:SAMPLE])
    if len(numbers) < 20:
        return
    close_by = sum(1 for one, other in pairwise(numbers) if other - one <= 2)
    share = close_by / (len(numbers) - 1)
    if share >= SAME_PREFIX_SHARE:
        yield {"code": "number_range", "percent": round(100 * share), "looked_at": len(numbers)}


def _of_customer(campaign: Campaign) -> Iterator[dict[str, Any]]:
    started = Campaign.objects.filter(organisation=campaign.organisation_id, started_at__isnull=False)
    if not started.exclude(pk=campaign.pk).exists():
        yield {"code": "first_campaign"}
