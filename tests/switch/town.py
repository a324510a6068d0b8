"""A switch with people around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hearthline.switch.embedded.codecs import PCMU
from hearthline.switch.freeswitch.engine import FreeswitchSwitch
from hearthline.switch.port import LegAnswered, Switch
from hearthline.switch.robots.browser_peer import PeerClock
from tests.switch.parties import Browser, Phone, Told


@dataclass(frozen=True)
class Nature:
    """What an engine cannot help: the contract asks no more of it."""

    closes_dtls: bool  # says and hears close_notify: a page that leaves is told at once, and not by its silence
    ciphers: tuple[bytes, ...] = ()  # what a browser must offer besides, to be understood


OURS = Nature(closes_dtls=True)
FREESWITCH = Nature(closes_dtls=False, ciphers=(b"SRTP_AES128_CM_SHA1_80",))


class Town:
    """Makes browsers and telephones, and clears them away."""

    def __init__(self, switch: Switch, clock: PeerClock) -> None:
        self.switch = switch
        self.clock = clock
        self.nature = FREESWITCH if isinstance(switch, FreeswitchSwitch) else OURS
        self.told = Told(switch.events())
        self._browsers: list[Browser] = []
        self._phones: list[Phone] = []

    def stranger(self, hz: float, codecs: Sequence[str] = (PCMU,), profiles: Sequence[bytes] = ()) -> Browser:
        """A browser that has no leg yet."""
        browser = Browser(self.clock, hz, codecs, profiles)
        self._browsers.append(browser)
        return browser

    async def browser(self, hz: float, codecs: Sequence[str] = (PCMU,), profiles: Sequence[bytes] = ()) -> Browser:
        """A browser whose line is up."""
        return await self.stranger(hz, codecs, profiles).open(self.switch, self.told)

    async def phone(self, hz: float) -> Phone:
        """A telephone that nobody has rung yet."""
        phone = await Phone.create(self.clock, hz)
        await phone.admit()
        self._phones.append(phone)
        return phone

    async def called(self, hz: float) -> Phone:
        """A telephone that was rung and has answered."""
        phone = await self.phone(hz)
        await phone.ring(self.switch)
        await self.told.wait(LegAnswered, phone.leg)
        return phone

    async def close(self) -> None:
        for browser in self._browsers:
            browser.peer.close()
        for phone in self._phones:
            await self.switch.hang_up(phone.leg)
        for phone in self._phones:
            await phone.close()
        await self.told.stop()
