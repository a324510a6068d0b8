"""Whatever strangers send, nothing is raised out of the engine and no other call stops."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import secrets
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from aioice import stun
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hearthline.switch.embedded import wire
from hearthline.switch.embedded.browser_sdp import Fingerprint, OfferError, parse_offer
from hearthline.switch.embedded.config import ConfigError, EngineConfig
from hearthline.switch.embedded.dtls import DtlsSrtp, DtlsState, Role, make_identity
from hearthline.switch.embedded.engine import EmbeddedSwitch
from hearthline.switch.embedded.rtp import RtpSender
from hearthline.switch.embedded.sounds import Playback, SoundError, load_sound
from hearthline.switch.port import Switch, SwitchError
from tests.switch.conftest import QUICK
from tests.switch.offers import CHROMIUM, FIREFOX, OFFERS
from tests.switch.parties import hears
from tests.switch.town import Town


@pytest.fixture
def switch(embedded: Switch) -> Switch:
    """Only the engine in this process: its log is watched."""
    return embedded


class _Keeping(logging.Handler):
    def __init__(self, records: list[logging.LogRecord]) -> None:
        super().__init__(logging.ERROR)
        self._records = records

    def emit(self, record: logging.LogRecord) -> None:
        self._records.append(record)


@pytest.fixture
def complaints() -> Iterator[list[logging.LogRecord]]:
    """Everything that is logged as an error meanwhile."""
    records: list[logging.LogRecord] = []
    handler = _Keeping(records)
    logging.getLogger().addHandler(handler)
    yield records
    logging.getLogger().removeHandler(handler)


PATIENT = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))  # the machine may be busy


def is_a_sentence(refusal: Exception) -> None:
    """Whoever reads the log must understand it."""
    assert str(refusal).endswith("."), str(refusal)


# --- SDP ------------------------------------------------------------------------------------------------------------

_lines = st.sampled_from(sorted({line for offer in OFFERS for line in offer.split("\r\n")}))
_mangled = st.lists(st.one_of(_lines, st.text(max_size=60), st.binary(max_size=20).map(repr)), max_size=40)


@PATIENT
@given(_mangled.map("\r\n".join))
@example("v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:\r\n")
@example(CHROMIUM.replace("a=mid:0", "a=mid:0 \x00injected"))
@example(CHROMIUM.replace("sha-256 ", "sha-256"))
@example(CHROMIUM.replace("126", "٣"))  # a digit to Python, not to SDP
@example("v=0\r\n" + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n" * 100)
@example("v=0\n" + "a=x\n" * 5000)
@example("v=0" + "x" * 70_000)
def test_an_offer_is_read_or_refused(text: str) -> None:
    try:
        offer = parse_offer(text)
        offer.agree(["PCMU", "PCMA", "opus"])
    except OfferError as refusal:
        is_a_sentence(refusal)


@pytest.mark.parametrize("offer", OFFERS)
@PATIENT
@given(data=st.data())
def test_a_real_offer_with_damage_is_read_or_refused(offer: str, data: st.DataObject) -> None:
    characters = list(offer)
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(characters) - 1))
        characters[place] = data.draw(
            st.sampled_from([" ", "\r", "\n", ":", "=", "9", "\0", "й", "", characters[place] * 300])
        )
    try:
        parse_offer("".join(characters))
    except OfferError as refusal:
        is_a_sentence(refusal)


# --- DTLS -----------------------------------------------------------------------------------------------------------

IDENTITY = make_identity()


def an_association(states: list[DtlsState]) -> DtlsSrtp:
    expected = [Fingerprint("sha-256", bytes(32))]
    return DtlsSrtp(IDENTITY, Role.SERVER, expected, lambda data: None, states.append)


@PATIENT
@given(datagrams=st.lists(st.binary(max_size=300).map(lambda data: b"\x16\xfe\xfd" + data), max_size=10))
async def test_dtls_takes_any_datagram(datagrams: list[bytes]) -> None:
    states: list[DtlsState] = []
    association = an_association(states)
    for datagram in datagrams:
        association.receive(datagram)
        association.receive(datagram[3:])
    association.close()
    assert DtlsState.READY not in states


@PATIENT
@given(place=st.integers(0, 150), value=st.integers(0, 255), cut=st.integers(0, 150))
async def test_dtls_takes_damaged_hellos(place: int, value: int, cut: int) -> None:
    hellos: list[bytes] = []
    client = DtlsSrtp(IDENTITY, Role.CLIENT, [Fingerprint("sha-256", bytes(32))], hellos.append, lambda state: None)
    client.begin()
    states: list[DtlsState] = []
    association = an_association(states)
    hello = bytearray(hellos[0])
    hello[place % len(hello)] = value
    association.receive(bytes(hello[: len(hello) - cut % len(hello)]))
    association.receive(hellos[0])
    association.close()
    client.close()
    assert DtlsState.READY not in states


async def test_a_certificate_other_than_the_offered_one_is_refused() -> None:
    told: dict[str, list[DtlsState]] = {"server": [], "client": []}
    ends: dict[str, DtlsSrtp] = {}
    right = Fingerprint("sha-256", bytes.fromhex(IDENTITY.fingerprint.replace(":", "")))
    wrong = Fingerprint("sha-256", secrets.token_bytes(32))
    queue: list[tuple[str, bytes]] = []
    ends["server"] = DtlsSrtp(
        IDENTITY, Role.SERVER, [wrong], lambda data: queue.append(("client", data)), told["server"].append
    )
    ends["client"] = DtlsSrtp(
        IDENTITY, Role.CLIENT, [right], lambda data: queue.append(("server", data)), told["client"].append
    )
    ends["client"].begin()
    while queue:
        to, data = queue.pop(0)
        ends[to].receive(data)
    assert told["server"] == [DtlsState.FAILED]
    assert ends["server"].protect_rtp(RtpSender().packet(0, bytes(160))) is None
    for end in ends.values():
        end.close()


# --- the media port, while a call goes on ---------------------------------------------------------------------------


def _nonsense(rng: random.Random, ufrag: str) -> Iterator[bytes]:
    """STUN, DTLS, RTP and RTCP in all kinds of disrepair, and plain noise."""
    valid = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    valid.attributes["USERNAME"] = f"{ufrag}:abcd"
    valid.attributes["USE-CANDIDATE"] = None
    valid.add_message_integrity(b"a wrong password")
    seeds = [
        bytes(valid),
        b"\x16\xfe\xfd" + bytes(60),
        b"\x80\x00" + bytes(170),
        b"\x81\xc8\x00\x06" + bytes(24),
        struct.pack("!HHI", 1, 8, stun.COOKIE) + bytes(20),
        struct.pack("!HHI", 0x3FFF, 0, stun.COOKIE) + bytes(12),
    ]
    for _ in range(1500):
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.randrange(5)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        yield bytes(data[: rng.randrange(len(data) + 1)]) if rng.random() < 0.3 else bytes(data)
        yield rng.randbytes(rng.randrange(1, 1400))


def _media_address(offer_answer: str) -> tuple[str, int]:
    return "127.0.0.1", int(offer_answer.split("m=audio ")[1].split(" ")[0])


async def test_noise_at_the_media_port_disturbs_no_call(town: Town, complaints: list[logging.LogRecord]) -> None:
    a, b, other = await town.browser(440), await town.browser(650), town.stranger(900)
    await town.switch.connect([a.leg, b.leg])
    answer = await town.switch.open_browser_leg(other.leg, other.peer.offer())
    ufrag = answer.split("a=ice-ufrag:")[1].split("\r\n")[0]
    rng = random.Random(7)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for number, data in enumerate(_nonsense(rng, ufrag)):
            stranger.sendto(data, _media_address(answer))
            if number % 3 == 0:
                b.peer.send_raw(data)  # from an address that is proved, too
            if number % 100 == 0:
                await asyncio.sleep(0)
    await asyncio.gather(
        hears(a, 650),
        hears(b, 440),
    )
    assert complaints == []


async def test_authentic_rubbish_harms_its_sender_only(town: Town, complaints: list[logging.LogRecord]) -> None:
    a, b = await town.browser(440), await town.browser(650)
    await town.switch.connect([a.leg, b.leg])
    rng = random.Random(8)
    for _ in range(500):
        first = rng.choice([b"\x80\x00", b"\x90\x00", b"\xa0\x00", b"\x8f\x7e", b"\x80\x6f"])
        b.peer.send_rtp(first + rng.randbytes(rng.randrange(10, 300)))
        b.peer.send_rtcp(
            b"\x81" + rng.choice([b"\xc8", b"\xc9", b"\xca", b"\xcb"]) + rng.randbytes(rng.randrange(6, 200))
        )
    await hears(b, 440)
    assert complaints == []


async def test_media_from_an_address_that_proved_nothing_is_not_heard(town: Town) -> None:
    a, b = await town.browser(440), await town.browser(650)
    await town.switch.connect([a.leg, b.leg])
    before = {one.leg: one.stats.packets_in for one in await town.switch.legs()}
    b.peer.paused = True
    b.peer.stop_checking()
    b.peer.move(check=False)  # authentic packets, but from an address without a check
    b.peer.paused = False
    await a.ear.listen(0.4)
    after = {one.leg: one.stats.packets_in for one in await town.switch.legs()}
    assert after[b.leg] - before[b.leg] <= 3
    assert after[a.leg] - before[a.leg] > 10


async def test_a_leg_keeps_a_bounded_number_of_addresses(town: Town) -> None:
    a = await town.browser(440)
    for _ in range(40):
        a.peer.move()
        await a.ear.listen(0.04)
    await a.ear.listen(0.3)
    assert isinstance(town.switch, EmbeddedSwitch)
    assert town.switch.known_addresses <= 12


class _Broken(Playback):
    def frame(self) -> bytes | None:
        raise ZeroDivisionError


async def test_a_leg_whose_audio_fails_takes_no_other_with_it(town: Town, complaints: list[logging.LogRecord]) -> None:
    broken, a, b = await town.browser(900), await town.browser(440), await town.browser(650)
    assert isinstance(town.switch, EmbeddedSwitch)
    town.switch.seat_of(broken.leg).playback = _Broken("broken", b"", loop=False)
    await town.switch.connect([a.leg, b.leg])
    await hears(b, 440)
    assert len(complaints) == 1


# --- frames ---------------------------------------------------------------------------------------------------------

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=10), inner, max_size=5),
    max_leaves=20,
)


@PATIENT
@given(st.sampled_from(wire.METHODS), _json)
def test_parameters_fit_or_are_refused(method: str, raw: object) -> None:
    for params in (raw, {"leg": raw}, {"leg": "a", "destination": raw, "caller_id": "", "timeout_s": 5, "trunk": raw}):
        try:
            loaded = wire.load_params(method, params)
        except wire.WireError as refusal:
            is_a_sentence(refusal)
        else:
            assert isinstance(loaded, dict)


@PATIENT
@given(_json, st.binary(max_size=100))
def test_results_events_and_bodies_fit_or_are_refused(raw: object, body: bytes) -> None:
    loaders: list[Callable[[], object]] = [
        lambda: wire.load_result("legs", raw),
        lambda: wire.load_result("load", raw),
        lambda: wire.load_event(raw),
        lambda: wire.load_event({"type": "LegHungUp", "leg": "a", "at": raw}),
        lambda: wire.parse_body(body),
        lambda: wire.parse_body(json.dumps(raw).encode()),
    ]
    for loader in loaders:
        try:
            loader()
        except wire.WireError as refusal:
            is_a_sentence(refusal)


@PATIENT
@given(_json)
def test_a_configuration_fits_or_is_refused(raw: object) -> None:
    for text in (json.dumps(raw), json.dumps({"media_port": raw}), json.dumps({"media_bind": raw}), str(raw)):
        try:
            assert EngineConfig.from_json(text)
        except ConfigError as refusal:
            is_a_sentence(refusal)


@pytest.fixture
async def engine() -> AsyncIterator[EmbeddedSwitch]:
    engine = EmbeddedSwitch(QUICK)
    await engine.start()
    yield engine
    await engine.close()


@PATIENT
@given(offer=_mangled.map("\r\n".join), leg=st.text(max_size=10), digits=st.text(max_size=5))
async def test_the_port_raises_nothing_but_its_own_error(
    engine: EmbeddedSwitch, offer: str, leg: str, digits: str
) -> None:
    for request in (
        engine.open_browser_leg(leg, offer),
        engine.open_browser_leg(leg, offer, tags={"x" * 300: ""}),
        engine.connect([leg, digits]),
        engine.play(leg, offer),
        engine.record(leg, offer),
        engine.send_digits(leg, digits),
        engine.hang_up(leg, 200),
    ):
        with pytest.raises(SwitchError):
            await request


@PATIENT
@given(st.binary(max_size=200))
def test_a_sound_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("sounds", numbered=True) / "sound.wav"
    for head in (b"", b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data"):
        path.write_bytes(head + data)
        try:
            assert len(load_sound(str(path))) % 320 == 0
        except SoundError as refusal:
            is_a_sentence(refusal)


def test_the_real_offers_are_understood() -> None:
    for offer in OFFERS:
        read = parse_offer(offer)
        assert read.agree(["PCMU"]).payload_type == 0
        assert read.agree(["opus", "PCMU"]).codec == "opus"
    assert parse_offer(CHROMIUM).agree(["PCMU"]).telephone_event == 126
    assert parse_offer(CHROMIUM).agree(["opus"]).telephone_event == 110
    assert parse_offer(FIREFOX).agree(["PCMU"]).telephone_event == 101
