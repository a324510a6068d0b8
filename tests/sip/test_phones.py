"""Registrations of people's own telephones, packet by packet: digest and its replays, bindings, guessers, strangers."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from hearthline.switch.embedded.sip import guessers, phone_gate, phones
from hearthline.switch.embedded.sip.digest import digest_response, parse_challenge
from hearthline.switch.embedded.sip.message import Headers, Request, Response
from hearthline.switch.embedded.sip.useragent import UserAgent, UserAgentConfig
from hearthline.switch.port import Destination, PhoneAccount, SwitchError, SwitchErrorCode
from tests.sip.scripted import ScriptedPeer, description

REALM = "hearthline"
NAME, PASSWORD = "anna2345", "correct-horse"


def account(name: str = NAME, password: str = PASSWORD) -> PhoneAccount:
    ha1 = hashlib.md5(f"{name}:{REALM}:{password}".encode(), usedforsecurity=False).hexdigest()
    return PhoneAccount(name, REALM, ha1)


@dataclass
class Line:
    """A telephone that is scripted, at an agent that takes it."""

    peer: ScriptedPeer
    agent: UserAgent
    told: list[tuple[str, bool]]
    call_id: str = "reg-1"
    cseq: int = 0

    def request(self, *, name: str = NAME, contact: str = "", expires: str | None = "120") -> Request:
        self.cseq += 1
        port = self.peer.port
        headers = Headers(
            [
                ("Via", f"SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{secrets.token_hex(8)};rport"),
                ("Max-Forwards", "70"),
                ("From", f"<sip:{name}@127.0.0.1>;tag=phone"),
                ("To", f"<sip:{name}@127.0.0.1>"),
                ("Call-ID", self.call_id),
                ("CSeq", f"{self.cseq} REGISTER"),
            ]
        )
        if contact != "none":
            headers.add("Contact", contact or f"<sip:{name}@127.0.0.1:{port}>")
        if expires is not None:
            headers.add("Expires", expires)
        return Request("REGISTER", f"sip:127.0.0.1:{self.agent.port}", headers)

    async def ask(self, request: Request) -> Response:
        self.peer.from_address = ("127.0.0.1", self.agent.port)
        self.peer.drain()
        self.peer.ask(request)
        return await self.peer.response()

    def sign(
        self, request: Request, refused: Response, *, name: str = NAME, password: str = PASSWORD, count: int = 1,
        qop: str = "auth",
    ) -> Request:  # fmt: skip
        challenge = parse_challenge(refused.headers.get("WWW-Authenticate") or "")
        assert challenge is not None
        if not qop:
            challenge = phone_gate.Challenge(realm=challenge.realm, nonce=challenge.nonce)
        value = digest_response(
            challenge, username=name, password=password, method="REGISTER", uri=request.uri, cnonce="c",
            count=f"{count:08x}",
        )  # fmt: skip
        more = f', qop=auth, cnonce="c", nc={count:08x}' if qop else ""
        request.headers.set(
            "Authorization",
            f'Digest username="{name}", realm="{challenge.realm}", nonce="{challenge.nonce}", uri="{request.uri}", '
            f'response="{value}", algorithm=MD5{more}',
        )
        return request

    async def register(self, *, name: str = NAME, password: str = PASSWORD, **fields: str | None) -> Response:
        refused = await self.ask(self.request(name=name, **fields))  # type: ignore[arg-type]
        if refused.status != 401:
            return refused
        return await self.ask(self.sign(self.request(name=name, **fields), refused, name=name, password=password))  # type: ignore[arg-type]


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    agent = await UserAgent.start(UserAgentConfig(bind="127.0.0.1", listen_tcp=False))
    peer = await ScriptedPeer.start()
    agent.phones.accept([account()])
    found = Line(peer, agent, [])
    agent.phones.on_change = lambda name, here: found.told.append((name, here))
    yield found
    peer.obliging = True
    await agent.close()
    peer.close()


async def test_a_telephone_registers_renews_and_leaves(line: Line) -> None:
    granted = await line.register()
    assert granted.status == 200
    assert (granted.headers.get("Contact") or "").endswith(";expires=120")
    assert line.agent.phones.registered() == [NAME]
    assert (await line.register()).status == 200
    assert line.told == [(NAME, True)]
    assert (await line.register(expires="0")).status == 200
    assert line.told == [(NAME, True), (NAME, False)]
    assert line.agent.phones.registered() == []


async def test_without_accounts_nobody_registers(line: Line) -> None:
    line.agent.phones.accept([])
    assert (await line.ask(line.request())).status == 405


async def test_a_wrong_password_and_an_unknown_name_are_answered_alike(line: Line) -> None:
    wrong = await line.register(password="wrong")
    unknown = await line.register(name="nobody")
    assert wrong.status == unknown.status == 401
    shapes = [{name.lower() for name, _ in answer.headers} for answer in (wrong, unknown)]
    assert shapes[0] == shapes[1]
    assert line.told == []


async def test_guessing_is_ended_for_that_host_and_name(line: Line) -> None:
    for _ in range(guessers.TRIES):
        assert (await line.register(password="guess")).status == 401
    refused = await line.register()  # the right password, too late
    assert refused.status == 503
    assert 0 < int(refused.headers.get("Retry-After") or "0") <= guessers.WINDOW_SECONDS + 1
    assert line.agent.phones.registered() == []


async def test_guessing_many_names_ends_it_for_the_host_but_not_for_who_is_registered(line: Line) -> None:
    assert (await line.register()).status == 200
    for n in range(guessers.HOST_TRIES):
        assert (await line.register(name=f"guess{n}", password="x")).status == 401
    assert (await line.register(name="another", password="x")).status == 503
    assert (await line.register()).status == 200


async def test_a_forged_nonce_is_no_guess(line: Line) -> None:
    """Whoever sends from a forged address cannot have a nonce for it, and so cannot get its owner banned."""
    for _ in range(guessers.TRIES + 2):
        request = line.request()
        request.headers.set(
            "Authorization",
            f'Digest username="{NAME}", realm="{REALM}", nonce="1-2.3", uri="{request.uri}", response="{"0" * 32}"',
        )
        assert (await line.ask(request)).status == 401
    assert (await line.register()).status == 200


async def test_credentials_are_good_once(line: Line) -> None:
    refused = await line.ask(line.request())
    first = line.sign(line.request(), refused)
    assert (await line.ask(first)).status == 200
    replayed = line.sign(line.request(), refused)
    answer = await line.ask(replayed)
    assert answer.status == 401
    assert "stale=true" in (answer.headers.get("WWW-Authenticate") or "")
    assert (await line.ask(line.sign(line.request(), refused, count=2))).status == 200


async def test_an_old_telephone_without_qop_gets_in_once_a_nonce(line: Line) -> None:
    refused = await line.ask(line.request())
    assert (await line.ask(line.sign(line.request(), refused, qop=""))).status == 200
    assert (await line.ask(line.sign(line.request(), refused, qop=""))).status == 401


async def test_an_old_nonce_is_stale(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = await line.ask(line.request())
    monkeypatch.setattr(phone_gate, "NONCE_SECONDS", -1)
    answer = await line.ask(line.sign(line.request(), refused))
    assert "stale=true" in (answer.headers.get("WWW-Authenticate") or "")
    assert line.agent.phones.registered() == []


@pytest.mark.parametrize(
    ("asked", "status", "granted"),
    [("30", 423, ""), ("60", 200, "60"), ("999999", 200, "600"), (None, 200, "300"), ("soon", 200, "300")],
)
async def test_how_long_a_registration_lasts(line: Line, asked: str | None, status: int, granted: str) -> None:
    answer = await line.register(expires=asked)
    assert answer.status == status
    if status == 423:
        assert answer.headers.get("Min-Expires") == str(phones.SHORTEST)
        assert line.agent.phones.registered() == []
    else:
        assert (answer.headers.get("Contact") or "").endswith(f";expires={granted}")


async def test_behind_a_nat_it_is_short_and_the_telephone_is_rung_where_it_speaks_from(line: Line) -> None:
    answer = await line.register(contact=f"<sip:{NAME}@192.168.1.7:5060>", expires="3600")
    assert (answer.headers.get("Contact") or "").endswith(f";expires={phones.LONGEST_BEHIND_NAT}")
    events: list[object] = []
    call = await line.agent.invite(
        Destination(phone=NAME), trunk=None, caller_id="", timeout_s=5, on_event=events.append
    )
    invite = await line.peer.request("INVITE")
    assert invite.uri == f"sip:{NAME}@192.168.1.7:5060"
    ok = line.peer.respond(invite, 200, body=description())
    assert ok.status == 200
    ack = await line.peer.request("ACK")
    assert ack.method == "ACK"
    call.hang_up()
    bye = await line.peer.request("BYE")  # not to the address that leads nowhere
    line.peer.respond(bye, 200)


async def test_bindings_are_few_and_all_can_be_taken_back(line: Line) -> None:
    others = [await ScriptedPeer.start() for _ in range(phones.MAX_BINDINGS)]
    for n, peer in enumerate(others):
        another = Line(peer, line.agent, [], call_id=f"reg-{n + 2}")
        assert (await another.register()).status == 200
    answer = await line.register()
    assert len(answer.headers.all("Contact")) == phones.MAX_BINDINGS
    assert (await line.register(contact="*", expires="0")).status == 200
    assert line.agent.phones.registered() == []
    assert (await line.register(contact="*", expires="60")).status == 400
    for peer in others:
        peer.close()


async def test_a_late_register_changes_nothing(line: Line) -> None:
    assert (await line.register()).status == 200
    line.cseq -= 2
    assert (await line.register(expires="0")).status == 500
    assert line.agent.phones.registered() == [NAME]


async def test_nobody_registers_for_somebody_else(line: Line) -> None:
    line.agent.phones.accept([account(), account("berta", "other")])
    refused = await line.ask(line.request(name="berta"))
    answer = await line.ask(line.sign(line.request(name="berta"), refused, name=NAME))
    assert answer.status == 403
    assert line.agent.phones.registered() == []


async def test_a_new_password_or_a_withdrawn_account_ends_the_registration(line: Line) -> None:
    assert (await line.register()).status == 200
    line.agent.phones.accept([account(password="renewed")])
    assert line.told == [(NAME, True), (NAME, False)]
    assert (await line.register()).status == 401
    assert (await line.register(password="renewed")).status == 200
    line.agent.phones.accept([])
    assert line.agent.phones.registered() == []


async def test_a_telephone_can_dial_nobody(line: Line) -> None:
    assert (await line.register()).status == 200
    invite = line.request(name=NAME)
    invite.method = "INVITE"
    invite.uri = f"sip:+79161234567@127.0.0.1:{line.agent.port}"
    invite.headers.set("CSeq", "1 INVITE")
    invite.headers.set("Call-ID", "dial")
    invite.set_body("application/sdp", description())
    taken: list[object] = []
    line.agent.on_incoming(taken.append)
    answer = await line.ask(invite)
    assert answer.status == 403
    assert taken == []
    assert line.agent.calls == []


async def test_a_telephone_that_is_not_there_cannot_be_rung(line: Line) -> None:
    with pytest.raises(SwitchError) as error:
        await line.agent.invite(Destination(phone=NAME), trunk=None, caller_id="", timeout_s=5, on_event=lambda _: None)
    assert error.value.code is SwitchErrorCode.NOT_REGISTERED


@pytest.mark.parametrize(
    "wrong",
    [
        PhoneAccount("Anna", REALM, "0" * 32),
        PhoneAccount("anna", REALM, "short"),
        PhoneAccount("anna", 'a"b', "0" * 32),
    ],
)
async def test_accounts_that_cannot_be(line: Line, wrong: PhoneAccount) -> None:
    with pytest.raises(SwitchError) as error:
        line.agent.phones.accept([wrong])
    assert error.value.code is SwitchErrorCode.BAD_REQUEST
    assert (await line.register()).status == 200  # the others stay as they were
