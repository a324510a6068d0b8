"""A call with a robot against what the robot meant: the outcome, the form, the manners. Points with reasons, 0 to 100.

Whoever is last of the three (the robot's log, the wrap-up, the worker's round) scores, by what the robot heard. When the recording has
been analysed, or its words have been written down, the manners are measured anew on it, until a person has decided by the score.
"""

from __future__ import annotations

import unicodedata
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from hearthline.calls.models import Attempt
from hearthline.campaigns.models import CampaignKind
from hearthline.lib import clock
from hearthline.quality import fitness
from hearthline.quality.hearing import Hearing, hearing_of, was_said
from hearthline.quality.models_moderation import Review
from hearthline.quality.models_scenarios import RobotCall
from hearthline.quality.scenarios.library import scenario_of
from hearthline.quality.scenarios.scenario import Manner, RubricItem, Scenario
from hearthline.quality.turn_taking import Measured, Talk, measure, talk_of
from hearthline.realtime.audiences import user_audience
from hearthline.realtime.configured import bus

OUTCOME_POINTS, FIELDS_POINTS, MANNERS_POINTS = 40, 20, 40
LOG_WITHIN = timedelta(
    minutes=2
)  # of the wrap-up: after that the robot has died in the call, and the form alone is scored
SETTLED_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that was looked at. `code`: "outcome", "field", or a `Manner`; `ok` None: a person has to listen."""

    code: str
    ok: bool | None
    points: float
    of: float
    key: str = ""  # of the field; of the rubric's turn
    meant: tuple[str, ...] = ()
    written: str = ""
    value: float | None = None
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Score:
    total: int
    outcome_right: bool
    items: tuple[Item, ...]


def settle_robot_call(attempt_id: uuid.UUID) -> RobotCall | None:
    """Score the call, if all that is needed is there and nobody has. Returns it when this did it."""
    with transaction.atomic():
        call = RobotCall.objects.select_for_update().filter(pk=attempt_id, scored_at=None).first()
        if call is None:
            return None
        attempt = Attempt.objects.select_related("campaign", "contact", "disposition", "operator").get(pk=attempt_id)
        now = clock.now()
        if attempt.wrapped_up_at is None or (call.ended_at is None and now - attempt.wrapped_up_at < LOG_WITHIN):
            return None
        scenario = scenario_of(call.scenario)
        if scenario is not None and call.answered:
            _write_score(call, scenario, attempt, hearing_of(call, attempt))
        call.scored_at = now
        call.save(update_fields=["score", "outcome_right", "items", "ear", "scored_at"])
        fitness.take_score(call, attempt)
        _tell(call, attempt, again=False)
    return call


def measure_again(attempt_id: uuid.UUID) -> bool:
    """The recording has been analysed, or its words have been written down: the manners once more. Whether anything is measured
    otherwise now. What a moderator has decided by, and what the operator has been told of a golden contact, stays as it is."""
    with transaction.atomic():
        call = RobotCall.objects.select_for_update().filter(pk=attempt_id, score__isnull=False).first()
        scenario = scenario_of(call.scenario) if call is not None else None
        if call is None or scenario is None or fitness.is_decided(attempt_id):
            return False
        if Review.objects.filter(attempt=attempt_id, reviewer=None).exists():
            return False
        attempt = Attempt.objects.select_related("campaign", "contact", "disposition", "operator").get(pk=attempt_id)
        hearing = hearing_of(call, attempt)
        if hearing.ear == call.ear and hearing.words is None:
            return False
        _write_score(call, scenario, attempt, hearing)
        call.save(update_fields=["score", "outcome_right", "items", "ear"])
        fitness.score_changed(call)
        _tell(call, attempt, again=True)
    return True


def _write_score(call: RobotCall, scenario: Scenario, attempt: Attempt, hearing: Hearing) -> None:
    score = score_of(scenario, call, attempt, hearing)
    call.score, call.outcome_right = score.total, score.outcome_right
    call.items = [asdict(item) for item in score.items]
    call.ear = hearing.ear


def _tell(call: RobotCall, attempt: Attempt, *, again: bool) -> None:
    if attempt.campaign.kind != CampaignKind.REAL:  # golden contacts stay what they seem to be
        payload = {"attempt": str(attempt.pk), "score": call.score, "again": again}
        bus().publish("practice.scored", payload, audiences=(user_audience(attempt.operator_id),))


def settle_waiting(now: datetime) -> int:
    """Calls that were left over: not wrapped up by anybody, or whose robot died. Safe to repeat."""
    waiting = RobotCall.objects.filter(scored_at=None, attempt__wrapped_up_at__lt=now - timedelta(seconds=10))
    done = sum(settle_robot_call(id) is not None for id in waiting.values_list("pk", flat=True)[:SETTLED_AT_ONCE])
    return done + fitness.void_forgotten(now)


def score_of(scenario: Scenario, call: RobotCall, attempt: Attempt, hearing: Hearing) -> Score:
    """Shares that have nothing to be looked at are left out, and what is left makes the whole."""
    kind = attempt.disposition.kind if attempt.disposition is not None else ""
    right = kind in scenario.means.outcome
    outcome = Item(
        "outcome", right, OUTCOME_POINTS * right, OUTCOME_POINTS, meant=tuple(scenario.means.outcome), written=kind
    )
    items = [outcome, *_fields(scenario, attempt.result), *_manners(scenario, call, attempt, hearing)]
    counted = [item for item in items if item.ok is not None]
    possible = sum(item.of for item in counted)
    total = round(100 * sum(item.points for item in counted) / possible) if possible else 0
    return Score(total, right, tuple(items))


def _fields(scenario: Scenario, result: Mapping[str, Any]) -> list[Item]:
    fields = scenario.means.fields
    each = FIELDS_POINTS / len(fields) if fields else 0.0
    found = []
    for key, meant in fields.items():
        written = str(result.get(key, "") or "")
        ok = plain(written) in {plain(one) for one in meant}
        found.append(Item("field", ok, each * ok, each, key=key, meant=tuple(meant), written=written))
    return found


def _manners(scenario: Scenario, call: RobotCall, attempt: Attempt, hearing: Hearing) -> list[Item]:
    if call.ended_at is None:
        return []  # no log
    talk = talk_of(hearing.spoken, all_said=call.all_said, left_by_operator=attempt.ended_by == "operator")
    measured = [(item, _measured(item, talk, scenario, hearing)) for item in scenario.rubric]
    weights = sum(item.weight for item, seen in measured if seen.ok is not None)
    found = []
    for item, seen in measured:
        of = MANNERS_POINTS * item.weight / weights if weights and seen.ok is not None else 0.0
        words = tuple(item.words) if item.manner is Manner.MENTIONS else ()
        found.append(
            Item(item.manner.value, seen.ok, of * bool(seen.ok), of, item.turn, words, "", seen.value, item.limit)
        )
    return found


def _measured(item: RubricItem, talk: Talk, scenario: Scenario, hearing: Hearing) -> Measured:
    if item.manner is Manner.MENTIONS and hearing.words is not None:
        return Measured(was_said(item.words, hearing.words))
    return measure(item, talk, scenario)


def plain(text: str) -> str:
    """As people compare what they wrote: without case, spaces and accents."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).strip(" .")


def failed_items(items: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [item for item in items if item["ok"] is False]
