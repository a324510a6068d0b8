"""The port's contract: legs come, are told of, and go. Every engine passes this."""

from __future__ import annotations

import asyncio
import time
import uuid

import pytest

from hearthline.switch.embedded.codecs import OPUS, PCMA, PCMU
from hearthline.switch.port import (
    Destination,
    LegAnswered,
    LegDigit,
    LegEarlyMedia,
    LegHungUp,
    LegKind,
    LegMediaResumed,
    LegMediaStalled,
    LegRinging,
    LegState,
    LegStats,
    ListenMode,
    Party,
    SwitchError,
    SwitchErrorCode,
    Trunk,
)
from tests.switch.parties import hears
from tests.switch.town import Town


def code_of(error: pytest.ExceptionInfo[SwitchError]) -> SwitchErrorCode:
    return error.value.code


@pytest.mark.parametrize(
    ("codecs", "profile"),
    [
        ((PCMU,), b"SRTP_AEAD_AES_128_GCM"),
        ((PCMA,), b"SRTP_AES128_CM_SHA1_80"),
        ((OPUS,), b"SRTP_AEAD_AES_128_GCM"),
    ],
)
async def test_browsers_of_every_codec_and_cipher_hear_each_other(
    town: Town, codecs: tuple[str, ...], profile: bytes
) -> None:
    first = await town.browser(440, codecs, tuple(dict.fromkeys((profile, *town.nature.ciphers))))
    second = await town.browser(650)
    await town.switch.connect([first.leg, second.leg])
    await asyncio.gather(hears(first, 650, unheard=[440]), hears(second, 440, unheard=[650]))
    snapshot = {one.leg: one for one in await town.switch.legs()}[first.leg]
    assert (snapshot.kind, snapshot.state, snapshot.connected_with) == (LegKind.BROWSER, LegState.UP, (second.leg,))
    assert snapshot.stats.codec == codecs[0]
    assert snapshot.stats.voice_in_ms > 100
    assert snapshot.stats.packets_in > 10
    assert snapshot.stats.level_dbfs is not None
    assert -20 < snapshot.stats.level_dbfs < -5


async def test_opus_is_chosen_where_the_exchange_prefers_it(town: Town) -> None:
    browser = town.stranger(440, (PCMU, OPUS))
    await browser.open(town.switch, town.told, {"codec": OPUS})
    assert browser.peer.audio.codec == OPUS
    (snapshot,) = await town.switch.legs()
    assert (snapshot.tags, snapshot.stats.codec) == ({"codec": OPUS}, OPUS)


async def test_we_hang_up_a_browser(town: Town) -> None:
    browser = await town.browser(440)
    await town.switch.hang_up(browser.leg, 31)
    told = await town.told.wait(LegHungUp, browser.leg)
    assert (told.cause, told.by) == (31, Party.LOCAL)
    if town.nature.closes_dtls:
        await browser.peer.ended()
    assert await town.switch.legs() == []
    await town.switch.hang_up(browser.leg)  # gone already: no error, and not told again
    assert len(town.told.all(LegHungUp)) == 1


async def test_a_page_closes_its_line(town: Town) -> None:
    browser = await town.browser(440)
    browser.peer.close()
    told = await town.told.wait(LegHungUp, browser.leg)
    assert (told.cause, told.by) == ((16, Party.REMOTE) if town.nature.closes_dtls else (38, Party.SWITCH))


async def test_a_browser_that_vanishes_stalls_then_loses_its_consent(town: Town) -> None:
    browser = await town.browser(440)
    await browser.ear.listen(0.3)
    browser.peer.vanish()
    stalled = await town.told.wait(LegMediaStalled, browser.leg)
    assert 500 <= stalled.silent_ms <= 1500
    told = await town.told.wait(LegHungUp, browser.leg)
    assert told.by is Party.SWITCH
    assert told.stats.packets_in > 10


async def test_audio_that_comes_back_is_told(town: Town) -> None:
    browser = await town.browser(440)
    browser.peer.paused = True
    await town.told.wait(LegMediaStalled, browser.leg)
    browser.peer.paused = False
    await town.told.wait(LegMediaResumed, browser.leg)


