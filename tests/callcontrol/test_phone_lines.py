"""Telephones as lines: called back, confirmed, kept open, lost, paid; on the fake switch with a real database and bus."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from django.conf import settings

from hearthline.calls import callbacks, own_phones
from hearthline.calls import commands as cmd
from hearthline.calls.models import Line, LineKind, LineState, OwnPhone, Trunk
from hearthline.ledger import check
from hearthline.ledger.models import Tariff, TariffRow, Transfer
from hearthline.lib import clock
from hearthline.people.models import AuditEntry, User
from hearthline.switch.port import Destination, ParkSound, SwitchErrorCode
from tests.callcontrol.exchange import Exchange

NUMBER = "+74957770042"
PER_MINUTE = 1_500_000  # micro units: 1.50 a minute


@pytest.fixture(autouse=True)
def allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings.HEARTHLINE, "callback_countries", ["RU"])
    monkeypatch.setattr(settings.HEARTHLINE, "phones_server", "sip.example.org:5060")


def own_telephone(user: User, *, confirmed: bool = True) -> None:
    TariffRow.objects.update_or_create(
        tariff=Tariff.objects.get(name="test"), prefix="7495",
        defaults={"per_minute_micro": PER_MINUTE, "connection_micro": 0},
    )  # fmt: skip
    own_phones.choose_line(user=user, kind=LineKind.CALLBACK, number=NUMBER)
    if confirmed:
        OwnPhone.objects.filter(user=user).update(confirmed_at=clock.now())


@pytest_asyncio.fixture
async def started(prepared: Exchange) -> AsyncIterator[Exchange]:
    """An exchange whose operator has chosen a telephone, confirmed before; no line is open."""
    await prepared.start()
    await prepared.db(own_telephone, prepared.operator)
    try:
        yield prepared
    finally:
        await prepared.stop()


async def ask(exchange: Exchange, user: User | None = None) -> dict[str, Any]:
    who = user or exchange.operator
    return await exchange.command(cmd.OpenPhoneLine(key=uuid.uuid4().hex, user=str(who.pk)))


async def open_telephone(exchange: Exchange, user: User | None = None) -> str:
    """Rung, picked up, a key pressed. Returns the leg."""
    reply = await ask(exchange, user)
    assert "error" not in reply, reply
    leg = uuid.UUID(reply["line"]).hex
    exchange.switch.answers(leg)
    await exchange.settled()
    exchange.switch.presses(leg, reply["code"] or "1")
    await exchange.settled()
    if user is None:
        exchange.line = reply["line"]
    return leg


async def paid(exchange: Exchange) -> list[int]:
    """The telephone costs of lines, in minor units."""

    def work() -> list[int]:
        return list(Transfer.objects.filter(reference__startswith="line:").values_list("posted_minor", flat=True))

    return await exchange.db(work)


async def latest(exchange: Exchange) -> Line:
    return await exchange.db(lambda: Line.objects.filter(user=exchange.operator).order_by("-opened_at")[0])


async def test_a_telephone_is_a_line_for_a_whole_call(started: Exchange) -> None:
    reply = await ask(started)
    leg = uuid.UUID(reply["line"]).hex
    rung = started.switch.leg(leg)
    assert (rung.destination, rung.caller_id) == (Destination(number=NUMBER), "+74951234567")
    assert (reply["kind"], reply["code"]) == ("callback", "")
    started.switch.answers(leg)
    await started.settled()
    assert started.told("line.") == ["line.ringing"]  # whoever picked up may be a mailbox
    assert started.switch.leg(leg).playing is not None
    started.switch.presses(leg, "5")
    await started.settled()
    assert started.told("line.") == ["line.ringing", "line.opened"]

    started.line = reply["line"]
    await started.talk(30)
    assert started.switch.leg(started.contact).others == {leg}
    await started.press(cmd.Hold, on=True)
    assert (rung.others, rung.parked) == (set(), ParkSound.SILENCE)
    await started.press(cmd.Hold, on=False)
    await started.press(cmd.HangUp)
    assert (await started.wrap_up()).payable
    assert started.switch.exists(leg)  # it stays open between the calls


async def test_nobody_dials_before_a_key_was_pressed(started: Exchange) -> None:
    reply = await ask(started)
    started.switch.answers(uuid.UUID(reply["line"]).hex)
    await started.settled()
    refused = await started.dial()
    assert refused["error"]["code"] == "conflict"
    assert [about for name, about in started.switch.requests if name == "ring"] == [uuid.UUID(reply["line"]).hex]


async def test_a_mailbox_presses_no_key(started: Exchange) -> None:
    reply = await ask(started)
    leg = uuid.UUID(reply["line"]).hex
    started.switch.answers(leg)
    await started.advance(settings.HEARTHLINE.phone_confirm_s + 1)
    line = await started.line_row(reply["line"])
    assert (line.state, line.close_reason) == (LineState.CLOSED, "not_confirmed")
    assert not started.switch.exists(leg)
    assert await paid(started) == [113]  # 45 s at 1.50 a minute, begun kopecks in full: it was answered, so it costs


async def test_a_new_telephone_must_be_told_the_code_of_the_page(started: Exchange) -> None:
    await started.db(lambda: OwnPhone.objects.update(confirmed_at=None))
    reply = await ask(started)
    assert len(reply["code"]) == 4
    leg = uuid.UUID(reply["line"]).hex
    started.switch.answers(leg)
    started.switch.presses(leg, "#" + reply["code"][:2])
    await started.settled()
    assert (await started.line_row(reply["line"])).state == LineState.OPENING
    started.switch.presses(leg, reply["code"][2:])
    await started.settled()
    assert (await started.line_row(reply["line"])).state == LineState.OPEN
    phone = await started.db(lambda: OwnPhone.objects.get(user=started.operator))
    assert phone.confirmed_at is not None
    tags = await started.db(lambda: list(AuditEntry.objects.values_list("tag", flat=True)))
    assert "system:phone:confirmed" in tags


async def test_a_stranger_who_guesses_is_hung_up_and_soon_left_alone(started: Exchange) -> None:
    await started.db(lambda: OwnPhone.objects.update(confirmed_at=None))
    for _ in range(callbacks.STRANGER_RINGS_BOUND):
        reply = await ask(started)
        leg = uuid.UUID(reply["line"]).hex
        started.switch.answers(leg)
        wrong = str((int(reply["code"][0]) + 1) % 10)
        started.switch.presses(leg, wrong * 12)
        await started.settled()
        assert (await started.line_row(reply["line"])).close_reason == "code_wrong"
        assert not started.switch.exists(leg)
    rings = [name for name, _ in started.switch.requests].count("ring")
    refused = await ask(started)
    assert refused["error"]["code"] == "conflict"
    assert [name for name, _ in started.switch.requests].count("ring") == rings
    phone = await started.db(lambda: OwnPhone.objects.get(user=started.operator))
    assert phone.confirmed_at is None


@pytest.mark.parametrize(("cause", "reason"), [(17, "busy"), (19, "no_answer"), (21, "rejected"), (1, "absent")])
async def test_a_telephone_that_is_not_answered_says_why_and_costs_nothing(
    started: Exchange, cause: int, reason: str
) -> None:
    reply = await ask(started)
    started.switch.hangs_up(uuid.UUID(reply["line"]).hex, cause)
    await started.settled()
    assert (await started.line_row(reply["line"])).close_reason == reason
    assert await paid(started) == []


async def test_asking_again_rings_no_second_time(started: Exchange) -> None:
    first = await ask(started)
    assert await ask(started) == first
    await open_telephone(started)
    assert (await ask(started))["line"] == first["line"]
    assert [name for name, _ in started.switch.requests].count("ring") == 1


@pytest.mark.parametrize(
    ("seconds", "minor"), [(1, 3), (40, 100), (59.2, 150), (61, 153)]
)  # 1.50 a minute, by begun seconds, rounded up once
async def test_the_cost_is_right_to_the_last_kopeck(started: Exchange, seconds: float, minor: int) -> None:
    leg = await open_telephone(started)
    await started.advance(seconds - 0.01)
    started.switch.hangs_up(leg)
    await started.settled()
    assert await paid(started) == [minor]
    used = await started.db(callbacks.budget, started.operator, clock.from_timestamp(started.moments.now()))
    assert used.used.minor == minor
    assert (await started.db(check.prove)).faults == []


async def test_the_price_is_the_one_that_was_shown(started: Exchange) -> None:
    leg = await open_telephone(started)
    await started.db(lambda: TariffRow.objects.filter(prefix="7495").update(per_minute_micro=9_000_000))
    await started.advance(59)
    started.switch.hangs_up(leg)
    await started.settled()
    assert await paid(started) == [148]


async def test_a_telephone_lost_in_mid_call_is_rung_once_more(started: Exchange) -> None:
    first = await open_telephone(started)
    await started.talk(20)
    started.switch.hangs_up(first)
    await started.settled()
    again = await latest(started)
    leg = again.pk.hex
    assert again.redial
    assert leg != first
    assert started.switch.leg(started.contact).parked is ParkSound.MUSIC
    await started.advance(5)
    started.switch.answers(leg)
    await started.settled()
    assert started.switch.leg(started.contact).parked is ParkSound.MUSIC  # no mailbox is put through to a contact
    started.switch.presses(leg, "1")
    await started.settled()
    assert started.switch.leg(started.contact).others == {leg}
    await started.advance(30)
    assert started.switch.leg(started.contact).others == {leg}  # the grace time is forgotten

    started.switch.hangs_up(leg)
    await started.settled()
    assert (await latest(started)).pk == again.pk  # once for each call
    await started.advance(settings.HEARTHLINE.line_grace_s + 15)
    row = await started.row()
    assert (row.phase, row.machine["end_reason"]) == ("wrap_up", "operator_vanished")
    assert len(await paid(started)) == 2
    assert (await started.db(check.prove)).faults == []


async def test_a_telephone_hung_up_between_calls_is_left_alone(started: Exchange) -> None:
    leg = await open_telephone(started)
    started.switch.hangs_up(leg)
    await started.settled()
    line = await latest(started)
    assert (line.state, line.close_reason) == (LineState.CLOSED, "hung_up")
    assert [name for name, _ in started.switch.requests].count("ring") == 1


async def test_a_forgotten_telephone_is_hung_up(started: Exchange) -> None:
    leg = await open_telephone(started)
    await started.advance(settings.HEARTHLINE.phone_line_idle_s - 20)
    await started.look()
    assert started.switch.exists(leg)
    await started.advance(40)
    await started.look()
    assert not started.switch.exists(leg)
    assert (await latest(started)).close_reason == "idle"
    assert len(await paid(started)) == 1


async def test_what_the_exchange_pays_has_an_end(started: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings.HEARTHLINE, "callback_limit_minor", 300)  # two minutes
    leg = await open_telephone(started)
    assert started.switch.leg(leg).max_duration_s == 120 + 900  # the switch would end it too, later
    await started.talk(130)
    await started.look()
    assert started.switch.exists(leg)  # a call that goes on is not cut
    await started.press(cmd.HangUp)
    await started.look()
    assert (await latest(started)).close_reason == "limit"
    refused = await ask(started)
    assert refused["error"]["code"] == "callback_limit"
    assert [name for name, _ in started.switch.requests].count("ring") == 2  # the telephone and the contact


async def test_the_cost_is_posted_also_when_call_control_was_away(started: Exchange) -> None:
    leg = await open_telephone(started)
    await started.advance(60)
    await started.look()
    await started.stop()
    started.switch.muted = True
    started.switch.hangs_up(leg)
    started.switch.muted = False
    started.moments._now += 60
    await started.start()
    await started.look(3)
    assert await paid(started) == [300]  # two minutes: never less than what is owed
    line = await latest(started)
    assert (line.state, line.close_reason) == (LineState.CLOSED, "node_lost")
    await started.look(3)
    assert await paid(started) == [300]


async def test_a_crash_of_call_control_leaves_the_telephone_and_its_key(started: Exchange) -> None:
    reply = await ask(started)
    leg = uuid.UUID(reply["line"]).hex
    started.switch.answers(leg)
    await started.settled()
    await started.stop()
    await started.start()
    assert (await started.line_row(reply["line"])).state == LineState.OPENING  # being up is not enough
    started.switch.presses(leg, "1")
    await started.settled()
    assert (await started.line_row(reply["line"])).state == LineState.OPEN


async def test_closing_by_the_person_posts_the_cost_once(started: Exchange) -> None:
    leg = await open_telephone(started)
    await started.advance(9.9)
    reply = await started.command(cmd.CloseLine(key=uuid.uuid4().hex, user=str(started.operator.pk), line=started.line))
    assert "error" not in reply
    await started.look(3)
    assert not started.switch.exists(leg)
    assert await paid(started) == [25]


async def test_a_silent_telephone_is_hung_up(started: Exchange) -> None:
    leg = await open_telephone(started)
    started.switch.goes_silent(leg)
    await started.advance(10)
    started.switch.comes_back(leg)
    await started.advance(60)
    assert started.switch.exists(leg)
    started.switch.goes_silent(leg)
    await started.advance(settings.HEARTHLINE.line_grace_s + 1)
    assert not started.switch.exists(leg)
    assert (await latest(started)).close_reason == "silent"


async def test_without_a_channel_nothing_is_written(started: Exchange) -> None:
    await started.db(lambda: Trunk.objects.update(active=False))
    refused = await ask(started)
    assert refused["error"]["code"] == "no_trunk"
    assert await started.db(Line.objects.count) == 0


async def test_a_switch_that_refuses_leaves_no_line(started: Exchange) -> None:
    started.switch.refuse["ring"] = SwitchErrorCode.OVERLOADED
    refused = await ask(started)
    assert refused["error"]["code"] == "unavailable"
    line = await latest(started)
    assert (line.state, line.close_reason) == (LineState.CLOSED, "failed")
    assert await paid(started) == []


async def test_a_manager_takes_a_hand_over_by_their_telephone(started: Exchange) -> None:
    await started.db(own_telephone, started.manager_user)
    await started.db(lambda: Trunk.objects.update(max_channels=3))  # a telephone takes a channel as a contact does
    await open_telephone(started)
    await started.talk(20)
    assert (await ask(started, started.manager_user))["kind"] == "callback"
    ringing = await ask(started, started.manager_user)
    manager_leg = uuid.UUID(ringing["line"]).hex
    handover = (await started.press(cmd.Transfer))["handover"]

    async def answer() -> dict[str, Any]:
        return await started.command(
            cmd.AnswerHandOver(
                key=uuid.uuid4().hex, user=str(started.manager_user.pk), handover=handover, line=ringing["line"]
            )
        )

    assert (await answer())["error"]["code"] == "conflict"  # their telephone only rings
    started.switch.answers(manager_leg)
    started.switch.presses(manager_leg, "0")
    await started.settled()
    assert "error" not in await answer()
    await started.press(cmd.CompleteTransfer)
    assert started.switch.leg(started.contact).others == {manager_leg}


@pytest.mark.parametrize(
    "number", ["+79161234567", "+447911123456", "+88161234567890", "8-800-555-35-35", "x", "+74957770043"]
)
async def test_telephones_that_are_not_called(started: Exchange, number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the tariff are Moscow's numbers alone, and of those one is the operator's."""
    await started.db(lambda: TariffRow.objects.exclude(prefix="7495").delete())
    if number == "+74957770043":  # the control: this one may be called
        await started.db(own_phones.choose_line, user=started.operator, kind=LineKind.CALLBACK, number=number)
        return
    with pytest.raises((callbacks.InvalidInputError, callbacks.NotAllowedError)):
        await started.db(own_phones.choose_line, user=started.operator, kind=LineKind.CALLBACK, number=number)
    phone = await started.db(lambda: OwnPhone.objects.get(user=started.operator))
    assert phone.number == NUMBER


