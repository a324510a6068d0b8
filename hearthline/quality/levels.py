"""Levels above 1: what the next one asks for, who has it, and who gives it.

The rules raise by one level at a time, or propose it to a moderator, as the exchange has set. Only a moderator takes a level away, with
reasons that the operator reads; what the rules count begins anew from then on, so that they do not give back what was just taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q, Sum
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from hearthline.calls.models import Attempt, Shift
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError, InvalidInputError, NotAllowedError
from hearthline.people import audit
from hearthline.people.models import Role, User
from hearthline.quality.models_levels import LevelChange, LevelState
from hearthline.quality.standing import Quality, quality_of
from hearthline.realtime.audiences import STAFF, user_audience
from hearthline.realtime.configured import bus

HIGHEST = 9
RULED = (2, 3)  # what is above is given by hand
CONSIDERED_AT_ONCE = 5000
DECLINED_FOR = timedelta(days=30)  # then it is proposed again, if it still holds


@dataclass(frozen=True, slots=True)
class Rule:
    level: int
    conversations: int
    score: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What the rules look at. `mean` None: nothing was scored."""

    conversations: int
    mean: int | None
    scored: int
    fatal_at: datetime | None


@dataclass(frozen=True, slots=True)
class Lack:
    """What is missing to a level. `code`: "conversations", "scored", "score" or "clean"; of "clean" `needed` is in days."""

    code: str
    has: int
    needed: int
    until: datetime | None = None  # of "clean": then it is there


@dataclass(frozen=True, slots=True)
class Prospect:
    """The next level. `rule` None: it is given by hand."""

    level: int
    rule: Rule | None
    figures: Figures
    lacks: Sequence[Lack]


def rules() -> dict[int, Rule]:
    set_ = settings.HEARTHLINE
    return {
        2: Rule(2, set_.level2_conversations, set_.level2_score),
        3: Rule(3, set_.level3_conversations, set_.level3_score),
    }


def prospect_of(operator: User, now: datetime, known: Quality | None = None) -> Prospect:
    """Three queries; two where their figure of quality is `known`."""
    figures = figures_of(operator, now, known)
    level = max(1, operator.level) + 1
    rule = rules().get(level) if settings.HEARTHLINE.levels != "by_hand" else None
    return Prospect(level, rule, figures, lacks_of(rule, figures, now) if rule is not None else ())


def figures_of(operator: User, now: datetime, known: Quality | None = None) -> Figures:
    """Since the level was last taken away, if it ever was."""
    taken = LevelChange.objects.filter(operator=operator, state=LevelState.DONE, becomes__lt=F("was"))
    since = taken.order_by("-at").values_list("at", flat=True).first()
    if since is None:
        paid = Shift.objects.filter(operator=operator).aggregate(n=Sum("conversations"))["n"] or 0
    else:
        paid = Attempt.objects.filter(operator=operator, payable=True, dialled_at__gt=since).count()
    quality = known if known is not None and since is None else quality_of(operator, now, since=since)
    return Figures(paid, quality.mean, quality.count, quality.fatal_at)


def lacks_of(rule: Rule, figures: Figures, now: datetime) -> list[Lack]:
    set_ = settings.HEARTHLINE
    found = []
    if figures.conversations < rule.conversations:
        found.append(Lack("conversations", figures.conversations, rule.conversations))
    if figures.scored < set_.level_least_scored:
        found.append(Lack("scored", figures.scored, set_.level_least_scored))
    if figures.mean is not None and figures.mean < rule.score:
        found.append(Lack("score", figures.mean, rule.score))
    if figures.fatal_at is not None:
        clean_from = figures.fatal_at + timedelta(days=set_.level_clean_days)
        if clean_from > now:
            found.append(Lack("clean", (now - figures.fatal_at).days, set_.level_clean_days, clean_from))
    return found


def look(now: datetime) -> int:
    """Whoever has all that the next level asks for is given it, or proposed for it. Returns how many; safe to repeat."""
    if settings.HEARTHLINE.levels == "by_hand":
        return 0
    found = 0
    for level in RULED:
        fewest = rules()[level].conversations
        busy = (
            User.objects.filter(role=Role.OPERATOR, is_active=True, level=level - 1)
            .annotate(paid=Sum("shifts__conversations"))
            .filter(paid__gte=fewest)
            .order_by("-paid")
        )
        found += sum(_consider(operator, now) for operator in busy[:CONSIDERED_AT_ONCE])
    return found


