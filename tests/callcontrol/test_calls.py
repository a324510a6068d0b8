"""Calls from the key press to the settled result, on the fake switch with a real database and bus."""

from __future__ import annotations

from hearthline.calls import commands as cmd
from hearthline.calls.models import HandOverState, LineState
from hearthline.dialing.models import AssignmentState
from hearthline.ledger import check
from hearthline.switch.port import ParkSound
from tests.callcontrol.exchange import Exchange


async def test_a_conversation_is_dialled_talked_and_settled(exchange: Exchange) -> None:
    await exchange.dial()
    phone = exchange.switch.leg(exchange.contact)
    assert phone.destination is not None
    assert phone.destination.number == exchange.assignment.phone
    assert phone.caller_id == "+74951234567"
    exchange.switch.rings(exchange.contact)
    await exchange.settled()
    exchange.switch.answers(exchange.contact)
    await exchange.settled()
    assert exchange.switch.leg(exchange.contact).others == {exchange.operator_leg}
    assert exchange.switch.leg(exchange.contact).recording is not None
    await exchange.advance(42)

    await exchange.press(cmd.HangUp)

    row = await exchange.row()
    assert (row.phase, row.ended_by, row.cause) == ("wrap_up", "operator", 16)
    assert 41_000 <= row.talk_ms <= 43_000
    assert row.contact_stats["voice_in_ms"] > 10_000
    outcome = await exchange.wrap_up()
    assert outcome.payable
    assert (outcome.charged_minor, outcome.earned_minor) == (1200, 960)
    row = await exchange.row()
    assert (row.phase, row.assignment.state) == ("closed", AssignmentState.CLOSED)
    assert (row.shift.calls, row.shift.conversations, row.shift.earned_minor) == (1, 1, 960)
    assert exchange.told("call.") == [
        "call.dialling", "call.ringing", "call.answered", "call.ended", "call.wrapped_up",
    ]  # fmt: skip
    assert (await exchange.db(check.prove)).faults == []
    recording = await exchange.db(row.recordings.get)
    assert recording.duration_ms is not None
    assert 41_000 <= recording.duration_ms <= 43_000


async def test_busy_is_disposed_by_itself_and_costs_nothing(exchange: Exchange) -> None:
    await exchange.dial()
    exchange.switch.hangs_up(exchange.contact, 17, sip_status=486)
    await exchange.settled()

    row = await exchange.row()

    assert (row.phase, row.auto_outcome, row.payable, row.ended_by) == ("closed", "busy", False, "contact")
    assert row.assignment.state == AssignmentState.CLOSED
    assert row.contact.state == "retry"
    assert exchange.told("call.")[-3:] == ["call.ended", "call.wrapped_up", "call.closed"]
    assert (await exchange.db(check.prove)).faults == []


async def test_the_same_key_twice_places_one_call(exchange: Exchange) -> None:
    first = await exchange.dial(key="once")
    again = await exchange.dial(key="once")
    other = await exchange.dial(key="twice")
    assert first == again == other
    assert [r for r, _ in exchange.switch.requests].count("ring") == 1


async def test_a_briefing_and_a_hand_over(exchange: Exchange) -> None:
    await exchange.talk(30)

    handover = await exchange.brief()

    switch = exchange.switch
    assert switch.leg(exchange.operator_leg).others == {exchange.manager_leg}
    assert (switch.leg(exchange.contact).others, switch.leg(exchange.contact).parked) == (set(), ParkSound.MUSIC)
    await exchange.advance(12)
    await exchange.press(cmd.CompleteTransfer)
    assert switch.leg(exchange.contact).others == {exchange.manager_leg}
    assert (switch.leg(exchange.operator_leg).others, switch.leg(exchange.operator_leg).parked) == (
        set(), ParkSound.SILENCE,
    )  # fmt: skip
    row = await exchange.row()
    assert row.phase == "handed_over"
    assert 29_000 <= row.talk_ms <= 31_000  # the briefing is no talk with the contact
    outcome = await exchange.wrap_up()
    assert outcome.payable
    assert (await exchange.row()).phase == "handed_over"  # contact and manager talk on
    await exchange.advance(60)
    switch.hangs_up(exchange.contact)
    await exchange.settled()
    row = await exchange.row()
    assert (row.phase, row.ended_by) == ("closed", "contact")
    assert (await exchange.handover(handover)).state == HandOverState.COMPLETED
    assert (await exchange.handover(handover)).ended_at is not None
    assert exchange.told("handover.") == [
        "handover.ringing", "handover.answered", "handover.completed", "handover.ended",
    ]  # fmt: skip
    assert switch.leg(exchange.manager_leg).others == set()


async def test_the_contact_hangs_up_while_the_manager_is_briefed(exchange: Exchange) -> None:
    await exchange.talk()
    handover = await exchange.brief()

    exchange.switch.hangs_up(exchange.contact)
    await exchange.settled()

    assert exchange.switch.leg(exchange.operator_leg).others == set()  # nobody is joined to nobody
    assert exchange.switch.leg(exchange.manager_leg).others == set()
    assert (await exchange.handover(handover)).state == HandOverState.CONTACT_GONE
    assert "handover.contact_gone" in exchange.told("handover.")
    assert (await exchange.row()).phase == "wrap_up"


async def test_the_operators_browser_vanishes_and_comes_back_on_a_new_line(exchange: Exchange) -> None:
    await exchange.talk()
    exchange.switch.is_lost(exchange.operator_leg)
    await exchange.settled()
    assert exchange.switch.leg(exchange.contact).parked is ParkSound.MUSIC
    assert (await exchange.line_row(exchange.line)).state == LineState.CLOSED

    await exchange.advance(10)
    exchange.line = await exchange.open_line()
    await exchange.advance(30)

    assert exchange.switch.leg(exchange.contact).others == {exchange.operator_leg}
    row = await exchange.row()
    assert (row.phase, str(row.line_id)) == ("talking", exchange.line)


async def test_the_operators_browser_vanishes_for_good(exchange: Exchange) -> None:
    await exchange.talk()
    exchange.switch.is_lost(exchange.operator_leg)
    await exchange.settled()

    await exchange.advance(25)

    assert ("play", (exchange.contact, "goodbye.wav")) in exchange.switch.requests
    assert not exchange.switch.exists(exchange.contact)
    row = await exchange.row()
    assert (row.phase, row.ended_by) == ("wrap_up", "exchange")
    outcome = await exchange.wrap_up()
    assert (outcome.payable, outcome.not_payable_reason) == (False, "operator_vanished")


async def test_an_operator_who_never_wraps_up_is_not_paid_and_blocks_nothing(exchange: Exchange) -> None:
    await exchange.talk()
    exchange.switch.hangs_up(exchange.contact)
    await exchange.advance(901)
    row = await exchange.row()
    assert (row.phase, row.auto_outcome, row.payable) == ("closed", "not_wrapped_up", False)
    assert row.assignment.state == AssignmentState.CLOSED
    assert exchange.attempt not in exchange.conductor.actors