async def test_a_browser_that_never_comes_is_given_up(town: Town) -> None:
    browser = town.stranger(440)
    await town.switch.open_browser_leg(browser.leg, browser.peer.offer())
    told = await town.told.wait(LegHungUp, browser.leg)
    assert (told.cause, told.by) == (102, Party.SWITCH)


async def test_ice_restart_on_the_same_leg(town: Town) -> None:
    browser, other = await town.browser(440), await town.browser(650)
    await town.switch.connect([browser.leg, other.leg])
    await hears(other, 440)
    browser.peer.move(check=False)  # to another address, which only the restart makes known
    browser.peer.accept(await town.switch.open_browser_leg(browser.leg, browser.peer.restart_offer()))
    await asyncio.gather(
        hears(browser, 650),
        hears(other, 440),
    )
    assert len(town.told.all(LegAnswered, browser.leg)) == 1


async def test_a_browser_moves_to_another_network(town: Town) -> None:
    browser, other = await town.browser(440), await town.browser(650)
    await town.switch.connect([browser.leg, other.leg])
    browser.peer.move()
    await asyncio.gather(
        hears(browser, 650),
        hears(other, 440),
    )


async def test_a_page_that_was_loaded_again_takes_over_its_leg(town: Town) -> None:
    first, other = await town.browser(440), await town.browser(650)
    await town.switch.connect([first.leg, other.leg])
    first.peer.vanish()
    again = town.stranger(900)
    again.leg = first.leg
    again.peer.accept(await town.switch.open_browser_leg(first.leg, again.peer.offer()))
    await again.peer.up()
    await asyncio.gather(
        hears(again, 650),
        hears(other, 900, unheard=[440]),
    )


@pytest.mark.parametrize("offer", ["", "v=0\r\n", "nonsense", "v=0\r\nm=audio 9 RTP/AVP 0\r\n"])
async def test_an_offer_that_cannot_be_used_is_refused_with_a_sentence(town: Town, offer: str) -> None:
    with pytest.raises(SwitchError) as error:
        await town.switch.open_browser_leg(uuid.uuid4().hex, offer)
    assert code_of(error) is SwitchErrorCode.BAD_OFFER
    assert error.value.message.endswith(".")
    assert await town.switch.legs() == []


async def test_every_request_for_an_unknown_leg_says_so(town: Town) -> None:
    nobody, browser = uuid.uuid4().hex, await town.browser(440)
    switch = town.switch
    for request in (
        switch.connect([browser.leg, nobody]),
        switch.park(nobody),
        switch.listen(browser.leg, nobody, ListenMode.SILENT),
        switch.play(nobody, "/nowhere.wav"),
        switch.stop_playing(nobody),
        switch.send_digits(nobody, "1"),
        switch.record(nobody, "/nowhere.wav"),
        switch.stop_recording(nobody),
    ):
        with pytest.raises(SwitchError) as error:
            await request
        assert code_of(error) is SwitchErrorCode.NO_SUCH_LEG


# --- telephones -----------------------------------------------------------------------------------------------------


async def test_a_telephone_rings_answers_talks_and_hangs_up(town: Town) -> None:
    phone, browser = await town.phone(523), await town.browser(440)
    phone.act = lambda call: call.ring()
    await phone.ring(town.switch)
    await town.told.wait(LegRinging, phone.leg)
    before = time.time()
    phone.calls[0].answer()
    answered = await town.told.wait(LegAnswered, phone.leg)
    assert before - 1 < answered.at < time.time() + 1
    await town.switch.connect([browser.leg, phone.leg])
    await asyncio.gather(
        hears(phone, 440, unheard=[523]),
        hears(browser, 523, unheard=[440]),
    )
    phone.calls[0].hang_up()
    told = await town.told.wait(LegHungUp, phone.leg)
    assert (told.cause, told.by) == (16, Party.REMOTE)
    assert told.stats.voice_in_ms > 100
    assert told.stats.voice_out_ms > 100
    await hears(browser, unheard=[523])


async def test_asking_twice_places_one_call(town: Town) -> None:
    phone = await town.called(523)
    await phone.ring(town.switch)
    assert len(phone.calls) == 1
    await town.switch.hang_up(phone.leg)
    await town.told.wait(LegHungUp, phone.leg)
    await phone.ring(town.switch)  # the same name after the end: still the same request
    await asyncio.wait_for(phone.ended.wait(), 5)
    assert len(phone.calls) == 1
    assert await town.switch.legs() == []