def test_no_country_is_allowed_until_the_admin_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings.HEARTHLINE, "callback_countries", [])
    with pytest.raises(callbacks.NotAllowedError):
        callbacks.callable_number(NUMBER)


# --- SIP phones -----------------------------------------------------------------------------------------------------


async def sip_account(exchange: Exchange) -> str:
    """The operator's; returns its name. Their line is the SIP phone from now on."""
    account = await exchange.db(own_phones.issue_sip_account, user=exchange.operator)
    await exchange.db(own_phones.choose_line, user=exchange.operator, kind=LineKind.SIP_PHONE)
    await exchange.look()
    return account.name


async def test_a_registered_phone_is_rung_and_needs_no_key(started: Exchange) -> None:
    name = await sip_account(started)
    refused = await ask(started)
    assert refused["error"]["code"] == "conflict"
    assert await started.db(Line.objects.filter(close_reason="").count) == 0
    started.switch.phone_registers(name)
    await started.settled()
    assert [e.payload for e in started.events("phone.changed")] == [{"registered": True}]
    reply = await ask(started)
    leg = uuid.UUID(reply["line"]).hex
    assert started.switch.leg(leg).destination == Destination(phone=name)
    assert started.switch.leg(leg).trunk is None
    started.switch.answers(leg)
    await started.settled()
    started.line = reply["line"]
    await started.talk(20)
    assert started.switch.leg(started.contact).others == {leg}
    await started.press(cmd.HangUp)
    started.switch.hangs_up(leg)
    await started.settled()
    assert await paid(started) == []  # it costs nothing by the minute


