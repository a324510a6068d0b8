"""The test call: whoever is invited to call passes it before real campaigns open. A score proposes, a moderator decides.

The first wrap-up is what counts, and is all that a moderator sees. Test calls are limited in number and spaced in time; one
that the exchange spoilt does not count.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from hearthline.calls.models import Attempt
from hearthline.campaigns.models import CampaignKind
from hearthline.dialing.services import level_of
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError, NotAllowedError, NotFoundError, UnavailableError
from hearthline.people import audit
from hearthline.people.models import Role, User
from hearthline.quality.models_scenarios import FitnessTest, RobotCall, TestPardon, TestState
from hearthline.quality.scenarios.library import scenarios_for
from hearthline.quality.scenarios.scenario import Use
from hearthline.realtime.audiences import user_audience
from hearthline.realtime.configured import bus

FORGOTTEN_AFTER = timedelta(hours=2)  # a test that was begun and never called
LONGEST_COMMENT = 2000
COUNTED = (TestState.TO_DECIDE, TestState.PASSED, TestState.FAILED)


class Way(StrEnum):
    """Where an operator stands on the way in."""

    NOT_NEEDED = "not_needed"  # passed, or this exchange asks for none
    MAY_BEGIN = "may_begin"
    OPEN = "open"  # begun, not called yet
    TO_DECIDE = "to_decide"
    LATER = "later"
    USED_UP = "used_up"


@dataclass(frozen=True, slots=True)
class Standing:
    way: Way
    tries_left: int
    next_at: datetime | None  # of LATER
    latest: FitnessTest | None  # the latest that counts, with its attempt's robot call


def standing(operator: User) -> Standing:
    """Two queries."""
    tests = list(
        FitnessTest.objects.filter(operator=operator).exclude(state=TestState.VOID)
        .select_related("attempt__campaign").order_by("-begun_at")[:50]
    )  # fmt: skip
    counted = [test for test in tests if test.state in COUNTED]
    latest = counted[0] if counted else None
    allowed = settings.HEARTHLINE.fitness_tries + TestPardon.objects.filter(operator=operator).count()
    left = max(0, allowed - len(counted))
    if level_of(operator) > 0:
        return Standing(Way.NOT_NEEDED, left, None, latest)
    if latest is not None and latest.state == TestState.TO_DECIDE:
        return Standing(Way.TO_DECIDE, left, None, latest)
    if any(test.state == TestState.OPEN for test in tests):
        return Standing(Way.OPEN, left, None, latest)
    if left == 0:
        return Standing(Way.USED_UP, left, None, latest)
    next_at = _next_at(operator, latest)
    if next_at is not None and next_at > clock.now():
        return Standing(Way.LATER, left, next_at, latest)
    return Standing(Way.MAY_BEGIN, left, None, latest)


def _next_at(operator: User, latest: FitnessTest | None) -> datetime | None:
    """A pardon that came after the latest test opens the next one at once."""
    if latest is None or latest.submitted_at is None:
        return None
    if TestPardon.objects.filter(operator=operator, given_at__gt=latest.submitted_at).exists():
        return None
    return latest.submitted_at + timedelta(hours=settings.HEARTHLINE.fitness_retry_hours)


def begin_test(*, operator: User) -> FitnessTest:
    """Begin a test call, or go on with the one that is open. Raises NotAllowedError with the reason, UnavailableError when
    there is no scenario in a language that the operator speaks."""
    where = standing(operator)
    if where.way == Way.OPEN:
        return open_test(operator)
    if where.way != Way.MAY_BEGIN:
        raise NotAllowedError(_REFUSALS[where.way])
    scenario = _scenario_for(operator)
    try:
        with transaction.atomic():
            return FitnessTest.objects.create(operator=operator, scenario=scenario, begun_at=clock.now())
    except IntegrityError:  # pressed twice
        return open_test(operator)


_REFUSALS = {
    Way.NOT_NEEDED: _("You have passed the test call already."),
    Way.TO_DECIDE: _("A moderator is listening to your test call. You will see here what they decide."),
    Way.LATER: _("The next test call is possible later; practise until then."),
    Way.USED_UP: _("Your test calls are used up. Write to a moderator: they can allow another one."),
}


def open_test(operator: User) -> FitnessTest:
    """Raises ConflictError when none is open."""
    found = FitnessTest.objects.filter(operator=operator, state=TestState.OPEN).first()
    if found is None:
        raise ConflictError(_("This test call is over. End the shift: what comes of it stands under Work."))
    return found


def languages_of(operator: User) -> list[str]:
    """Of the calls that an operator can take, the page's own first."""
    spoken = [tag.split("-")[0].lower() for tag in operator.spoken_languages or [operator.language]]
    return sorted(dict.fromkeys(spoken), key=lambda code: code != operator.language)


def _scenario_for(operator: User) -> str:
    """One that the operator has not met in a test yet, as long as there is one."""
    offered = [one.slug for code in languages_of(operator)[:1] for one in scenarios_for(code, Use.TEST)]
    offered = offered or [one.slug for code in languages_of(operator) for one in scenarios_for(code, Use.TEST)]
    if not offered:
        raise UnavailableError(_("There is no test call in a language that you speak. Tell the admin."))
    met = list(FitnessTest.objects.filter(operator=operator).values_list("scenario", flat=True))
    fewest = min(met.count(slug) for slug in offered)
    fresh = [slug for slug in offered if met.count(slug) == fewest]
    return fresh[operator.pk.int % len(fresh)]


