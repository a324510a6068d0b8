"""Announcing and pausing a recording, from the operator's key to the evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hearthline.calls import commands as cmd
from hearthline.calls.models import Recording
from hearthline.calls.selectors import console_state
from hearthline.campaigns.models import Campaign
from tests.callcontrol.exchange import Exchange


async def campaign_says(exchange: Exchange, **rules: Any) -> None:
    await exchange.db(Campaign.objects.filter(pk=exchange.campaign.pk).update, **rules)


async def recording_row(exchange: Exchange) -> Recording:
    return await exchange.db(Recording.objects.get, attempt=exchange.attempt)


async def shown(exchange: Exchange) -> dict[str, Any]:
    state = await exchange.db(console_state, exchange.operator)
    found: dict[str, Any] = state["call"]["recording"]
    return found


def asked(exchange: Exchange, name: str) -> list[Any]:
    return [what for method, what in exchange.switch.requests if method == name]


async def test_a_pause_is_asked_noted_and_ended(exchange: Exchange) -> None:
    await exchange.talk(20)
    assert (await shown(exchange))["state"] == "on"
    reply = await exchange.press(cmd.PauseRecording, on=False)
    assert reply["recording"] == "paused"
    assert exchange.switch.leg(exchange.contact).recording_paused
    assert exchange.switch.leg(exchange.contact).others == {exchange.operator_leg}  # they talk on
    said = await shown(exchange)
    assert said["state"] == "paused"
    assert said["paused_until"] == exchange.moments.now() + 180
    await exchange.press(cmd.PauseRecording, on=False)  # twice is once
    await exchange.advance(15)
    await exchange.press(cmd.PauseRecording, on=True)
    assert not exchange.switch.leg(exchange.contact).recording_paused
    (pause,) = (await recording_row(exchange)).pauses
    assert 14_000 <= pause[1] - pause[0] <= 16_000
    assert pause[2] == "asked"
    assert asked(exchange, "pause_recording") == [(exchange.contact, True), (exchange.contact, False)]
    assert exchange.told("call.recording") == ["call.recording", "call.recording"]


async def test_a_forgotten_pause_ends_by_itself(exchange: Exchange) -> None:
    await exchange.talk(5)
    await exchange.press(cmd.PauseRecording, on=False)
    await exchange.advance(179)
    assert exchange.switch.leg(exchange.contact).recording_paused
    await exchange.advance(2)
    assert not exchange.switch.leg(exchange.contact).recording_paused
    (pause,) = (await recording_row(exchange)).pauses
    assert (pause[1] - pause[0], pause[2]) == (180_000, "bound")


async def test_a_pause_ends_with_the_call_and_with_the_hand_over(exchange: Exchange) -> None:
    await exchange.talk(5)
    await exchange.press(cmd.PauseRecording, on=False)
    await exchange.press(cmd.HangUp)
    (pause,) = (await recording_row(exchange)).pauses
    assert pause[1:] == [pause[0], "ended"]
    refused = await exchange.press(cmd.PauseRecording, on=True)
    assert refused["error"]["code"] == "conflict"
    await exchange.wrap_up()
    await exchange.next_contact()
    await exchange.talk(5)
    await exchange.press(cmd.PauseRecording, on=False)
    await exchange.brief()
    await exchange.press(cmd.CompleteTransfer)
    assert not exchange.switch.leg(exchange.contact).recording_paused
    assert (await recording_row(exchange)).pauses[0][2] == "operator_left"


async def test_a_pause_survives_a_restart_of_call_control(exchange: Exchange) -> None:
    await exchange.talk(5)
    await exchange.press(cmd.PauseRecording, on=False)
    await exchange.stop()
    exchange.switch.leg(exchange.contact).recording_paused = False  # whatever became of it
    await exchange.start()
    assert exchange.switch.leg(exchange.contact).recording_paused
    await exchange.advance(181)
    assert not exchange.switch.leg(exchange.contact).recording_paused
    assert (await recording_row(exchange)).pauses[0][2] == "bound"


async def test_nobody_else_pauses_a_call(exchange: Exchange) -> None:
    await exchange.talk(5)
    key = "stranger"
    reply = await exchange.command(
        cmd.PauseRecording(key=key, user=str(exchange.manager_user.pk), attempt=exchange.attempt, on=False)
    )
    assert "error" in reply
    assert asked(exchange, "pause_recording") == []
    assert (await recording_row(exchange)).pauses == []


async def test_an_announcement_is_played_to_both_and_the_recording_follows(exchange: Exchange) -> None:
    await campaign_says(exchange, consent="played", consent_text="This call is recorded.", language="en")
    await exchange.talk(0)
    plays = asked(exchange, "play")
    assert [leg for leg, _sound in plays] == [exchange.contact, exchange.operator_leg]
    assert plays[0][1] == plays[1][1]
    assert plays[0][1].startswith("consent-")
    assert exchange.switch.leg(exchange.contact).others == {exchange.operator_leg}
    assert (exchange.switch.leg(exchange.contact).recording, (await shown(exchange))["state"]) == (None, "waiting")
    refused = await exchange.press(cmd.PauseRecording, on=True)  # it is played; nobody says it was heard before it was
    assert refused["error"]["code"] == "conflict"
    await exchange.advance(2)
    assert exchange.switch.leg(exchange.contact).recording is not None
    assert (await exchange.row()).announced_at is not None
    await exchange.press(cmd.HangUp)


async def test_an_announcement_may_be_in_the_recording(exchange: Exchange) -> None:
    await campaign_says(
        exchange, consent="played", consent_text="This call is recorded.", language="en", consent_in_recording=True
    )
    await exchange.talk(0)
    assert exchange.switch.leg(exchange.contact).recording is not None
    assert (await exchange.row()).announced_at is None
    await exchange.advance(2)
    assert (await exchange.row()).announced_at is not None
    assert asked(exchange, "record") == [exchange.contact]


async def test_a_contact_who_hangs_up_at_the_announcement_was_never_recorded(exchange: Exchange) -> None:
    await campaign_says(exchange, consent="played", consent_text="This call is recorded.", language="en")
    await exchange.talk(0)
    exchange.switch.hangs_up(exchange.contact, 16)
    await exchange.settled()
    await exchange.advance(100)
    assert asked(exchange, "record") == []
    assert (await exchange.row()).announced_at is None
    assert await exchange.db(Recording.objects.count) == 0


async def test_an_announcement_that_cannot_be_played_is_read(exchange: Exchange) -> None:
    await campaign_says(exchange, consent="played", consent_text="", consent_sound="announcements/gone.wav")
    await exchange.talk(0)
    said = await shown(exchange)
    assert (said["state"], said["consent"]) == ("waiting", "read")
    await exchange.advance(30)
    assert asked(exchange, "record") == []  # until somebody has said it
    reply = await exchange.press(cmd.PauseRecording, on=True)
    assert reply["recording"] == "on"
    assert asked(exchange, "record") == [exchange.contact]


async def test_what_the_operator_reads_begins_the_recording(exchange: Exchange) -> None:
    await campaign_says(exchange, consent="read", consent_text="May I record this call?")
    await exchange.talk(8)
    assert asked(exchange, "record") == []
    assert asked(exchange, "play") == []
    assert (await exchange.press(cmd.PauseRecording, on=False))["error"]["code"] == "conflict"
    await exchange.press(cmd.PauseRecording, on=True)
    assert Path(str(exchange.switch.leg(exchange.contact).recording)).suffix == ".wav"
    assert (await exchange.row()).announced_at is not None
    await exchange.advance(10)
    await exchange.press(cmd.HangUp)
    assert (await recording_row(exchange)).duration_ms == 10_000


async def test_a_campaign_that_records_nothing_announces_nothing(exchange: Exchange) -> None:
    await campaign_says(exchange, consent="played", consent_text="This call is recorded.", record_calls=False)
    await exchange.talk(5)
    assert asked(exchange, "play") == asked(exchange, "record") == []
    assert (await exchange.press(cmd.PauseRecording, on=False))["error"]["code"] == "conflict"
