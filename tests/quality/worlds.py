"""Conversations with robots as call control and the robots write them down."""

from __future__ import annotations

from typing import Any

from hearthline.calls.services import open_shift
from hearthline.campaigns.models import Campaign
from hearthline.dialing.models import Assignment
from hearthline.lib import clock
from hearthline.people.models import Role, User
from hearthline.quality.models import RobotCall
from hearthline.quality.next_contact import next_contact
from hearthline.quality.scenarios.library import scenario_of
from tests.calls.worlds import Conversation, a_conversation
from tests.campaigns.worlds import an_operator
from tests.people.conftest import a_second_factor


def a_moderator() -> User:
    moderator = an_operator(name="Mira", role=Role.MODERATOR)
    a_second_factor(moderator)
    return moderator


def claim(operator: User, campaign: Campaign) -> Assignment | None:
    shift = open_shift(operator)
    assert shift.campaign == campaign
    return next_contact(operator=operator, shift=shift).assignment


def a_talk(operator: User, campaign: Campaign, **changes: Any) -> Conversation:
    """The operator has talked with the robot that was given to them, mannerly; the robot has written it down."""
    talk = a_conversation(operator=operator, campaign=campaign, claim=claim, **changes)
    contact = talk.attempt.contact
    if contact.scenario:
        note_robot(talk)
    return talk


def note_robot(talk: Conversation, **changes: Any) -> RobotCall:
    scenario = scenario_of(talk.attempt.contact.scenario)
    assert scenario is not None
    spoken, at = [], 500
    for turn in scenario.turns:
        at += int(turn.seconds * 1000) if turn.waits == "pause" else 0
        spoken.append(_stretch("robot", at, at + 2000, turn=turn.id, line=turn.says, act=turn.act.value))
        spoken.append(_stretch("operator", at + 2500, at + 5000))
        at += 5600
    values = {
        "scenario": scenario.slug, "begun_at": clock.now(), "ended_at": clock.now(), "answered": True, "all_said": True,
        "spoken": spoken,
    } | changes  # fmt: skip
    return RobotCall.objects.create(attempt=talk.attempt, **values)


def _stretch(by: str, begin_ms: int, end_ms: int, **fields: Any) -> dict[str, Any]:
    stretch = {"by": by, "begin_ms": begin_ms, "end_ms": end_ms, "turn": "", "line": "", "act": ""}
    return stretch | {"cut": False, "broke_in": False} | fields


def meant(talk: Conversation) -> dict[str, Any]:
    """The wrap-up of somebody who understood the robot: for `Conversation.wrap_up`."""
    scenario = scenario_of(talk.attempt.contact.scenario)
    assert scenario is not None
    fields = {key: values[0] for key, values in scenario.means.fields.items()}
    return {"kind": scenario.means.outcome[0], "fields": fields}
