"""The machine against arbitrary orders of events and a simple model of legs.

The model plays switch, network and people: it keeps which legs exist, carries out what the machine asks, and answers hang-ups
late, twice or never. Whatever the order: money is settled exactly once, effects name only legs that the machine may know
to exist, a contact never waits alone without a timer that ends it, and every call reaches `closed` with no leg left.
"""

from __future__ import annotations

import json

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hearthline.calls import call_effects as fx
from hearthline.calls import call_events as ev
from hearthline.calls.call_state import BEFORE_ANSWER, Limits, Phase, Via, from_json, to_json
from hearthline.calls.failover import LAST_TRY_WITHIN_S
from hearthline.calls.machine import UndefinedTransitionError, begin, transition

CONTACT, OPERATOR = "contact", "operator"
SPARE = ("contact2", "contact3")
CONTACTS = (CONTACT, *SPARE)
LIMITS = Limits(ring_s=40, manager_ring_s=30, max_duration_s=600, grace_s=20, wrap_up_s=900)
LONGEST_S = 40 + 600 + 3600 + 900 + 300  # a call that nobody touches is closed after this
CAUSES = st.sampled_from([1, 16, 17, 18, 19, 20, 21, 28, 31, 34, 38, 41, 102])
STATUSES = st.sampled_from([None, 403, 404, 408, 486, 500, 503, 603])
CUTS = st.sampled_from(list(ev.Cut))


