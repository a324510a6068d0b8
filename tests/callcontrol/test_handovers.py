"""Hand-overs that come about in unusual ways, and those that do not."""

from __future__ import annotations

import uuid

import pytest

from hearthline.calls import commands as cmd
from hearthline.calls.models import HandOver, HandOverState
from hearthline.switch.port import ParkSound, SwitchErrorCode
from tests.callcontrol.exchange import Exchange


async def test_a_manager_declines(exchange: Exchange) -> None:
    await exchange.talk()
    reply = await exchange.press(cmd.Transfer)
    await exchange.command(cmd.DeclineHandOver(key="d", user=str(exchange.manager_user.pk), handover=reply["handover"]))
    await _back_to_talking(exchange, reply["handover"], HandOverState.DECLINED)


async def test_a_manager_does_not_answer(exchange: Exchange) -> None:
    await exchange.talk()
    reply = await exchange.press(cmd.Transfer)
    await exchange.advance(31)
    await _back_to_talking(exchange, reply["handover"], HandOverState.UNANSWERED)


async def test_the_operator_takes_the_contact_back_as_the_manager_answers(exchange: Exchange) -> None:
    await exchange.talk()
    line = await exchange.open_line(exchange.manager_user)
    handover = (await exchange.press(cmd.Transfer))["handover"]
    await exchange.press(cmd.CancelTransfer)
    late = await exchange.command(
        cmd.AnswerHandOver(key="a", user=str(exchange.manager_user.pk), handover=handover, line=line)
    )
    assert late["error"]["code"] == "conflict"
    await _back_to_talking(exchange, handover, HandOverState.CANCELLED)
    assert exchange.switch.leg(uuid.UUID(line).hex).others == set()


async def test_a_manager_leaves_the_briefing(exchange: Exchange) -> None:
    await exchange.talk()
    handover = await exchange.brief()
    await exchange.command(cmd.HangUp(key="h", user=str(exchange.manager_user.pk), attempt=exchange.attempt))
    await _back_to_talking(exchange, handover, HandOverState.DECLINED)


async def test_the_operator_leaves_a_briefing_and_the_contact_is_with_the_manager(exchange: Exchange) -> None:
    await exchange.talk()
    handover = await exchange.brief()
    await exchange.press(cmd.HangUp)
    assert exchange.switch.leg(exchange.contact).others == {exchange.manager_leg}
    assert (await exchange.handover(handover)).state == HandOverState.COMPLETED


async def test_the_operator_vanishes_in_a_briefing_and_the_contact_is_with_the_manager(exchange: Exchange) -> None:
    await exchange.talk()
    await exchange.brief()
    exchange.switch.is_lost(exchange.operator_leg)
    await exchange.advance(21)
    assert exchange.switch.leg(exchange.contact).others == {exchange.manager_leg}
    assert (await exchange.row()).phase == "handed_over"


async def test_a_manager_hangs_up_after_the_hand_over(exchange: Exchange) -> None:
    await exchange.talk()
    await exchange.brief()
    await exchange.press(cmd.CompleteTransfer)
    await exchange.command(cmd.HangUp(key="h", user=str(exchange.manager_user.pk), attempt=exchange.attempt))
    row = await exchange.row()
    assert (row.phase, row.ended_by) == ("wrap_up", "manager")
    assert exchange.contact in exchange.switch.gone


async def test_a_managers_browser_is_lost_after_the_hand_over_and_comes_back(exchange: Exchange) -> None:
    await exchange.talk()
    await exchange.brief()
    await exchange.press(cmd.CompleteTransfer)
    exchange.switch.is_lost(exchange.manager_leg)
    await exchange.settled()
    assert exchange.switch.leg(exchange.contact).parked is ParkSound.MUSIC
    line = await exchange.open_line(exchange.manager_user)
    await exchange.advance(60)
    assert exchange.switch.leg(exchange.contact).others == {uuid.UUID(line).hex}


async def test_an_operator_goes_on_to_the_next_call_while_the_manager_still_talks(exchange: Exchange) -> None:
    await exchange.talk()
    await exchange.brief()
    await exchange.press(cmd.CompleteTransfer)
    await exchange.wrap_up()
    first, manager = exchange.attempt, exchange.manager_leg
    await exchange.next_contact()
    await exchange.talk(5)
    second = exchange.contact
    exchange.switch.hangs_up(uuid.UUID(first).hex)
    await exchange.settled()
    assert exchange.switch.leg(second).others == {exchange.operator_leg}  # untouched by the first call's end
    assert exchange.switch.leg(manager).others == set()