async def test_busy(town: Town) -> None:
    phone = await town.phone(523)
    phone.act = lambda call: call.reject(486)
    await phone.ring(town.switch)
    told = await town.told.wait(LegHungUp, phone.leg)
    assert (told.cause, told.by, told.sip_status) == (17, Party.REMOTE, 486)


async def test_nobody_answers(town: Town) -> None:
    phone = await town.phone(523)
    phone.act = lambda call: call.ring()
    await phone.ring(town.switch, timeout_s=1)
    told = await town.told.wait(LegHungUp, phone.leg)
    assert told.cause == 19
    await asyncio.wait_for(phone.ended.wait(), 5)


async def test_hanging_up_while_it_rings(town: Town) -> None:
    phone = await town.phone(523)
    phone.act = lambda call: call.ring()
    await phone.ring(town.switch)
    await town.told.wait(LegRinging, phone.leg)
    await town.switch.hang_up(phone.leg)
    told = await town.told.wait(LegHungUp, phone.leg)
    assert told.by is Party.LOCAL
    await asyncio.wait_for(phone.ended.wait(), 5)


async def test_announcements_before_the_answer_are_heard(town: Town) -> None:
    phone, browser = await town.phone(523), await town.browser(440)
    phone.act = lambda call: call.early()
    await phone.ring(town.switch)
    await town.told.wait(LegEarlyMedia, phone.leg)
    await town.switch.connect([browser.leg, phone.leg])
    await hears(browser, 523)
    states = {one.leg: one.state for one in await town.switch.legs()}
    assert states[phone.leg] is LegState.EARLY


async def test_the_longest_duration_is_kept_by_the_switch(town: Town) -> None:
    phone = await town.phone(523)
    await phone.ring(town.switch, max_duration_s=1)
    answered = await town.told.wait(LegAnswered, phone.leg)
    told = await town.told.wait(LegHungUp, phone.leg)
    assert told.by is Party.SWITCH
    assert 0.8 < told.at - answered.at < 2
    await asyncio.wait_for(phone.ended.wait(), 5)


async def test_a_number_needs_a_trunk_that_can_be_reached(town: Town) -> None:
    number = Destination(number="+79161234567")
    with pytest.raises(SwitchError) as error:
        await town.switch.ring(uuid.uuid4().hex, number, caller_id="", timeout_s=5, trunk=None)
    assert code_of(error) is SwitchErrorCode.NO_SUCH_TRUNK
    nowhere = Trunk(name="nowhere", host="no-such-host.invalid")
    with pytest.raises(SwitchError) as error:
        await town.switch.ring(uuid.uuid4().hex, number, caller_id="", timeout_s=5, trunk=nowhere)
    assert code_of(error) is SwitchErrorCode.FAILED
    assert await town.switch.legs() == []


async def test_digits_both_ways(town: Town) -> None:
    phone, browser = await town.called(523), await town.browser(440)
    await town.switch.send_digits(phone.leg, "12#")
    await town.switch.send_digits(browser.leg, "9*D")
    assert browser.peer.send_digits("70")
    phone.calls[0].send_digits("45")
    assert [(await town.told.wait(LegDigit, browser.leg, count=n)).digit for n in (1, 2)] == ["7", "0"]
    assert [(await town.told.wait(LegDigit, phone.leg, count=n)).digit for n in (1, 2)] == ["4", "5"]
    async with asyncio.timeout(5):
        while len(browser.peer.digits) < 3:
            await browser.ear.listen(0.1)
    assert browser.peer.digits == "9*D"
    for digits in ("", "1" * 33, "12x"):
        with pytest.raises(SwitchError) as error:
            await town.switch.send_digits(browser.leg, digits)
        assert code_of(error) is SwitchErrorCode.BAD_REQUEST


async def test_statistics_are_told_while_a_leg_is_up(town: Town) -> None:
    browser = await town.browser(440)
    told = await town.told.wait(LegStats, browser.leg, count=2)
    assert told.stats.packets_in > 60
    assert told.stats.voice_in_ms > 1000
    assert told.stats.lost_in <= 1
    load = await town.switch.load()
    assert (load.legs, load.connected) == (1, 0)
    assert load.cpu_percent > 0
