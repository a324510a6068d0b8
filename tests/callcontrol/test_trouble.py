"""What goes wrong in calls: silence, lost nodes, killed processes, strays, refusals."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.utils.translation import get_language

from hearthline.callcontrol.trunks import Wanted, note_try, take_trunk
from hearthline.calls import commands as cmd
from hearthline.calls.models import Attempt, Line, LineState, Recording, Trunk
from hearthline.dialing.models import Assignment, AssignmentState
from hearthline.ledger import check
from hearthline.people.models import Role, User
from hearthline.switch.port import Destination, ParkSound, SwitchErrorCode
from tests.callcontrol.exchange import NODE, Exchange
from tests.campaigns.worlds import an_operator


async def test_silence_that_ends_within_the_grace_changes_nothing(exchange: Exchange) -> None:
    await exchange.talk()
    exchange.switch.goes_silent(exchange.operator_leg)
    await exchange.settled()
    assert (await exchange.line_row(exchange.line)).state == LineState.STALLED
    await exchange.advance(15)
    exchange.switch.comes_back(exchange.operator_leg)
    await exchange.advance(60)
    assert exchange.switch.leg(exchange.contact).others == {exchange.operator_leg}
    assert exchange.told("line.")[-2:] == ["line.stalled", "line.resumed"]


async def test_an_operator_lost_while_it_rings_cancels_the_call(exchange: Exchange) -> None:
    await exchange.dial()
    exchange.switch.rings(exchange.contact)
    exchange.switch.is_lost(exchange.operator_leg)
    await exchange.settled()
    row = await exchange.row()
    assert (row.phase, row.auto_outcome) == ("closed", "cancelled")
    assert exchange.contact in exchange.switch.gone


async def test_the_longest_duration_is_announced_and_then_ends_the_call(exchange: Exchange) -> None:
    await exchange.talk(575)
    (warned,) = exchange.events("call.warned")
    assert warned.payload["remaining_s"] == 30
    await exchange.advance(40)
    row = await exchange.row()
    assert (row.phase, row.ended_by, row.machine["end_reason"]) == ("wrap_up", "exchange", "max_duration")
    assert (await exchange.wrap_up()).payable  # nobody's fault


async def test_a_switch_that_is_away_for_a_moment_keeps_its_calls(exchange: Exchange) -> None:
    await exchange.talk()
    exchange.switch.is_unreachable()
    await exchange.advance(10)
    refused = await exchange.press(cmd.Hold, on=True)
    assert refused.get("phase") == "on_hold"  # decided and written; the switch is told when it is back
    exchange.switch.is_back(same_process=True)
    await exchange.settled()
    assert exchange.switch.leg(exchange.contact).parked is ParkSound.MUSIC
    assert (await exchange.row()).phase == "on_hold"


async def test_a_switch_that_died_ends_its_calls_and_closes_its_lines(exchange: Exchange) -> None:
    await exchange.talk(30)
    exchange.switch.tells_stats(exchange.contact)
    await exchange.settled()
    exchange.switch.dies()
    await exchange.advance(5)
    exchange.switch.is_back(same_process=False)
    await exchange.settled()
    row = await exchange.row()
    assert (row.phase, row.ended_by, row.cause) == ("wrap_up", "switch", 41)
    assert row.contact_stats["voice_in_ms"] > 5000  # what was heard last is the evidence
    assert (await exchange.line_row(exchange.line)).close_reason == "node_lost"
    assert (await exchange.wrap_up()).payable


async def test_a_switch_that_stays_away_ends_its_calls_after_the_bound(exchange: Exchange) -> None:
    await exchange.talk()
    exchange.switch.dies()
    await exchange.advance(50)
    row = await exchange.row()
    assert (row.phase, row.machine["end_reason"]) == ("wrap_up", "node_lost")
    assert 29_000 < row.talk_ms < 32_000, "the clock stood still while the switch was away"
    outcome = await exchange.wrap_up()
    assert (outcome.payable, outcome.not_payable_reason) == (False, "exchange_fault")
    assert outcome.charged_minor == 0
    assert outcome.earned_minor > 0


@pytest.mark.parametrize("moment", ["ringing", "talking", "on_hold", "briefing", "handed_over"])
async def test_a_killed_process_takes_its_calls_up_again(exchange: Exchange, moment: str) -> None:
    if moment == "ringing":
        await exchange.dial()
        exchange.switch.rings(exchange.contact)
        await exchange.settled()
    else:
        await exchange.talk()
    if moment == "on_hold":
        await exchange.press(cmd.Hold, on=True)
    if moment in ("briefing", "handed_over"):
        await exchange.brief()
    if moment == "handed_over":
        await exchange.press(cmd.CompleteTransfer)
    assert (await exchange.row()).phase == moment
    before = {leg.leg: leg.connected_with for leg in await exchange.switch.legs()}

    await exchange.stop()
    exchange.moments.next_due(exchange.moments.now() + 2)
    await exchange.start()

    assert {leg.leg: leg.connected_with for leg in await exchange.switch.legs()} == before
    assert (await exchange.row()).phase == moment
    exchange.switch.hangs_up(exchange.contact, 16)
    await exchange.settled()
    row = await exchange.row()
    assert row.phase == ("closed" if moment == "ringing" else "wrap_up")
    if row.phase == "wrap_up":
        await exchange.wrap_up()
    assert (await exchange.db(check.prove)).faults == []


async def test_what_happened_while_nobody_listened_is_replayed(exchange: Exchange) -> None:
    await exchange.dial()
    exchange.switch.rings(exchange.contact)
    await exchange.settled()
    await exchange.stop()
    exchange.switch.muted = True
    exchange.switch.answers(exchange.contact)
    exchange.switch.muted = False
    await exchange.start()
    assert (await exchange.row()).phase == "talking"
    assert exchange.switch.leg(exchange.contact).others == {exchange.operator_leg}

    await exchange.stop()
    exchange.switch.muted = True
    exchange.switch.hangs_up(exchange.contact)
    exchange.switch.muted = False
    await exchange.start()
    row = await exchange.row()
    assert (row.phase, row.cause) == ("wrap_up", 41)


async def test_a_missed_hang_up_is_found_by_the_reconciler(exchange: Exchange) -> None:
    await exchange.talk()
    exchange.switch.muted = True
    exchange.switch.hangs_up(exchange.contact)
    exchange.switch.muted = False
    await exchange.look()
    assert (await exchange.row()).phase == "talking"  # one look is not enough: it may be on its way
    await exchange.look(2)
    assert (await exchange.row()).phase == "wrap_up"


async def test_strays_are_hung_up_and_unknown_things_left_alone(exchange: Exchange) -> None:
    await exchange.talk()
    stray = uuid.uuid4().hex
    exchange.switch.make_stray(stray)
    exchange.switch.make_stray("robot-7")
    await exchange.look()
    assert exchange.switch.exists(stray)
    await exchange.look(2)
    assert not exchange.switch.exists(stray)
    assert exchange.switch.exists("robot-7")
    assert exchange.switch.exists(exchange.contact)


async def test_an_unwritten_recording_is_finished_without_the_switch(exchange: Exchange) -> None:
    await exchange.talk()
    exchange.switch.muted = True
    exchange.switch.hangs_up(exchange.contact)
    exchange.switch.muted = False
    await exchange.look(3)
    assert (await exchange.db(Recording.objects.get)).duration_ms is None
    await exchange.db(lambda: Attempt.objects.update(ended_at="2026-01-01T00:00:00Z"))
    await exchange.look()
    recording = await exchange.db(Recording.objects.get)
    assert recording.duration_ms is not None
    assert 29_000 <= recording.duration_ms <= 31_000


async def test_a_switch_that_refuses_to_ring_leaves_the_contact_for_later(exchange: Exchange) -> None:
    exchange.switch.refuse["ring"] = SwitchErrorCode.OVERLOADED
    reply = await exchange.dial()
    assert reply["error"]["code"] == "unavailable"
    row = await exchange.db(Attempt.objects.get)
    assert (row.phase, row.auto_outcome) == ("closed", "network")
    assert (await exchange.db(check.prove)).faults == []


async def test_channels_and_trunks_are_respected(exchange: Exchange) -> None:
    await exchange.db(lambda: Trunk.objects.update(active=False))
    reply = await exchange.dial()
    assert reply["error"]["code"] == "no_trunk"
    assert await exchange.db(Attempt.objects.count) == 0
    assert (await exchange.db(Assignment.objects.get)).state == AssignmentState.ACTIVE  # still the operator's
    await exchange.db(lambda: Trunk.objects.update(active=True, max_channels=1))
    taken = Wanted("+79160000000", uuid.uuid4(), NODE, exchange.moments.now(), {})
    await exchange.db(take_trunk, taken)
    assert "All telephone channels" in (await exchange.dial())["error"]["message"]
    assert await exchange.db(Attempt.objects.count) == 0
    await exchange.db(note_try, taken.leg, at=exchange.moments.now(), cause=16, sip_status=None)
    assert "error" not in await exchange.dial()


async def test_nobody_else_moves_a_call(exchange: Exchange) -> None:
    await exchange.talk()
    stranger = await exchange.db(an_operator)
    before = len(exchange.switch.requests)
    for command in (
        cmd.HangUp(key="a", user=str(stranger.pk), attempt=exchange.attempt),
        cmd.HangUp(key="b", user="", attempt=exchange.attempt),
        cmd.Hold(key="c", user=str(stranger.pk), attempt=exchange.attempt, on=True),
        cmd.SendDigits(key="d", user=str(stranger.pk), attempt=exchange.attempt, digits="1"),
        cmd.Transfer(key="e", user=str(stranger.pk), attempt=exchange.attempt),
        cmd.Listen(key="f", user=str(stranger.pk), attempt=exchange.attempt, line=exchange.line, mode="silent"),
        cmd.Dial(key="g", user=str(stranger.pk), assignment=str(exchange.assignment.pk), fence=1),
        cmd.CloseLine(key="h", user=str(stranger.pk), line=exchange.line),
        cmd.TestTrunk(key="i", user=str(stranger.pk), trunk=1),
        cmd.HangUp(key="j", user="nonsense", attempt="nonsense"),
        cmd.CloseLine(key="k", user="nonsense", line="nonsense"),
    ):
        reply = await exchange.command(command)
        assert reply["error"]["code"] in ("not_found", "not_allowed"), (command, reply)
    assert len(exchange.switch.requests) == before
    assert (await exchange.row()).phase == "talking"
    assert (await exchange.orders.handle({"command": "Explode"}))["error"]["code"] == "invalid_input"


async def test_a_line_in_a_call_is_not_closed_and_a_free_one_is(exchange: Exchange) -> None:
    await exchange.talk()
    close = cmd.CloseLine(key="1", user=str(exchange.operator.pk), line=exchange.line)
    assert (await exchange.command(close))["error"]["code"] == "conflict"
    await exchange.press(cmd.HangUp)
    await exchange.wrap_up()
    reply = await exchange.command(cmd.CloseLine(key="2", user=str(exchange.operator.pk), line=exchange.line))
    assert reply == {"line": exchange.line}
    assert exchange.operator_leg in exchange.switch.gone
    assert (await exchange.line_row(exchange.line)).close_reason == "by_person"
    told = exchange.told("line.")
    again = await exchange.command(cmd.CloseLine(key="3", user=str(exchange.operator.pk), line=exchange.line))
    assert again == {"line": exchange.line}
    assert exchange.told("line.") == told


async def test_a_second_page_takes_the_line_over_in_the_middle_of_a_call(exchange: Exchange) -> None:
    await exchange.talk()
    former, exchange.line = exchange.line, await exchange.open_line()
    assert exchange.line != former
    assert exchange.switch.leg(exchange.contact).others == {exchange.operator_leg}
    assert uuid.UUID(former).hex in exchange.switch.gone
    assert (await exchange.line_row(former)).close_reason == "taken_over"
    assert "line.taken_over" in exchange.told("line.")
    assert (await exchange.row()).phase == "talking"


async def test_a_reload_renews_the_same_line(exchange: Exchange) -> None:
    await exchange.talk()
    exchange.switch.goes_silent(exchange.operator_leg)
    await exchange.advance(12)
    assert await exchange.open_line(line=exchange.line) == exchange.line
    exchange.switch.comes_back(exchange.operator_leg)
    await exchange.advance(30)
    assert exchange.switch.leg(exchange.contact).others == {exchange.operator_leg}


async def test_a_bad_offer_leaves_no_line(exchange: Exchange) -> None:
    stranger = await exchange.db(an_operator)
    reply = await exchange.command(cmd.OpenLine(key="x", user=str(stranger.pk), offer="rubbish"))
    assert reply["error"]["code"] == "invalid_input"
    assert not await exchange.db(lambda: stranger.lines.exclude(state=LineState.CLOSED).exists())


async def test_digits_hold_and_listening(exchange: Exchange) -> None:
    await exchange.talk()
    await exchange.press(cmd.SendDigits, digits="12#")
    assert exchange.switch.leg(exchange.contact).digits == "12#"
    assert (await exchange.press(cmd.SendDigits, digits="1;2"))["error"]["code"] == "invalid_input"
    await exchange.press(cmd.Hold, on=True)
    assert exchange.switch.leg(exchange.contact).parked is ParkSound.MUSIC
    await exchange.advance(10)
    await exchange.press(cmd.Hold, on=False)
    assert exchange.switch.leg(exchange.contact).others == {exchange.operator_leg}
    moderator = await exchange.db(lambda: User.objects.create(email="m@example.org", name="Mod", role=Role.MODERATOR))
    line = await exchange.open_line(moderator)
    listen = cmd.Listen(key="l", user=str(moderator.pk), attempt=exchange.attempt, line=line, mode="whisper")
    assert "error" not in await exchange.command(listen)
    target, mode = exchange.switch.leg(uuid.UUID(line).hex).listens_to or ("", "")
    assert (target, mode) == (exchange.operator_leg, "whisper")
    await exchange.press(cmd.HangUp)
    assert 29_000 <= (await exchange.row()).talk_ms <= 31_000  # the hold is no talk


async def test_the_node_tells_its_load(exchange: Exchange) -> None:
    await exchange.look()
    (measured,) = exchange.events("node.measured")
    assert (measured.payload["node"], measured.payload["load"]["legs"]) == (NODE, 1)


async def test_a_hang_up_that_overtakes_the_ringing_leaves_nobody_rung(exchange: Exchange) -> None:
    ring = exchange.switch.ring

    async def slow_ring(leg: str, destination: Destination, **rest: Any) -> None:
        exchange.attempt = str(uuid.UUID(leg))
        assert "error" not in await exchange.orders.handle(
            cmd.to_message(cmd.HangUp(key="h", user=str(exchange.operator.pk), attempt=exchange.attempt))
        )
        await ring(leg, destination, **rest)

    exchange.switch.ring = slow_ring  # type: ignore[method-assign]
    await exchange.dial()
    assert not exchange.switch.exists(exchange.contact)
    assert (await exchange.row()).auto_outcome == "cancelled"


async def test_a_line_that_is_just_being_opened_is_not_taken_for_lost(exchange: Exchange) -> None:
    stranger = await exchange.db(an_operator)
    line = await exchange.db(lambda: Line.objects.create(user=stranger, node_id=NODE, state=LineState.OPENING))
    await exchange.look(2)
    assert (await exchange.line_row(str(line.pk))).state == LineState.OPENING
    await exchange.advance(20)
    await exchange.look()
    assert (await exchange.line_row(str(line.pk))).close_reason == "node_lost"


async def test_a_refusal_is_in_the_persons_language(exchange: Exchange) -> None:
    await exchange.db(lambda: User.objects.filter(pk=exchange.operator.pk).update(language="ru"))
    asked = []

    def language() -> str:
        asked.append(get_language())
        return "Занято"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "hearthline.callcontrol.trunks.NoTrunkError.as_json", lambda self: {"error": {"code": language()}}
        )
        await exchange.db(lambda: Trunk.objects.update(active=False))
        await exchange.dial()
    assert asked == ["ru"]