async def test_a_manager_at_a_telephone(exchange: Exchange) -> None:
    await exchange.db(lambda: exchange.campaign.managers.update(user=None, phone="+74957654321"))
    await exchange.talk()
    handover = (await exchange.press(cmd.Transfer))["handover"]
    row = await exchange.handover(handover)
    assert row.leg is not None
    phone = row.leg.hex
    destination = exchange.switch.leg(phone).destination
    assert destination is not None
    assert destination.number == "+74957654321"
    assert await exchange.channels() == 2
    exchange.switch.answers(phone)
    await exchange.settled()
    assert exchange.switch.leg(phone).others == {exchange.operator_leg}
    exchange.switch.hangs_up(exchange.contact)
    await exchange.settled()
    assert ("play", (phone, "contact_gone.wav")) in exchange.switch.requests  # told, then hung up
    await exchange.advance(10)
    assert phone in exchange.switch.gone
    assert await exchange.channels() == 0


@pytest.mark.parametrize(("cause", "state"), [(17, HandOverState.DECLINED), (19, HandOverState.UNANSWERED)])
async def test_a_managers_telephone_is_not_answered(exchange: Exchange, cause: int, state: HandOverState) -> None:
    await exchange.db(lambda: exchange.campaign.managers.update(user=None, sip_uri="sip:maria@127.0.0.1:5070"))
    await exchange.talk()
    handover = (await exchange.press(cmd.Transfer))["handover"]
    row = await exchange.handover(handover)
    assert row.leg is not None
    exchange.switch.hangs_up(row.leg.hex, cause)
    await exchange.settled()
    await _back_to_talking(exchange, handover, state)


async def test_a_managers_telephone_that_cannot_be_rung(exchange: Exchange) -> None:
    await exchange.db(lambda: exchange.campaign.managers.update(user=None, phone="+74957654321"))
    await exchange.talk()
    exchange.switch.refuse["ring"] = SwitchErrorCode.FAILED
    handover = (await exchange.press(cmd.Transfer))["handover"]
    await _back_to_talking(exchange, handover, HandOverState.FAILED)


async def test_a_guest_answers_by_the_signed_link_once(exchange: Exchange, mailoutbox: list[object]) -> None:
    await exchange.db(lambda: exchange.campaign.managers.update(user=None, email="guest@example.org"))
    await exchange.talk()
    handover = (await exchange.press(cmd.Transfer))["handover"]
    row = await exchange.handover(handover)
    assert len(mailoutbox) == 1
    assert row.guest_token in mailoutbox[0].body  # type: ignore[attr-defined]
    line = await exchange.open_line(handover=handover)
    stolen = cmd.AnswerHandOver(key="s", user=str(exchange.operator.pk), handover=handover, line=exchange.line)
    assert (await exchange.command(stolen))["error"]["code"] == "not_found"
    assert "error" not in await exchange.command(cmd.AnswerHandOver(key="g", user="", handover=handover, line=line))
    assert exchange.switch.leg(uuid.UUID(line).hex).others == {exchange.operator_leg}
    await exchange.press(cmd.CompleteTransfer)
    await exchange.command(cmd.HangUp(key="end", user="", attempt=exchange.attempt))
    assert (await exchange.row()).ended_by == "manager"
    again = await exchange.command(cmd.OpenLine(key="n", user="", offer="v=0", handover=handover))
    assert again["error"]["code"] == "not_found"


async def test_nobody_to_hand_over_to(exchange: Exchange) -> None:
    await exchange.talk()
    await exchange.brief()
    await exchange.press(cmd.CancelTransfer)
    assert (await exchange.press(cmd.Transfer, manager=4711))["error"]["code"] == "not_found"
    await exchange.db(lambda: exchange.campaign.managers.all().delete())
    assert (await exchange.press(cmd.Transfer))["error"]["code"] == "no_manager"
    assert (await exchange.row()).phase == "talking"
    assert await exchange.db(HandOver.objects.count) == 1


async def _back_to_talking(exchange: Exchange, handover: str, state: HandOverState) -> None:
    row = await exchange.handover(handover)
    assert (row.state, row.ended_at is not None) == (state, True)
    assert f"handover.{state}" in exchange.told("handover.")
    assert exchange.switch.leg(exchange.contact).others == {exchange.operator_leg}
    assert (await exchange.row()).phase == "talking"
