"""An attempt that is ready to be wrapped up: a conversation that took place, written as call control writes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hearthline.calls import call_events as ev
from hearthline.calls import machine, services
from hearthline.calls.call_state import Limits, to_json
from hearthline.calls.models import Attempt, Line, LineState, Node, Shift
from hearthline.campaigns.models import Campaign, Disposition
from hearthline.dialing import services as dialing
from hearthline.dialing.models import Assignment
from hearthline.lib import clock
from hearthline.lib.ids import derived_id
from hearthline.people.models import User
from tests.campaigns.worlds import a_running_campaign, an_operator

HEARD = {"voice_in_ms": 9000, "voice_out_ms": 12_000, "packets_in": 1500, "packets_out": 1500}


@dataclass
class Conversation:
    campaign: Campaign
    operator: User
    assignment: Assignment
    shift: Shift
    attempt: Attempt

    def disposition(self, kind: str = "success") -> Disposition:
        return self.campaign.dispositions.filter(kind=kind)[0]

    def answers(self) -> dict[str, str]:
        by_kind = {"number": "3", "date": "2026-12-01", "yes_no": "yes", "text": "fine"}
        return {f.key: f.choices[0] if f.kind == "choice" else by_kind[f.kind] for f in self.campaign.fields.all()}

    def wrap_up(self, kind: str = "success", **changes: Any) -> Any:
        values: dict[str, Any] = {
            "attempt": self.attempt.pk, "operator": self.operator, "fence": self.assignment.fence,
            "disposition": self.disposition(kind).pk, "fields": self.answers(), "notes": "will come",
        }  # fmt: skip
        return services.wrap_up(**(values | changes))


def a_conversation(
    *, talk_s: int = 30, stats: dict[str, Any] | None = None, hang_up: bool = True, campaign: Campaign | None = None,
    operator: User | None = None, claim: Callable[[User, Campaign], Assignment | None] = dialing.claim_next,
) -> Conversation:  # fmt: skip
    campaign = campaign or a_running_campaign(3, min_talk_s=10)
    operator = operator or an_operator()
    shift = services.begin_shift(operator=operator, campaign=campaign)
    assignment = claim(operator, campaign)
    assert assignment is not None
    node, _ = Node.objects.get_or_create(name="test", defaults={"engine": "embedded"})
    line, _ = Line.objects.get_or_create(user=operator, node=node, defaults={"state": LineState.OPEN})
    id = derived_id(assignment.pk, "attempt")
    begun = clock.now() - timedelta(seconds=talk_s + 5)
    at = begun.timestamp()
    state, _ = machine.begin(
        attempt=str(id), contact=id.hex, operator=line.pk.hex, limits=Limits(), record=False, at=at
    )
    events: list[ev.CallEvent] = [ev.Answered(id.hex, at + 5)]
    if hang_up:
        events.append(ev.HungUp(id.hex, at + 5 + talk_s, 16, ev.Cut.REMOTE))
    for event in events:
        state, _ = machine.transition(state, event)
    dialing.dial_begun(assignment, assignment.fence)
    attempt = Attempt.objects.create(
        id=id, assignment_id=assignment.pk, contact_id=assignment.contact_id, campaign=campaign, operator=operator,
        shift=shift, line=line, node=node, phase=state.phase.value, machine=to_json(state), dialled_at=begun,
        answered_at=begun + timedelta(seconds=5), talk_ms=state.talked_ms,
        ended_at=clock.now() if hang_up else None, operator_left_at=clock.now() if hang_up else None,
        ended_by=state.ended_by, contact_stats=HEARD if stats is None else stats,
    )  # fmt: skip
    return Conversation(campaign, operator, assignment, shift, attempt)
