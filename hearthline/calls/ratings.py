"""What operators think of campaigns: 1 to 5 stars, by those only who have called there."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from hearthline.calls.models import Attempt, CampaignRating
from hearthline.calls.models_shift import RatingReason
from hearthline.lib import clock
from hearthline.lib.errors import InvalidInputError, NotAllowedError
from hearthline.people.models import User

LONGEST_WORDS = 500


def rate(
    *, operator: User, campaign: uuid.UUID, stars: int, reasons: Sequence[str] = (), words: str = ""
) -> CampaignRating:
    """The operator's word on a campaign; the latest one counts. Raises NotAllowedError for who has not called in it,
    InvalidInputError."""
    if not 1 <= stars <= 5:
        raise InvalidInputError(_("Choose from one to five stars."), field="stars")
    if not set(reasons) <= set(RatingReason.values):
        raise InvalidInputError(_("Choose reasons from the list."), field="reasons")
    if len(words) > LONGEST_WORDS:
        raise InvalidInputError(_("That is too long. Put it shorter."), field="words")
    called = Attempt.objects.filter(campaign=campaign, operator=operator, wrapped_up_at__isnull=False)
    if not called.exists():
        raise NotAllowedError(_("You can rate a campaign when you have called in it."))
    values = {
        "stars": stars, "reasons": list(dict.fromkeys(reasons)), "words": words.strip(), "rated_at": clock.now(),
    }  # fmt: skip
    kept, _made = CampaignRating.objects.update_or_create(campaign_id=campaign, operator=operator, defaults=values)
    return kept