class CallModel(RuleBasedStateMachine):
    @initialize(record=st.booleans(), failing=st.integers(0, 3))
    def dial(self, record: bool, failing: int) -> None:
        self.now = 1000.0
        self.legs = {CONTACT, OPERATOR}  # at the switch, as far as the machine can know
        self.together: dict[str, str] = {}
        self.phones: set[str] = set()
        self.asked_to_hang_up: set[str] = set()
        self.former: list[str] = []
        self.settled = 0
        self.recorded = 0
        self.serial = 0
        self.handover = ""
        self.state, effects = begin(
            attempt="a", contact=CONTACT, operator=OPERATOR, limits=LIMITS, record=record, at=self.now, spare=SPARE
        )
        self.rang = False
        self.noted: list[str] = []  # legs to the contact that have ended, each once
        self.carry_out(effects)
        for _ in range(failing):
            if self.state.phase in BEFORE_ANSWER:
                self.leave(self.state.contact, 41, ev.Cut.REMOTE, 503)

    # --- the switch and the network -------------------------------------------------------------------------------------

    @rule(passed=st.floats(0.0, 40.0))
    def time_passes(self, passed: float) -> None:
        self.now += passed
        for name, due in sorted(self.state.timers, key=lambda t: t[1]):
            if due <= self.now:
                self.must(ev.TimerFired(name, self.now))

    @precondition(lambda self: self.state.timers)
    @rule(data=st.data())
    def a_timer_fires(self, data: st.DataObject) -> None:
        name, due = data.draw(st.sampled_from(self.state.timers))
        self.now = max(self.now, due)
        self.must(ev.TimerFired(name, self.now))

    @rule(name=st.sampled_from(["ring", "warning", "wrap_up", "operator_gone", "manager_ring", "parting:contact"]))
    def a_cancelled_timer_fires_all_the_same(self, name: str) -> None:
        if self.state.timer(name) is None:
            before = self.state
            self.must(ev.TimerFired(name, self.now))
            assert self.state == before

    @rule(kind=st.sampled_from([ev.Ringing, ev.EarlyMedia, ev.Answered, ev.MediaStalled, ev.MediaResumed, ev.SoundFinished]),
          data=st.data())  # fmt: skip
    def the_switch_tells(self, kind: type[ev.Ringing], data: st.DataObject) -> None:
        leg = data.draw(st.sampled_from(sorted(self.legs) + self.former[-3:] + ["stranger"]))
        self.rang |= kind is ev.Ringing and leg == self.state.contact and self.state.phase in BEFORE_ANSWER
        self.must(kind(leg, self.now))

    @rule(cause=CAUSES, by=CUTS, status=STATUSES, data=st.data())
    def a_leg_goes(self, cause: int, by: ev.Cut, status: int | None, data: st.DataObject) -> None:
        if self.legs:
            self.leave(data.draw(st.sampled_from(sorted(self.legs))), cause, by, status)

    @precondition(lambda self: self.state.phase in BEFORE_ANSWER and self.state.contact in self.legs)
    @rule(cause=st.sampled_from([3, 34, 38, 41, 102]), status=st.sampled_from([None, 408, 500, 503]))
    def the_trunk_refuses_the_contact(self, cause: int, status: int | None) -> None:
        self.leave(self.state.contact, cause, ev.Cut.REMOTE, status)

    @rule(data=st.data())
    def no_trunk_is_left(self, data: st.DataObject) -> None:
        leg = data.draw(st.sampled_from(CONTACTS))
        if leg == self.state.contact and self.state.phase is Phase.DIALLING:
            self.legs.discard(leg)
        self.must(ev.NoTrunkLeft(self.now, leg))

    @rule(data=st.data())
    def a_gone_leg_goes_again(self, data: st.DataObject) -> None:
        if self.former:
            before = self.state
            leg = data.draw(st.sampled_from(self.former))
            if leg not in self.legs:
                self.must(ev.HungUp(leg, self.now))
                assert self.state == before

    @precondition(lambda self: self.asked_to_hang_up & self.legs)
    @rule(data=st.data())
    def a_hang_up_is_done(self, data: st.DataObject) -> None:
        self.leave(data.draw(st.sampled_from(sorted(self.asked_to_hang_up & self.legs))), 16, ev.Cut.LOCAL)

    @rule()
    def the_node_is_lost(self) -> None:
        self.must(ev.NodeLost(self.now))

    @rule()
    def the_node_is_back(self) -> None:
        self.must(ev.NodeBack(self.now))

    @rule(by_trunk=st.booleans())
    def the_contact_cannot_be_rung(self, by_trunk: bool) -> None:
        leg = self.state.contact
        if self.state.phase is Phase.DIALLING and self.state.contact_here:
            self.legs.discard(leg)
            self.former.append(leg)
            self.must(ev.RingFailed(self.now, by_trunk=by_trunk))
        else:
            assert not self.try_(ev.RingFailed(self.now, by_trunk=by_trunk))

    # --- people -------------------------------------------------------------------------------------------------------

    @rule(by_manager=st.booleans())
    def somebody_hangs_up(self, by_manager: bool) -> None:
        self.try_(ev.HangUpAsked(self.now, by_manager))

    @rule(on=st.booleans())
    def hold(self, on: bool) -> None:
        self.try_(ev.HoldAsked(self.now, on))

    @rule(via=st.sampled_from(list(Via)))
    def transfer(self, via: Via) -> None:
        self.serial += 1
        leg = f"phone{self.serial}" if via is Via.PHONE else ""
        if self.try_(ev.TransferAsked(self.now, f"h{self.serial}", via, leg)):
            self.handover = f"h{self.serial}"

    @rule()
    def the_manager_answers(self) -> None:
        self.serial += 1
        leg = f"line{self.serial}"
        self.legs.add(leg)
        if not self.try_(ev.ManagerAnswered(self.now, self.handover, leg)) or leg not in self.state.legs():
            self.legs.discard(leg)

    @rule()
    def the_manager_declines(self) -> None:
        self.try_(ev.ManagerDeclined(self.now, self.handover))

    @rule()
    def the_managers_phone_cannot_be_rung(self) -> None:
        manager = self.state.manager
        if manager is not None and manager.via is Via.PHONE and not manager.talking:
            self.legs.discard(manager.leg)
            self.must(ev.HungUp(manager.leg, self.now, 41, ev.Cut.SWITCH))
        self.must(ev.ManagerUnreachable(self.now, self.handover))

    @rule()
    def complete(self) -> None:
        self.try_(ev.CompleteAsked(self.now))

    @rule()
    def take_back(self) -> None:
        self.try_(ev.CancelAsked(self.now))

    @rule()
    def wrap_up(self) -> None:
        if self.try_(ev.WrappedUp(self.now)):
            self.settled += 1

    @rule(same=st.booleans())
    def the_operator_comes_back(self, same: bool) -> None:
        if same and self.state.operator not in self.legs:
            return
        self.serial += 1
        leg = self.state.operator if same else f"operator{self.serial}"
        self.legs.add(leg)
        former = self.state.operator
        self.must(ev.OperatorReturned(leg, self.now))
        if leg != former:  # the former line is hung up, or the new one is no part of this call
            gone = former if self.state.operator == leg else leg
            self.legs.discard(gone)
            self.former.append(gone)
            self.must(ev.HungUp(gone, self.now, 16, ev.Cut.LOCAL))

    @rule()
    def the_manager_comes_back(self) -> None:
        manager = self.state.manager
        if manager is None or manager.via is not Via.LINE or not manager.talking:
            return
        self.serial += 1
        former, leg = manager.leg, f"line{self.serial}"
        self.legs.add(leg)
        self.must(ev.ManagerReturned(leg, self.now))
        self.legs.discard(former)
        self.former.append(former)
        self.must(ev.HungUp(former, self.now, 16, ev.Cut.LOCAL))

    # --- what always holds ----------------------------------------------------------------------------------------------

    @invariant()
    def money_is_settled_at_most_once_and_by_the_time_the_call_is_closed(self) -> None:
        assert self.settled == (1 if self.state.wrapped or self.closed_unanswered() else 0)
        if self.state.phase is Phase.CLOSED:
            assert self.settled == 1

    @invariant()
    def the_state_survives_json(self) -> None:
        assert from_json(json.loads(json.dumps(to_json(self.state)))) == self.state

    @invariant()
    def a_contact_who_waits_is_looked_after(self) -> None:
        state = self.state
        if not state.contact_here:
            assert not self.together.get(state.contact)
            return
        if state.phase in BEFORE_ANSWER:
            assert state.timer("ring") or state.ending
        elif state.ending is None:
            assert state.timer("max_duration")
            alone = state.contact not in self.together
            decided = state.phase in (Phase.ON_HOLD, Phase.BRIEFING)
            if alone and not decided:
                assert state.timer("operator_gone") or state.timer("manager_gone")
        if state.ending is not None:
            assert state.timer("contact_gone") or state.timer(f"parting:{state.contact}")

    @invariant()
    def the_operator_who_wrapped_up_is_left_alone(self) -> None:
        if self.state.wrapped:
            assert self.together.get(self.state.operator) in (None, *self.former)

    def teardown(self) -> None:
        if not hasattr(self, "state"):
            return
        begun = self.now
        for _ in range(200):
            if not self.state.timers:
                break
            self.hang_up_asked()
            if not self.state.timers:
                break
            name, due = min(self.state.timers, key=lambda t: t[1])
            self.now = max(self.now, due)
            self.must(ev.TimerFired(name, self.now))
        self.hang_up_asked()
        assert self.state.phase is Phase.CLOSED
        assert self.settled == 1
        assert self.now - begun <= LONGEST_S
        assert not {leg for leg in self.legs if leg in CONTACTS or leg.startswith("phone")} - self.asked_to_hang_up
        assert self.recorded <= 1
        assert sorted(self.noted) == sorted({*self.state.former, self.state.contact})

    # --- the model ------------------------------------------------------------------------------------------------------

    def closed_unanswered(self) -> bool:
        return self.state.phase is Phase.CLOSED and not self.state.answered

    def leave(self, leg: str, cause: int, by: ev.Cut, status: int | None = None) -> None:
        self.legs.discard(leg)
        self.former.append(leg)
        self.part(leg)
        self.must(ev.HungUp(leg, self.now, cause, by, status))

    def hang_up_asked(self) -> None:
        for leg in sorted(self.asked_to_hang_up & self.legs):
            self.leave(leg, 16, ev.Cut.LOCAL)

    def try_(self, event: ev.CallEvent) -> bool:
        """A person's command: it may be refused, and then nothing happens."""
        try:
            self.state, effects = transition(self.state, event)
        except UndefinedTransitionError:
            return False
        self.carry_out(effects)
        return True

    def must(self, event: ev.CallEvent) -> None:
        """What the world does is never refused."""
        self.state, effects = transition(self.state, event)
        self.carry_out(effects)
        contact = self.state.contact
        if isinstance(event, ev.TimerFired) and not self.state.contact_here and contact in self.legs:
            assert contact in self.asked_to_hang_up  # taken for gone after its bound: it was told to go
            self.legs.discard(contact)
            self.former.append(contact)
            self.part(contact)

    def carry_out(self, effects: tuple[fx.Effect, ...]) -> None:
        for effect in effects:
            match effect:
                case fx.RingManager(leg=leg):
                    self.legs.add(leg)
                    self.phones.add(leg)
                case fx.RingNext(leg=leg):
                    self.rings_next(leg)
                case fx.NoteTry(leg=leg):
                    self.noted.append(leg)
                case fx.Connect(legs=(one, other)):
                    assert {one, other} <= self.legs, (one, other)
                    self.part(one)
                    self.part(other)
                    self.together |= {one: other, other: one}
                case fx.Park(leg=leg):
                    assert leg in self.legs, leg
                    self.part(leg)
                case fx.HangUp(leg=leg):
                    assert leg in self.legs | set(self.former), leg
                    assert leg in CONTACTS or leg in self.phones, "lines are never hung up by a call"
                    self.asked_to_hang_up.add(leg)
                case fx.Play(leg=leg) | fx.Record(leg=leg):
                    assert leg in self.legs, leg
                    self.recorded += isinstance(effect, fx.Record)
                case fx.AutoDispose() | fx.AutoWrapUp():
                    self.settled += 1

    def rings_next(self, leg: str) -> None:
        """Another trunk is tried: with nobody at the former legs, soon enough, and only while it means no second ringing."""
        assert leg in SPARE
        assert not self.legs & set(CONTACTS)
        assert self.state.ending is None
        assert self.state.operator_here
        assert not self.rang
        assert self.now - self.state.dialled_at <= LAST_TRY_WITHIN_S
        self.legs.add(leg)

    def part(self, leg: str) -> None:
        other = self.together.pop(leg, None)
        if other is not None:
            self.together.pop(other, None)


CallModel.TestCase.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
TestCallModel = CallModel.TestCase
