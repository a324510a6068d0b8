"""Who answers at a robot's number: its scenario as a plan, and what is written down when the call is over."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hearthline.calls.models import Attempt
from hearthline.lib import clock
from hearthline.lib.phone_forms import spoken
from hearthline.quality.decoys import number_said_by
from hearthline.quality.house import MANAGERS
from hearthline.quality.models_scenarios import RobotCall
from hearthline.quality.scenarios.library import recordings_of, scenario_of
from hearthline.quality.scenarios.scenario import NUMBER, Scenario, ScenarioTurn
from hearthline.quality.scoring import settle_robot_call
from hearthline.switch.robots.characters import Character, Plan, plan_for
from hearthline.switch.robots.phrases import lines
from hearthline.switch.robots.turns import Spoken, Turn, Wait

TICK_MS = 20
RINGS_AFTER_S = 0.3
LONGEST_CALL_S = 280.0  # a little less than the campaigns' own bound
MACHINE_LISTENS_S = 25.0
MANAGER_SEED = 1


@dataclass(frozen=True, slots=True)
class Cast:
    """`attempt` None: a manager's robot, of which nothing is written down. `recordings`: what it plays instead of lines, linear and
    16-bit at 8 kHz, by name."""

    plan: Plan
    language: str
    attempt: uuid.UUID | None = None
    scenario: Scenario | None = None
    recordings: Mapping[str, bytes] = field(default_factory=dict)


def cast_for(called: str) -> Cast | None:
    """Whoever has this number; None: nobody. Notes that the robot's call has begun."""
    number = "+" + called.removeprefix("+")
    if number in MANAGERS:
        language = MANAGERS[number]
        return Cast(plan_for(number, MANAGER_SEED, language, Character.MANAGER), language)
    rows = Attempt.objects.select_related("contact").filter(contact__phone=number, ended_at=None)
    attempt = rows.order_by("-dialled_at").first()
    scenario = scenario_of(attempt.contact.scenario) if attempt is not None else None
    if attempt is None or scenario is None:
        return None
    RobotCall.objects.get_or_create(attempt=attempt, defaults={"scenario": scenario.slug, "begun_at": clock.now()})
    plan = plan_of(scenario, number_said_by(attempt.assignment_id))
    return Cast(plan, scenario.language, attempt.pk, scenario, recordings_of(scenario))


def plan_of(scenario: Scenario, number: str = "") -> Plan:
    """`number`: E.164, what a decoy's robot says."""
    persona, said = scenario.persona, lines(scenario.language)
    first, *others = [
        replace(turn, says=turn.says.replace(NUMBER, spoken(number))) if number else turn for turn in scenario.turns
    ]
    return Plan(
        character=Character.VOICEMAIL if persona.machine else Character.AGREES,
        voice=persona.voice,
        rings_after=RINGS_AFTER_S,
        answers_after=persona.answers_after_s,
        thinks=persona.thinks_s,
        greeting=first.says,
        replies=(),
        fillers=list(said["filler"][0]),
        nudges=[ways[0] for ways in said["nudge"]],
        farewell=said["farewell"][0][0],
        leaves_after_replies=False,
        leaves_after=MACHINE_LISTENS_S if persona.machine else LONGEST_CALL_S,
        interruptible=persona.interruptible,
        patience=persona.patience_s,
        opening=turn_of(first),
        turns=[turn_of(turn) for turn in others],
    )


def turn_of(turn: ScenarioTurn) -> Turn:
    return Turn(turn.says, turn.id, Wait(turn.waits), turn.seconds, turn.voice, turn.recording, turn.hangs_up)


def all_turns(plan: Plan) -> list[Turn]:
    """Everything that may be said, each in its voice, to be rendered ahead."""
    voice, found = plan.voice, []
    for turn in (plan.opening or Turn(plan.greeting), *plan.turns, *(Turn(line) for line in plan.replies)):
        voice = turn.voice or voice
        found.append(Turn(turn.line, voice=voice, recording=turn.recording))
    voices = {turn.voice for turn in found}
    common = [*plan.fillers, *plan.nudges, plan.farewell]
    return found + [Turn(line, voice=voice) for line in common for voice in voices]


def note_call(cast: Cast, spoken: Sequence[Spoken], *, answered: bool, all_said: bool) -> None:
    """The robot's own account of the call. Safe to repeat."""
    if cast.attempt is None or cast.scenario is None:
        return
    RobotCall.objects.filter(pk=cast.attempt, ended_at=None).update(
        ended_at=clock.now(), answered=answered, all_said=all_said, spoken=[_json(one, cast.scenario) for one in spoken]
    )
    settle_robot_call(cast.attempt)


def _json(one: Spoken, scenario: Scenario) -> dict[str, Any]:
    turn = scenario.turn(one.turn)
    return {
        "by": one.by,
        "begin_ms": one.begin * TICK_MS,
        "end_ms": one.end * TICK_MS,
        "turn": one.turn,
        "line": one.line,
        "act": turn.act.value if turn is not None else "",
        "cut": one.cut,
        "broke_in": one.broke_in,
    }