def take_score(call: RobotCall, attempt: Attempt) -> None:
    """A call of a test campaign has been scored: keep its first answers, and propose. In the caller's transaction."""
    if attempt.campaign.kind != CampaignKind.TEST:
        return
    rows = FitnessTest.objects.filter(operator=attempt.operator, state=TestState.OPEN, attempt=None)
    test = rows.first()
    if test is None:
        return
    if call.score is None:  # nobody answered, or the exchange failed: it can be tried again at once
        return
    disposition = attempt.disposition
    answers = {
        "disposition": disposition.title if disposition is not None else "",
        "kind": disposition.kind if disposition is not None else "",
        "fields": attempt.result,
        "notes": attempt.notes,
    }
    rows.filter(pk=test.pk).update(
        state=TestState.TO_DECIDE, attempt=attempt, answers=answers, submitted_at=clock.now(), proposed=_proposal(call)
    )


def is_decided(attempt: uuid.UUID) -> bool:
    return FitnessTest.objects.filter(attempt=attempt, state__in=(TestState.PASSED, TestState.FAILED)).exists()


def score_changed(call: RobotCall) -> None:
    """The score of a test call that waits for a moderator has been measured anew: propose anew. In the caller's transaction."""
    waiting = FitnessTest.objects.filter(attempt=call.pk, state=TestState.TO_DECIDE)
    waiting.update(proposed=_proposal(call))


def _proposal(call: RobotCall) -> bool:
    return bool(call.outcome_right) and (call.score or 0) >= settings.HEARTHLINE.fitness_pass_percent


def void(test: FitnessTest) -> None:
    """One that the exchange has spoilt before it was called: it does not count, and another one can be begun at once."""
    FitnessTest.objects.filter(pk=test.pk, state=TestState.OPEN).update(state=TestState.VOID)


def void_forgotten(now: datetime) -> int:
    forgotten = FitnessTest.objects.filter(state=TestState.OPEN, begun_at__lt=now - FORGOTTEN_AFTER)
    return forgotten.update(state=TestState.VOID)


def tests_to_decide() -> QuerySet[FitnessTest]:
    """What waits for a moderator, the oldest first."""
    rows = FitnessTest.objects.filter(state=TestState.TO_DECIDE).select_related("operator", "attempt__robot_call")
    return rows.order_by("submitted_at")


def test_for_staff(user: User, id: uuid.UUID) -> FitnessTest:
    """Raises NotFoundError."""
    rows = FitnessTest.objects.select_related("operator", "decided_by", "attempt__robot_call", "attempt__campaign")
    test = rows.filter(pk=id, attempt__isnull=False).first()
    if test is None or not user.is_active or user.role not in (Role.MODERATOR, Role.ADMIN):
        raise NotFoundError(_("There is no such test call, or it is not for you."))
    return test


def decide_test(
    *, test: FitnessTest, moderator: User, passed: bool, comment: str = "", request: HttpRequest | None = None
) -> FitnessTest:
    """Confirm or overrule what the score proposes; once. Raises NotAllowedError, ConflictError when it was decided before."""
    if moderator.role not in (Role.MODERATOR, Role.ADMIN) or not moderator.is_active:
        raise NotAllowedError(_("Only moderators decide test calls."))
    if moderator.pk == test.operator_id:
        raise NotAllowedError(_("Nobody decides their own test call."))
    overruled = passed != bool(test.proposed)
    if overruled and not comment.strip():
        raise ConflictError(_("Say why you decide otherwise than the score: the operator reads it."))
    decided = {
        "state": TestState.PASSED if passed else TestState.FAILED,
        "decided_at": clock.now(),
        "decided_by": moderator,
        "comment": comment.strip()[:LONGEST_COMMENT],
    }
    with transaction.atomic():
        if FitnessTest.objects.filter(pk=test.pk, state=TestState.TO_DECIDE).update(**decided) != 1:
            raise ConflictError(_("This test call has been decided meanwhile."))
        if passed:
            User.objects.filter(pk=test.operator_id, level=0).update(level=1)
        details = {"passed": passed, "overruled": overruled}
        audit.record(audit.Tag.WEB_TEST_DECIDED, moderator, test.pk, details, request)
        bus().publish(
            "test.decided", {"test": str(test.pk), "passed": passed}, audiences=(user_audience(test.operator_id),)
        )
    test.refresh_from_db()
    return test


def allow_another(*, operator: User, moderator: User, request: HttpRequest | None = None) -> TestPardon:
    """One more test call than the limit, and at once. Raises NotAllowedError."""
    if moderator.role not in (Role.MODERATOR, Role.ADMIN) or not moderator.is_active:
        raise NotAllowedError(_("Only moderators decide test calls."))
    with transaction.atomic():
        pardon = TestPardon.objects.create(operator=operator, given_by=moderator)
        audit.record(audit.Tag.WEB_TEST_ALLOWED, moderator, operator.pk, None, request)
    return pardon