def _consider(operator: User, now: datetime) -> bool:
    prospect = prospect_of(operator, now)
    if prospect.rule is None or prospect.lacks:
        return False
    changes = LevelChange.objects.filter(operator=operator)
    waits = Q(state=LevelState.PROPOSED) | Q(state=LevelState.DECLINED, at__gt=now - DECLINED_FOR)
    if changes.filter(waits, becomes=prospect.level).exists():
        return False
    figures = asdict(prospect.figures) | {"fatal_at": None}
    change = LevelChange(operator=operator, was=operator.level, becomes=prospect.level, at=now, figures=figures)
    if settings.HEARTHLINE.levels == "given":
        return _done(change, None)
    change.state = LevelState.PROPOSED
    try:
        with transaction.atomic():
            change.save(force_insert=True)
            _tell(change)
    except IntegrityError:  # in another worker, at this moment
        return False
    return True


def decide(
    *, change: LevelChange, moderator: User, given: bool, words: str = "", request: HttpRequest | None = None
) -> LevelChange:
    """A moderator's word on a proposal; once. Raises InvalidInputError without reasons for a no, ConflictError."""
    _require_staff(moderator, change.operator)
    words = words.strip()[:2000]
    if not given and not words:
        raise InvalidInputError(_("Say why not; the operator reads it."))
    with transaction.atomic():
        rows = LevelChange.objects.filter(pk=change.pk, state=LevelState.PROPOSED)
        state = LevelState.DONE if given else LevelState.DECLINED
        if rows.update(state=state, by=moderator, words=words, at=clock.now()) != 1:
            raise ConflictError(_("Another moderator has decided this already."))
        if given and User.objects.filter(pk=change.operator_id, level=change.was).update(level=change.becomes) != 1:
            raise ConflictError(_("The level has been changed meanwhile. Look at it again."))
        tag = audit.Tag.WEB_LEVEL_CHANGED if given else audit.Tag.WEB_LEVEL_DECLINED
        audit.record(tag, moderator, change.operator_id, {"was": change.was, "becomes": change.becomes}, request)
        change.refresh_from_db()
        _tell(change)
    return change


def set_level(
    *, operator: User, moderator: User, level: int, words: str, request: HttpRequest | None = None
) -> LevelChange:
    """By hand, up or down, with reasons that the operator reads. A proposal that waits is settled by it."""
    _require_staff(moderator, operator)
    words = words.strip()[:2000]
    if not 1 <= level <= HIGHEST or operator.level == 0:
        raise InvalidInputError(_("A level is from 1 to 9; the test call gives the first one."))
    if level == operator.level:
        raise InvalidInputError(_("That is the level they have."))
    if not words:
        raise InvalidInputError(_("Give your reasons; the operator will read them."))
    change = LevelChange(operator=operator, was=operator.level, becomes=level, at=clock.now(), words=words)
    with transaction.atomic():
        LevelChange.objects.filter(operator=operator, state=LevelState.PROPOSED).update(
            state=LevelState.DECLINED, by=moderator, at=clock.now()
        )
        if not _done(change, moderator):
            raise ConflictError(_("The level has been changed meanwhile. Look at it again."))
        details = {"was": change.was, "becomes": level}
        audit.record(audit.Tag.WEB_LEVEL_CHANGED, moderator, operator.pk, details, request)
    operator.refresh_from_db(fields=["level"])
    return change


def _done(change: LevelChange, by: User | None) -> bool:
    """False when the level was changed meanwhile."""
    with transaction.atomic():
        if User.objects.filter(pk=change.operator_id, level=change.was).update(level=change.becomes) != 1:
            return False
        change.state, change.by = LevelState.DONE, by
        change.save(force_insert=True)
        if by is None:
            details: dict[str, Any] = {"was": change.was, "becomes": change.becomes}
            audit.record(audit.Tag.SYSTEM_LEVEL_GIVEN, None, change.operator_id, details)
        _tell(change)
    return True


def _tell(change: LevelChange) -> None:
    payload = {"operator": str(change.operator_id), "state": str(change.state), "level": change.becomes}
    told = change.state != LevelState.PROPOSED
    audiences = (user_audience(change.operator_id), STAFF) if told else (STAFF,)
    bus().publish("level.changed", payload, audiences=audiences)


def _require_staff(moderator: User, operator: User) -> None:
    if moderator.role not in (Role.MODERATOR, Role.ADMIN) or not moderator.is_active:
        raise NotAllowedError(_("Only moderators change levels."))
    if moderator.pk == operator.pk:
        raise NotAllowedError(_("Nobody changes their own level."))
