"""The port's contract: who hears whom, what is played and what is recorded. Every engine passes this."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hearthline.switch.port import (
    LegHungUp,
    ListenMode,
    ParkSound,
    RecordingStopped,
    SoundFinished,
    SwitchError,
    SwitchErrorCode,
)
from tests.switch.ears import assert_hears, level, read_stereo, tone, write_wav
from tests.switch.parties import hears
from tests.switch.town import Town

A, B, C, D = 440, 650, 900, 1150


async def test_two_hear_each_other_and_nobody_else_does(town: Town) -> None:
    a, b, c = await town.browser(A), await town.browser(B), await town.browser(C)
    await town.switch.connect([a.leg, b.leg])
    await asyncio.gather(
        hears(a, B, unheard=[A, C]),
        hears(b, A, unheard=[B, C]),
        hears(c, unheard=[A, B, C]),
    )


async def test_three_are_a_conference_and_stay_together_when_one_goes(town: Town) -> None:
    a, b, c = await town.browser(A), await town.browser(B), await town.browser(C)
    await town.switch.connect([a.leg, b.leg, c.leg])
    await asyncio.gather(
        hears(a, B, C, unheard=[A]),
        hears(b, A, C, unheard=[B]),
        hears(c, A, B, unheard=[C]),
    )
    await town.switch.hang_up(c.leg)
    await town.told.wait(LegHungUp, c.leg)
    await asyncio.gather(
        hears(a, B, unheard=[C]),
        hears(b, A, unheard=[C]),
    )
    await town.switch.hang_up(b.leg)
    await town.told.wait(LegHungUp, b.leg)
    await hears(a, silence=True)
    (snapshot,) = await town.switch.legs()
    assert snapshot.connected_with == ()


async def test_a_briefing_the_contact_hears_music_and_then_the_manager(town: Town) -> None:
    operator, contact, manager = await town.browser(A), await town.called(B), await town.browser(C)
    await town.switch.connect([operator.leg, contact.leg])
    await town.switch.connect([operator.leg, manager.leg], park=ParkSound.MUSIC)
    await asyncio.gather(
        hears(operator, C, unheard=[B]),
        hears(contact, unheard=[A, C], music=True),
        hears(manager, A, unheard=[B]),
    )
    await town.switch.connect([contact.leg, manager.leg])
    await asyncio.gather(
        hears(operator, silence=True),
        hears(contact, C, unheard=[A]),
        hears(manager, B, unheard=[A]),
    )


async def test_parking_with_music_and_with_silence(town: Town) -> None:
    a = await town.browser(A)
    await town.switch.park(a.leg, ParkSound.MUSIC)
    await hears(a, music=True)
    await town.switch.park(a.leg)
    await hears(a, silence=True)


async def test_a_muted_leg_hears_and_is_not_heard_in_whatever_arrangement(town: Town) -> None:
    a, b, c = await town.browser(A), await town.called(B), await town.browser(C)
    await town.switch.connect([a.leg, b.leg])
    await asyncio.gather(hears(a, B, unheard=[A]), hears(b, A, unheard=[B]))
    await town.switch.mute(b.leg, True)
    await town.switch.mute(b.leg, True)
    await asyncio.gather(hears(a, silence=True), hears(b, A, unheard=[B]))
    await town.switch.connect([b.leg, c.leg])
    await asyncio.gather(hears(b, C, unheard=[A, B]), hears(c, silence=True))
    await town.switch.mute(b.leg, False)
    await asyncio.gather(hears(b, C, unheard=[A, B]), hears(c, B, unheard=[A, C]))
    with pytest.raises(SwitchError) as refused:
        await town.switch.mute("nobody", True)
    assert refused.value.code is SwitchErrorCode.NO_SUCH_LEG


async def test_a_silent_listener_hears_both_and_is_heard_by_nobody(town: Town) -> None:
    a, b, ear = await town.browser(A), await town.browser(B), await town.browser(C)
    await town.switch.connect([a.leg, b.leg])
    await town.switch.listen(ear.leg, a.leg, ListenMode.SILENT)
    await asyncio.gather(
        hears(a, B, unheard=[C]),
        hears(b, A, unheard=[C]),
        hears(ear, A, B, unheard=[C]),
    )


async def test_a_whisper_reaches_the_target_alone(town: Town) -> None:
    a, b, coach = await town.browser(A), await town.browser(B), await town.browser(C)
    await town.switch.connect([a.leg, b.leg])
    await town.switch.listen(coach.leg, a.leg, ListenMode.WHISPER)
    await asyncio.gather(
        hears(a, B, C),
        hears(b, A, unheard=[C]),
        hears(coach, A, B, unheard=[C]),
    )


async def test_barging_in_everybody_hears_everybody_until_parked(town: Town) -> None:
    a, b, c = await town.browser(A), await town.browser(B), await town.browser(C)
    await town.switch.connect([a.leg, b.leg])
    await town.switch.listen(c.leg, b.leg, ListenMode.BARGE)
    await asyncio.gather(
        hears(a, B, C, unheard=[A]),
        hears(b, A, C, unheard=[B]),
        hears(c, A, B, unheard=[C]),
    )
    await town.switch.park(c.leg)
    await asyncio.gather(
        hears(a, B, unheard=[C]),
        hears(b, A, unheard=[C]),
        hears(c, silence=True),
    )


async def test_a_listener_follows_its_target_into_another_conversation(town: Town) -> None:
    a, b, c, ear = await town.browser(A), await town.browser(B), await town.browser(C), await town.browser(D)
    await town.switch.connect([a.leg, b.leg])
    await town.switch.listen(ear.leg, a.leg, ListenMode.SILENT)
    await town.switch.connect([a.leg, c.leg])
    await asyncio.gather(
        hears(ear, A, C, unheard=[B]),
        hears(b, silence=True),
    )


async def test_a_sound_is_played_over_the_conversation_and_its_end_is_told(town: Town, tmp_path: Path) -> None:
    a, b = await town.browser(A), await town.browser(B)
    await town.switch.connect([a.leg, b.leg])
    sound = str(write_wav(tmp_path / "beep.wav", tone(1300, seconds=1.0)))
    await town.switch.play(a.leg, sound)
    await asyncio.gather(
        hears(a, B, 1300),
        hears(b, A, unheard=[1300]),
    )
    told = await town.told.wait(SoundFinished, a.leg)
    assert told.sound == sound
    await town.switch.play(a.leg, sound, loop=True)
    await hears(a, 1300)
    await town.switch.stop_playing(a.leg)
    await hears(a, B, unheard=[1300])


async def test_a_sound_that_cannot_be_played_is_refused(town: Town, tmp_path: Path) -> None:
    a = await town.browser(A)
    nonsense = tmp_path / "nonsense.wav"
    nonsense.write_bytes(b"RIFF and no more")
    for path in (nonsense, tmp_path / "nothing.wav"):
        with pytest.raises(SwitchError) as error:
            await town.switch.play(a.leg, str(path))
        assert error.value.code is SwitchErrorCode.BAD_REQUEST


async def test_a_recording_has_the_leg_left_and_what_it_hears_right(town: Town, tmp_path: Path) -> None:
    operator, contact = await town.browser(A), await town.called(B)
    await town.switch.connect([operator.leg, contact.leg])
    path = tmp_path / "call.wav"
    await operator.ear.listen(0.2)
    await town.switch.record(operator.leg, str(path))
    await town.switch.record(operator.leg, str(path))  # asked again: the same recording
    assert {one.recording for one in await town.switch.legs()} == {str(path), None}
    await operator.ear.listen(1.5)
    await town.switch.stop_recording(operator.leg)
    told = await town.told.wait(RecordingStopped, operator.leg)
    assert told.path == str(path)
    assert 1400 <= told.duration_ms <= 1800
    left, right = read_stereo(path)
    assert len(left) // 16 == told.duration_ms
    assert_hears(left[4000:-2000], [A], unheard=[B])
    assert_hears(right[4000:-2000], [B], unheard=[A])
    with pytest.raises(SwitchError, match="exists"):
        await town.switch.record(operator.leg, str(path))


async def test_a_paused_recording_has_silence_of_the_same_length(town: Town, tmp_path: Path) -> None:
    operator, contact = await town.browser(A), await town.called(B)
    await town.switch.connect([operator.leg, contact.leg])
    path = tmp_path / "call.wav"
    await town.switch.pause_recording(contact.leg, True)  # nothing is recorded: no error
    await operator.ear.listen(0.2)
    await town.switch.record(contact.leg, str(path))
    await operator.ear.listen(1.0)
    await town.switch.pause_recording(contact.leg, True)
    await town.switch.pause_recording(contact.leg, True)  # asked again: still paused
    await asyncio.gather(hears(operator, B), hears(contact, A))  # the people hear each other as before
    await operator.ear.listen(1.0)
    await town.switch.pause_recording(contact.leg, False)
    await operator.ear.listen(1.0)
    await town.switch.stop_recording(contact.leg)
    told = await town.told.wait(RecordingStopped, contact.leg)
    left, right = read_stereo(path)
    assert told.duration_ms >= 3000
    silent = [n for n in range(0, len(left) - 800, 800) if level(left[n : n + 800]) < 4 > level(right[n : n + 800])]
    assert len(silent) >= 9  # a second in pieces of a tenth, less its edges
    assert_hears(left[2400:6400], [B], unheard=[A])
    assert_hears(right[2400:6400], [A], unheard=[B])
    assert_hears(left[-6400:-2400], [B])
    assert_hears(right[-6400:-2400], [A])


async def test_a_recording_ends_with_its_leg(town: Town, tmp_path: Path) -> None:
    a = await town.browser(A)
    await town.switch.record(a.leg, str(tmp_path / "a.wav"))
    await a.ear.listen(0.3)
    a.peer.close()
    told = await town.told.wait(RecordingStopped, a.leg)
    left, right = read_stereo(tmp_path / "a.wav")
    assert_hears(left[:4800], [A])  # the 300 ms before it closed
    assert level(right) < 1
    assert told.duration_ms >= 200


@pytest.mark.parametrize("count", [0, 1, 33])
async def test_an_arrangement_of_impossible_size_is_refused(town: Town, count: int) -> None:
    a = await town.browser(A)
    with pytest.raises(SwitchError) as error:
        await town.switch.connect([a.leg] * count)
    assert error.value.code is SwitchErrorCode.BAD_REQUEST