async def test_accounts_follow_the_database(started: Exchange) -> None:
    name = await sip_account(started)
    (first,) = started.switch.accounts
    assert first.name == name
    asked = [n for n, _ in started.switch.requests].count("accept_phones")
    await started.look(2)
    assert [n for n, _ in started.switch.requests].count("accept_phones") == asked  # only what changed
    await started.db(own_phones.issue_sip_account, user=started.operator)
    await started.look()
    (renewed,) = started.switch.accounts
    assert (renewed.name, renewed.ha1 == first.ha1) == (name, False)
    await started.db(lambda: User.objects.filter(pk=started.operator.pk).update(is_active=False))
    await started.look()
    assert started.switch.accounts == []


async def test_a_withdrawn_account_registers_no_more(started: Exchange) -> None:
    name = await sip_account(started)
    started.switch.phone_registers(name)
    await started.settled()
    await started.db(own_phones.withdraw_sip_account, user=started.operator)
    await started.look()
    assert started.switch.accounts == []
    phone = await started.db(lambda: OwnPhone.objects.get(user=started.operator))
    assert (phone.kind, phone.sip_name, phone.registered_node_id) == (LineKind.BROWSER, "", None)


async def test_what_is_registered_is_known_after_a_restart(started: Exchange) -> None:
    name = await sip_account(started)
    await started.stop()
    started.switch.muted = True
    started.switch.phone_registers(name)
    started.switch.muted = False
    await started.start()
    phone = await started.db(lambda: OwnPhone.objects.get(user=started.operator))
    assert phone.registered_node_id == "test"
    started.switch.registered.clear()
    await started.look()
    phone = await started.db(lambda: OwnPhone.objects.get(user=started.operator))
    assert phone.registered_node_id is None


async def test_the_password_is_kept_as_a_hash_alone(started: Exchange) -> None:
    account = await started.db(own_phones.issue_sip_account, user=started.operator)
    phone = await started.db(lambda: OwnPhone.objects.get(user=started.operator))
    assert phone.sip_ha1 == own_phones.ha1(account.name, account.password)
    assert account.password not in repr(account)
    entries = await started.db(lambda: [str(e.details) for e in AuditEntry.objects.all()])
    assert not any(account.password in entry for entry in entries)
