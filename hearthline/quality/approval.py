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
from hearthline.campaigns.models import Campaign, CampaignKind, CampaignState, Contact, PauseReason
from hearthline.campaigns.readiness import missing
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError, InvalidInputError
from hearthline.people import audit
from hearthline.people.models import User
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

    Raises WaitsForModeratorError, SentBackError with the moderator's words, and what `services.start` raises.
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
    """A running campaign was changed: it goes on, and a moderator looks at it; with a finding that must wait it pauses."""
    if campaign.state != CampaignState.RUNNING or check_of(campaign) is not None:
        return
    if _ask(campaign).state == CheckState.WAITING:
        campaigns.pause(campaign=campaign, actor=None, reason=PauseReason.BY_MODERATOR)


def decide(
    *, check: CampaignCheck, moderator: User, approved: bool, words: str, request: HttpRequest | None = None
) -> CampaignCheck:
    """Approve it, or send it back with words for the owner; a running one that is sent back is paused."""
    words = words.strip()[:2000]
    if not approved and not words:
        raise InvalidInputError(_("Say what must be changed; the owner reads it."))
    state = CheckState.APPROVED if approved else CheckState.REFUSED
    with transaction.atomic():
        undecided = CampaignCheck.objects.filter(pk=check.pk, decided_at=None)
        if undecided.update(state=state, decided_at=clock.now(), decided_by=moderator, words=words) != 1:
            raise ConflictError(_("Another moderator has decided this already."))
        check.refresh_from_db()
        campaign = check.campaign
        if not approved and campaign.state == CampaignState.RUNNING:
            campaigns.pause(campaign=campaign, actor=moderator, reason=PauseReason.BY_MODERATOR, request=request)
        tag = audit.Tag.WEB_CAMPAIGN_APPROVED if approved else audit.Tag.WEB_CAMPAIGN_REFUSED
        audit.record(tag, moderator, campaign.pk, {"check": check.pk}, request)
    return check


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
