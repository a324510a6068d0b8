"""Parsers: what they read, and that nothing whatever makes them raise anything but BadMessageError."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearthline.switch.embedded.sip import causes, sdp, session_timer
from hearthline.switch.embedded.sip.addresses import NameAddr, SipUri, Via, sip_uri, split_unquoted
from hearthline.switch.embedded.sip.digest import parse_challenge, parse_fields
from hearthline.switch.embedded.sip.errors import BadMessageError
from hearthline.switch.embedded.sip.framing import StreamFramer
from hearthline.switch.embedded.sip.message import Headers, Message, Request, Response, parse, response_to

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.sip"))

INVITE = (
    b"INVITE sip:+79161234567@pbx1:5070;user=phone SIP/2.0\r\n"
    b"v: SIP/2.0/UDP 10.0.0.1:5062 ;branch=z9hG4bK+3d9fbb+sip+1;rport, SIP/2.0/TCP [2001:db8::1]:5060;branch=z9hG4bKx\r\n"
    b'f: "Quoted, \\"name\\" <x>" <sip:a@b_c.lan>;tag=as*1~!\r\n'
    b"t: <sip:+79161234567@pbx1>\r\n"
    b"i: 1@host\r\n"
    b"CSeq : 17\r\n INVITE\r\n"
    b"m: <sip:a@10.0.0.1:5062;transport=udp>;expires=60\r\n"
    b"Record-Route: <sip:p1;lr>,<sip:p2;lr;did=a.b>\r\n"
    b"Record-Route: <sip:p3;lr>\r\n"
    b"Max-Forwards: 70\r\n"
    b"l: 4\r\n"
    b"\r\n"
    b"bodyrest"
)


def test_a_message_as_unruly_switches_write_it() -> None:
    message = parse(INVITE)
    assert isinstance(message, Request)
    assert message.top_via.branch == "z9hG4bK+3d9fbb+sip+1"
    assert message.cseq == (17, "INVITE")
    assert message.from_.tag == "as*1~!"
    assert message.from_.uri.host == "b_c.lan"
    assert SipUri.parse(message.uri).host == "pbx1"
    assert message.headers.all("Record-Route") == ["<sip:p1;lr>", "<sip:p2;lr;did=a.b>", "<sip:p3;lr>"]
    assert message.contact is not None
    assert message.contact.params == {"expires": "60"}
    assert message.body == b"body"


def test_a_response_repeats_what_the_request_said_to_the_letter() -> None:
    request = parse(INVITE)
    assert isinstance(request, Request)
    answer = parse(response_to(request, 180, to_tag="t1").encode())
    assert isinstance(answer, Response)
    assert answer.headers.all("Via") == request.headers.all("Via")
    assert answer.from_.text == request.from_.text
    assert answer.to.tag == "t1"
    again = parse(response_to(request, 200, to_tag="t1").encode())
    assert again.call_id == "1@host"


def test_a_via_is_stamped_as_rfc_3581_says() -> None:
    stamped = Via.parse("SIP/2.0/UDP 10.0.0.1:5062;rport;branch=z9hG4bKa+b").stamped("192.0.2.7", 4242)
    assert stamped == "SIP/2.0/UDP 10.0.0.1:5062;rport=4242;branch=z9hG4bKa+b;received=192.0.2.7"
    plain = "SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKc"
    assert Via.parse(plain).stamped("192.0.2.7", 5060) == plain


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n\r\n\r\n",
        INVITE.replace(b"INVITE sip", b"INVITE  sip").replace(b"SIP/2.0\r\nv", b"SIP/3.0\r\nv"),
        INVITE.replace(b"17\r\n INVITE", b"17 BYE"),
        INVITE.replace(b"17\r\n INVITE", b"99999999999 INVITE"),
        INVITE.replace(b"l: 4", b"l: -4"),
        INVITE.replace(b"l: 4", b"l: 900"),
        INVITE.replace(b"i: 1@host\r\n", b""),
        INVITE.replace(b"CSeq :", b"CS\x00eq:"),
        INVITE.replace(b"<sip:+79161234567@pbx1>", b"<sip:+79161234567@pbx1"),
        INVITE.replace(b":5062 ;", b":99999 ;"),
        INVITE.replace(b"Max-Forwards: 70\r\n", b"A: 1\r\n" * 300),
        b"x" * 70_000,
    ],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(BadMessageError):
        parse(data)


def test_a_header_value_cannot_break_out_of_its_line() -> None:
    with pytest.raises(ValueError, match="one line"):
        Headers([("From", "<sip:a@b>\r\nVia: evil")])
    assert sip_uri("a\r\nb@c;d<", "h.example") == "sip:a%0D%0Ab%40c%3Bd%3C@h.example"


def test_splitting_minds_quotes_and_brackets() -> None:
    assert split_unquoted('a="1,2", <x,y>;b, "q\\",": z,', ",") == ['a="1,2"', "<x,y>;b", '"q\\",": z']


def test_challenges_with_commas_in_quotes() -> None:
    scheme, fields = parse_fields('Digest realm="a, b=c", nonce="n\\"=,", qop="auth,auth-int" ,stale=TRUE, x=')
    assert scheme == "digest"
    assert fields == {"realm": "a, b=c", "nonce": 'n"=,', "qop": "auth,auth-int", "stale": "TRUE", "x": ""}
    challenge = parse_challenge('DIGEST nonce="1",algorithm=sha-256-sess,qop="auth-int"')
    assert challenge is not None
    assert (challenge.algorithm, challenge.session, challenge.qop) == ("SHA-256", True, "auth-int")
    for useless in (
        "",
        "Basic realm=x",
        "Digest realm=x",
        'Digest nonce="1", algorithm=ROT13',
        'Digest nonce="1", qop=x',
    ):
        assert parse_challenge(useless) is None


def test_causes_both_ways() -> None:
    assert [causes.cause_of_status(code) for code in (404, 486, 600, 603, 480, 499, 599, 699)] == [
        1,
        17,
        17,
        21,
        18,
        31,
        41,
        21,
    ]
    for cause in range(128):
        assert 400 <= causes.status_of_cause(cause) < 700
    message = Request("BYE", "sip:a@b", Headers([("Reason", 'SIP;cause=200;text="a, b", q.850 ;cause="19"')]))
    assert causes.stated_cause(message) == 19
    message = Request("BYE", "sip:a@b", Headers([("Reason", "Q.850;cause=999")]))
    assert causes.stated_cause(message) is None


def test_session_timers_read_and_decided() -> None:
    def with_(value: str, **more: str) -> Request:
        headers = Headers([("x", value)])
        for name, text in more.items():
            headers.add(name, text)
        return Request("INVITE", "sip:a@b", headers)

    assert session_timer.read(with_("1800; refresher=UAS ;x=1")) == (1800, "uas")
    assert session_timer.read(with_("nonsense")) is None
    assert session_timer.too_small(with_("30", Supported="timer"))
    assert not session_timer.too_small(with_("30"))
    settled = session_timer.for_request(with_("30"))
    assert settled is not None
    assert settled[0] == session_timer.SessionTimer(90, we_refresh=True)
    settled = session_timer.for_request(with_("600", k="timer"))
    assert settled is not None
    assert settled[0].we_refresh is False
    assert ("Require", "timer") in settled[1]
    assert session_timer.SessionTimer(600, we_refresh=True).next_action == 300
    assert session_timer.SessionTimer(90, we_refresh=False).next_action == 60


# --- SDP ------------------------------------------------------------------------------------------------------------

OFFER = (
    "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=x\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\na=sendonly\r\n"
    "m=video 5000 RTP/AVP 31\r\n"
    "m=audio 5002/2 RTP/AVP 18 97 0 98\r\nc=IN IP4 media.example/127\r\n"
    "a=rtpmap:97 pcma/8000/1\r\na=rtpmap:98 telephone-event/8000\r\na=rtcp-mux\r\n"
    "m=audio 5004 RTP/SAVP 0\r\n"
)


def test_an_offer_is_read_and_answered_stream_by_stream() -> None:
    offer = sdp.parse(OFFER.encode())
    assert offer.audio == sdp.AudioStream(
        host="media.example",
        port=5002,
        codecs=(("PCMA", 97), ("PCMU", 0)),
        event_payload_type=98,
        direction=sdp.Direction.SENDONLY,
        rtcp_mux=True,
    )
    agreed = sdp.settle_offer(offer)
    assert agreed is not None
    assert (agreed.codec, agreed.payload_type, agreed.direction) == ("PCMA", 97, sdp.Direction.RECVONLY)
    local = sdp.LocalDescription("192.0.2.1", 7000)
    answer = local.answer(offer, agreed).decode()
    media = [line for line in answer.split("\r\n") if line.startswith("m=")]
    assert media == ["m=video 0 RTP/AVP 31", "m=audio 7000 RTP/AVP 97 98", "m=audio 0 RTP/SAVP 0"]
    assert "a=recvonly" in answer
    back = sdp.parse(answer.encode())
    assert back.audio is not None
    assert back.audio.codecs == (("PCMA", 97),)


def test_versions_grow_only_with_changes() -> None:
    local = sdp.LocalDescription("192.0.2.1", 7000)
    first = local.offer()
    assert local.offer() == first
    held = local.offer(sdp.Direction.SENDONLY)
    assert held.split()[3] == b"2"


@pytest.mark.parametrize(
    "change",
    [
        ("a=rtpmap:97 pcma/8000/1", "a=rtpmap:97 opus/48000/2"),
        ("RTP/AVP 18 97 0 98", "RTP/AVP 18"),
        ("m=audio 5002/2", "m=audio 0"),
        ("m=audio 5002/2 RTP/AVP", "m=audio 5002 UDP/TLS/RTP/SAVPF"),
    ],
)
def test_an_offer_with_nothing_for_us(change: tuple[str, str]) -> None:
    text = OFFER.replace(*change).replace("97 0 98", "97 98")
    assert sdp.settle_offer(sdp.parse(text.encode())) is None


def test_an_old_hold_is_a_hold() -> None:
    audio = sdp.parse(b"v=0\r\nc=IN IP4 0.0.0.0\r\nm=audio 9 RTP/AVP 0\r\n").audio
    assert audio is not None
    assert audio.on_hold


# --- fuzzing --------------------------------------------------------------------------------------------------------

READERS: list[Callable[[bytes], object]] = [
    parse,
    sdp.parse,
    lambda data: StreamFramer().feed(data),
    lambda data: parse_challenge(data.decode("latin-1")),
    lambda data: SipUri.parse(data.decode("latin-1")),
    lambda data: NameAddr.parse(data.decode("latin-1")),
    lambda data: Via.parse(data.decode("latin-1")).stamped("192.0.2.1", 5),
]


def touch(message: Message) -> None:
    """Read all that calls read of a message."""
    for name in ("Supported", "Require", "Allow", "Reason", "Contact", "Route", "Record-Route"):
        message.headers.tokens(name)
    for name in ("Expires", "Min-SE", "Session-Expires"):
        message.headers.number(name)
    session_timer.read(message)
    causes.stated_cause(message)
    with contextlib.suppress(BadMessageError):
        _ = message.contact
    message.encode()


@settings(max_examples=300)
@given(st.binary(max_size=600))
def test_bytes_never_break_a_parser(data: bytes) -> None:
    for reader in READERS:
        with contextlib.suppress(BadMessageError):
            reader(data)


SEEDS = [INVITE, OFFER.encode(), response_to(parse(INVITE), 200, to_tag="a").encode()]  # type: ignore[arg-type]


@settings(max_examples=600, deadline=None)
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 900), st.binary(max_size=12), st.integers(0, 12)), max_size=6),
)
def test_damaged_messages_never_break_a_parser(seed: bytes, damage: list[tuple[int, bytes, int]]) -> None:
    for place, put, cut in damage:
        place %= len(seed) + 1
        seed = seed[:place] + put + seed[place + cut :]
    for reader in READERS:
        with contextlib.suppress(BadMessageError):
            result = reader(seed)
            if isinstance(result, Request | Response):
                touch(result)
            elif isinstance(result, sdp.SessionDescription) and (agreed := sdp.settle_offer(result)) is not None:
                sdp.parse(sdp.LocalDescription("192.0.2.1", 7000).answer(result, agreed))


@given(
    st.lists(st.sampled_from([INVITE[:-4], b"\r\n\r\n", b"\r\n"]), max_size=6),
    st.lists(st.integers(1, 400), max_size=30),
)
def test_a_stream_is_cut_the_same_however_it_arrives(parts: list[bytes], sizes: list[int]) -> None:
    stream = b"".join(parts)
    whole = StreamFramer().feed(stream)
    framer, pieces, rest = StreamFramer(), [], stream
    for size in sizes:
        pieces += framer.feed(rest[:size])
        rest = rest[size:]
    pieces += framer.feed(rest)
    assert pieces == whole
    assert all(parse(piece).body == b"body" for piece in pieces)


@pytest.mark.parametrize(
    "data", [b"A" * 20_000, b"BYE x SIP/2.0\r\n\r\n", b"BYE x SIP/2.0\r\nContent-Length: 99999\r\n\r\n"]
)
def test_a_stream_out_of_step_is_closed(data: bytes) -> None:
    with pytest.raises(BadMessageError):
        StreamFramer().feed(data)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_the_corpus_never_breaks_a_parser(path: Path) -> None:
    """Messages that broke some SIP software once. Each file: whether it must be read is its first word."""
    expected, _, data = path.read_bytes().partition(b"\n")
    data = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    try:
        touch(parse(data))
        read = True
    except BadMessageError:
        read = False
    assert read is (expected.strip() == b"good")


def test_there_is_a_corpus() -> None:
    assert len(CORPUS) >= 12


# Descriptions that other implementations stumbled over; None: must be refused, else the codec agreed on ("" for none).
DESCRIPTIONS: list[tuple[str, str | None]] = [
    ("v=0\nm=audio 5000 RTP/AVP 0\nc=IN IP4 192.0.2.1\n", "PCMU"),  # bare line feeds, c= only in the stream
    (
        "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 5000 RTP/AVP 8 0 101 13\r\na=ptime:30\r\na=silenceSupp:off - - - -\r\n",
        "PCMA",
    ),
    ("v=0\r\nc=IN IP6 2001:db8::1\r\nm=audio 5000 RTP/AVP 0\r\n", "PCMU"),
    ("v=0\r\nc=IN IP4 224.2.1.1/127/3\r\nm=audio 5000/2 RTP/AVP 0\r\n", "PCMU"),
    ("v=0\r\nc=IN IP4 192.0.2.1\r\nm=image 5000 udptl t38\r\n", ""),  # a fax
    ("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 5000 RTP/AVP 0 999 -1 abc\r\n", "PCMU"),
    ("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 5000 RTP/AVP 96\r\na=rtpmap:96 PCMU/16000\r\n", ""),
    (
        "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 5000 RTP/AVP 0\r\na=rtpmap:0 opus/48000/2\r\n",
        "",
    ),  # a lie about a static type
    ("v=0\r\nm=audio 5000 RTP/AVP 0\r\n", ""),  # no address anywhere
    ("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 70000 RTP/AVP 0\r\n", ""),
    ("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio x RTP/AVP 0\r\n", None),
    ("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 5000 RTP/AVP\r\n", None),
    ("v=0\r\nrubbish\r\n", None),
    ("m=audio 5000 RTP/AVP 0\r\n", None),
    ("v=0\r\n" + "m=audio 5000 RTP/AVP 0\r\n" * 17, None),
    ("v=0\r\n" + "a=x\r\n" * 500, None),
    ("", None),
]


@pytest.mark.parametrize(("text", "codec"), DESCRIPTIONS)
def test_descriptions_of_other_makers(text: str, codec: str | None) -> None:
    if codec is None:
        with pytest.raises(BadMessageError):
            sdp.parse(text.encode())
        return
    agreed = sdp.settle_offer(sdp.parse(text.encode()))
    assert (agreed.codec if agreed is not None else "") == codec
