"""Trying a trunk: does the provider answer, does it take our password? One clear sentence for a person."""

from __future__ import annotations

import asyncio
import secrets

from hearthline.switch.embedded.sip.addresses import sip_uri
from hearthline.switch.embedded.sip.core import Core
from hearthline.switch.embedded.sip.dialog import new_tag
from hearthline.switch.embedded.sip.digest import DigestClient
from hearthline.switch.embedded.sip.message import Headers, Request, Response
from hearthline.switch.embedded.sip.registration import Registrar, ask
from hearthline.switch.embedded.sip.resolver import UnknownHostError
from hearthline.switch.embedded.sip.transport import Hop
from hearthline.switch.port import SwitchError, SwitchErrorCode, Trunk

SHORT_REGISTRATION = 60  # seconds: forgotten soon should taking it back fail


async def check(core: Core, trunk: Trunk, timeout_s: float) -> str:
    """Register once and take it back, or send OPTIONS where the trunk does not register. Raises SwitchError(FAILED)."""
    try:
        async with asyncio.timeout(timeout_s):
            return await (_by_register(core, trunk) if trunk.register else _by_options(core, trunk))
    except TimeoutError:
        raise _failed(
            f"{_where(trunk)} did not answer within {timeout_s:g} seconds; check the host, the port, the transport "
            "and the firewall."
        ) from None


async def _by_register(core: Core, trunk: Trunk) -> str:
    registrar = Registrar(core, trunk)
    outcome = await registrar.register(SHORT_REGISTRATION)
    if outcome.accepted:
        await registrar.register(0)
        return f"{_where(trunk)} accepted the registration of {trunk.username}."
    if outcome.status is None:
        raise _failed(f"{_where(trunk)} could not be reached: {outcome.reason}")
    raise _refused(trunk, outcome.status, outcome.reason)


async def _by_options(core: Core, trunk: Trunk) -> str:
    try:
        hops = await core.resolver.trunk_hops(trunk)
    except UnknownHostError as error:
        raise _failed(str(error)) from None
    digest = DigestClient(trunk.username, trunk.password)
    call_id, tag, asked_to_sign = secrets.token_hex(12), new_tag(), False
    answer: Response | str = ""
    for cseq in range(1, 4):
        request = _options(core, trunk, hops[0], (call_id, tag, cseq))
        digest.sign(request)
        answer = await ask(core, request, hops[0])
        if isinstance(answer, str):
            raise _failed(f"{_where(trunk)} could not be reached: {answer}.")
        if answer.status not in {401, 407} or not digest.take(answer):
            break
        asked_to_sign = True
    assert isinstance(answer, Response)
    if answer.status in {401, 403, 407}:
        raise _refused(trunk, answer.status, answer.reason)
    if answer.status >= 500 and answer.status not in {501, 513}:
        raise _failed(f"{_where(trunk)} is reachable but answers {answer.status} {answer.reason}; ask the provider.")
    proven = " and takes the password" if asked_to_sign else "; it did not ask for the password"
    return f"{_where(trunk)} answers ({answer.status} {answer.reason}){proven}."


def _options(core: Core, trunk: Trunk, hop: Hop, ids: tuple[str, str, int]) -> Request:
    call_id, tag, cseq = ids
    domain = sip_uri("", trunk.host, trunk.port)
    headers = Headers(
        [
            ("Via", core.via(hop)),
            ("Max-Forwards", "70"),
            ("From", f"<{sip_uri(trunk.username, trunk.from_domain or trunk.host)}>;tag={tag}"),
            ("To", f"<{domain}>"),
            ("Call-ID", call_id),
            ("CSeq", f"{cseq} OPTIONS"),
            ("Contact", core.contact(hop, trunk.username)),
            ("Accept", "application/sdp"),
        ]
    )
    request = Request("OPTIONS", domain, headers)
    core.dress(request)
    return request


def _where(trunk: Trunk) -> str:
    return f"The provider at {trunk.host}" + (f":{trunk.port}" if trunk.port else "")


def _refused(trunk: Trunk, status: int, reason: str) -> SwitchError:
    if status in {401, 407}:
        return _failed(f"{_where(trunk)} does not accept the user name or password ({status} {reason}).")
    if status == 403:
        return _failed(
            f"{_where(trunk)} forbids it ({status} {reason}); check the user name, the password and whether the "
            "provider allows this machine's address."
        )
    if status == 404:
        return _failed(f"{_where(trunk)} does not know the user {trunk.username} ({status} {reason}).")
    return _failed(f"{_where(trunk)} refused the registration ({status} {reason}).")


def _failed(sentence: str) -> SwitchError:
    return SwitchError(SwitchErrorCode.FAILED, sentence)
