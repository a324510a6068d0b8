"""The way of somebody who was invited to call, to their first campaign: what is behind them, and what is next."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from hearthline.campaigns.models import CampaignKind
from hearthline.dialing.services import level_of
from hearthline.people.models import User
from hearthline.quality import fitness, readiness
from hearthline.quality.models import RobotCall

RECENT = 5


class Part(StrEnum):
    LANGUAGES = "languages"
    READY = "ready"
    TUTORIAL = "tutorial"
    TRAINING = "training"
    TEST = "test"


TITLES: dict[Part, str | Promise] = {
    Part.LANGUAGES: _("Say which languages you speak"),
    Part.READY: _("Check microphone and line"),
    Part.TUTORIAL: _("Look around"),
    Part.TRAINING: _("Practise"),
    Part.TEST: _("The test call"),
}
PAGES = {Part.READY: "operator:ready", Part.TEST: "operator:test"}


@dataclass(frozen=True, slots=True)
class Step:
    part: Part
    title: str | Promise
    done: bool
    next: bool

    @property
    def url(self) -> str:
        """Where it is done, or where the button for it stands."""
        page = PAGES.get(self.part)
        return reverse(page) if page else f"{reverse('operator:choose')}#way-{self.part}"


@dataclass(frozen=True, slots=True)
class WayIn:
    """`next` is None while a moderator decides, or until another test call is possible: `test` says which."""

    steps: list[Step]
    next: Step | None
    test: fitness.Standing
    calls: list[RobotCall]  # the latest of practice


def way_in(operator: User, device: str) -> WayIn | None:
    """None for whoever needs no test call (any more). `device` is the browser's mark of the readiness check. At most six queries."""
    if level_of(operator) > 0:
        return None
    test = fitness.standing(operator)
    own = RobotCall.objects.filter(
        attempt__operator=operator, attempt__campaign__kind__in=(CampaignKind.TRAINING, CampaignKind.TUTORIAL)
    )
    met = set(own.order_by().values_list("attempt__campaign__kind", flat=True).distinct())
    counted = test.way not in (fitness.Way.MAY_BEGIN, fitness.Way.OPEN)
    done = {
        Part.LANGUAGES: bool(operator.spoken_languages),
        Part.READY: not readiness.standing(operator, device).due,
        Part.TUTORIAL: CampaignKind.TUTORIAL in met,
        Part.TRAINING: CampaignKind.TRAINING in met,
        Part.TEST: counted,
    }
    following = None if counted else next(part for part in Part if not done[part])
    steps = [Step(part, TITLES[part], done[part] and part != Part.TEST, part == following) for part in Part]
    calls = list(own.select_related("attempt__campaign").order_by("-begun_at")[:RECENT])
    return WayIn(steps, next((step for step in steps if step.next), None), test, calls)
