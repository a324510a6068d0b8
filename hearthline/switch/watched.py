"""What both engines know of watched numbers: which call is for one of them, whether it comes from where it may."""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from hearthline.lib.phone_forms import dialled_forms
from hearthline.switch.port import WATCHED_BOUND, SwitchError, SwitchErrorCode, WatchedNumber
from hearthline.switch.throttle import Throttle

log = logging.getLogger(__name__)

MOST_RINGING = 20
A_MINUTE_FROM_HOST = 60
A_MINUTE_FROM_CALLER = 6  # to one number

_AS_GIVEN = re.compile(r"\+?[0-9*#]{1,19}")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Lookup = Callable[[str], Awaitable[Sequence[str]]]  # a name's addresses; raises LookupError


@dataclass(frozen=True, slots=True)
class Watched:
    number: WatchedNumber
    networks: tuple[Network, ...]

    def comes_from(self, host: str) -> bool:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self.networks)


@dataclass(frozen=True, slots=True)
class WatchList:
    """Numbers by each of their dialled forms."""

    by_form: dict[str, Watched] = field(default_factory=dict)

    def find(self, users: Iterable[str]) -> Watched | None:
        """`users`: what may name the called number, digits perhaps with a plus."""
        for user in users:
            digits = unquote(user).partition(";")[0].removeprefix("+")
            if digits in self.by_form:
                return self.by_form[digits]
        return None


class Bounds:
    """How often somebody is let ring."""

    def __init__(self) -> None:
        self._hosts = Throttle(A_MINUTE_FROM_HOST, 60.0)
        self._callers = Throttle(A_MINUTE_FROM_CALLER, 60.0)

    def allow(self, host: str, number: str, caller: str, now: float) -> bool:
        of_host = self._hosts.allows(host, now)
        return self._callers.allows(f"{host} {number} {caller}", now) and of_host


def caller_as_given(user: str) -> str:
    """A caller's number from the user part of an address (RFC 3966 §5.1.1: visual separators say nothing); "" for what is none."""
    plain = re.sub(r"[-.() ]", "", unquote(user).partition(";")[0])
    return plain if _AS_GIVEN.fullmatch(plain) else ""


async def watch_list(numbers: Sequence[WatchedNumber], lookup: Lookup) -> WatchList:
    """Looks the hosts' names up; one that leads nowhere is left out. Raises SwitchError(BAD_REQUEST)."""
    if len(numbers) > WATCHED_BOUND or len({one.number for one in numbers}) != len(numbers):
        raise SwitchError(SwitchErrorCode.BAD_REQUEST, f"At most {WATCHED_BOUND} different numbers are watched.")
    looked_up: dict[str, tuple[Network, ...]] = {}
    found: dict[str, Watched] = {}
    for one in numbers:
        for host in one.hosts:
            if host not in looked_up:
                looked_up[host] = await _networks(host, lookup)
        networks = tuple(network for host in one.hosts for network in looked_up[host])
        for form in dialled_forms(one.number):
            found.setdefault(form, Watched(one, networks))
    return WatchList(found)


async def _networks(host: str, lookup: Lookup) -> tuple[Network, ...]:
    try:
        return (ipaddress.ip_network(host, strict=False),)
    except ValueError:  # a name
        return await _looked_up(host, lookup)


async def _looked_up(host: str, lookup: Lookup) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(address) for address in await lookup(host))
    except LookupError:
        log.warning("calls from %s cannot be told: the name leads nowhere", host)
        return ()
