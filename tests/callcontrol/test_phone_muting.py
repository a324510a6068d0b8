"""A telephone that is muted by its page: at the switch, in the database, on every page of its person."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from django.conf import settings

from hearthline.calls import commands as cmd
from hearthline.people.models import User
from hearthline.switch.port import SwitchErrorCode
from tests.callcontrol.exchange import Exchange
from tests.callcontrol.test_phone_lines import ask, open_telephone, own_telephone


@pytest_asyncio.fixture
async def telephone(prepared: Exchange, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Exchange]:
    """An exchange whose operator has chosen a telephone; no line is open."""
    monkeypatch.setattr(settings.HEARTHLINE, "callback_countries", ["RU"])
    await prepared.start()
    await prepared.db(own_telephone, prepared.operator)
    try:
        yield prepared
    finally:
        await prepared.stop()


async def mute(exchange: Exchange, on: bool, user: User | None = None, line: str = "") -> dict[str, Any]:
    who = user or exchange.operator
    command = cmd.MuteLine(key=uuid.uuid4().hex, user=str(who.pk), line=line or exchange.line, on=on)
    return await exchange.command(command)


async def test_a_telephone_is_muted_by_its_page_and_stays_so(telephone: Exchange) -> None:
    ringing = await ask(telephone)
    assert (await mute(telephone, True, line=ringing["line"]))["error"]["code"] == "conflict"
    leg = await open_telephone(telephone)
    assert await mute(telephone, True) == {"line": telephone.line, "muted": True}
    await mute(telephone, True)
    assert telephone.switch.leg(leg).muted
    assert (await telephone.line_row(telephone.line)).muted
    await telephone.stop()
    telephone.switch.leg(leg).muted = False  # as when whoever was asked to mute it died before it was written
    await telephone.start()
    assert telephone.switch.leg(leg).muted
    await telephone.talk(5)
    assert telephone.switch.leg(leg).muted
    await mute(telephone, False)
    assert not telephone.switch.leg(leg).muted
    assert telephone.told("line.muted", "line.unmuted") == ["line.muted", "line.unmuted"]


async def test_nobody_mutes_somebody_else_or_what_the_switch_refuses(telephone: Exchange) -> None:
    leg = await open_telephone(telephone)
    assert (await mute(telephone, True, user=telephone.manager_user))["error"]["code"] == "not_found"
    telephone.switch.refuse["mute"] = SwitchErrorCode.FAILED
    assert (await mute(telephone, True))["error"]["code"] == "unavailable"
    assert not telephone.switch.leg(leg).muted
    assert not (await telephone.line_row(telephone.line)).muted
    assert telephone.told("line.muted") == []
