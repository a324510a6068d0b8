"""An operator at a robot's browser: pages and commands over HTTP, events from the stream, audio over DTLS-SRTP."""

from __future__ import annotations

import asyncio
import contextlib
import math
from array import array
from collections.abc import Callable
from typing import Any

from hearthline.demo.session import RefusedError, Session
from hearthline.lib.ids import new_token
from hearthline.switch.robots.browser_peer import BrowserPeer, Ear, Loop, PeerClock
from tests.e2e.seed_words import PASSWORD

PATIENCE_S = 25.0


def sentences() -> Loop:
    """A second of tone, then three of silence, in which the contact may speak."""
    tone = array("h", (int(9000 * math.sin(2 * math.pi * 523 * n / 8000)) for n in range(8000)))
    return Loop(tone.tobytes() + bytes(2 * 3 * 8000))


class Operator:
    def __init__(self, url: str, email: str, clock: PeerClock) -> None:
        self.session = Session(url)
        self.email = email
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.ear = Ear()
        self.line = ""
        self.attempt = ""
        self.fence = 0
        self.state: dict[str, Any] = {}
        self._clock = clock
        self._peer: BrowserPeer | None = None
        self._news = asyncio.Condition()
        self._listening: asyncio.Task[None] | None = None

    # --- the shift ----------------------------------------------------------------------------------------------------

    async def begin(self, campaign: str) -> None:
        await self.session.get("/accounts/login/")
        await self.session.post_form("/accounts/login/", {"login": self.email, "password": PASSWORD})
        await self.session.post_form("/work/begin/", {"campaign": campaign})
        self.state = await self.session.get_json("/work/shift/state/")
        self._listening = asyncio.create_task(self._listen(self.state["last_event"]))
        await self.open_line()

    async def open_line(self) -> None:
        """As the page does when its line is gone: again, until it succeeds."""
        if self._peer is not None:
            self._peer.vanish()
        peer = self._peer = BrowserPeer(self._clock, sentences(), self.ear.hear)
        reply = await self.insist(lambda: self.session.command("/work/line/open/", offer=peer.offer(), line=self.line))
        self.line = str(reply["line"])
        peer.accept(str(reply["answer"]))
        await peer.up()

    async def talk(self) -> str:
        """Take the next contact, dial, and wait for the answer. Returns the attempt."""
        state = await self.command("/work/shift/next/")
        assignment = state["assignment"]
        self.state, self.fence = state, assignment["fence"]
        reply = await self.command("/work/call/dial/", assignment=assignment["id"], fence=self.fence)
        self.attempt = str(reply["attempt"])
        await self.told("call.answered", self.attempt)
        await self.hears_the_contact()
        return self.attempt

    async def hang_up(self) -> None:
        await self.command("/work/call/hang-up/", attempt=self.attempt)
        await self.until_phase("wrap_up")

    async def wrap_up(self) -> None:
        """By "voicemail or silence", which needs no answers."""
        (disposition,) = [d["id"] for d in self.state["campaign"]["dispositions"] if d["key"] == 6]
        await self.until_phase("wrap_up")
        await self.command(
            "/work/shift/wrap-up/",
            attempt=self.attempt,
            fence=self.fence,
            disposition=disposition,
            fields={},
            notes="",
        )

    async def leave(self) -> None:
        with contextlib.suppress(RefusedError, OSError):  # whatever the test has left of the exchange
            await self.session.command("/work/line/close/", line=self.line)
        if self._peer is not None:
            self._peer.vanish()
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

    # --- what is seen and heard -----------------------------------------------------------------------------------------

    async def command(self, path: str, **body: Any) -> dict[str, Any]:
        """With one key for all tries: what was done although its reply was lost is not done, and not refused, a second time."""
        key = new_token()[:32]
        return await self.insist(lambda: self.session.command(path, key=key, **body))

    async def insist(self, work: Callable[[], Any]) -> dict[str, Any]:
        """Press again until the exchange does it, as a person would; bounded."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    reply: dict[str, Any] = await work()
                except (RefusedError, OSError) as refused:
                    if isinstance(refused, RefusedError) and refused.code not in (
                        "unavailable",
                        "no_node",
                        "not_json",
                        "status",
                    ):
                        raise
                    await asyncio.sleep(0.2)
                else:
                    return reply

    async def until_phase(self, phase: str, *, within_s: float = PATIENCE_S) -> None:
        """What a page sees that reads its state again."""
        seen = ""
        try:
            async with asyncio.timeout(within_s):
                while seen != phase:
                    state = await self.insist(lambda: self.session.get_json("/work/shift/state/"))
                    seen = str((state["call"] or {}).get("phase", ""))
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"the call is still {seen!r}, not {phase!r}, after {within_s:.0f} s") from None

    async def hears_the_contact(self) -> None:
        """Somebody speaks within a few seconds: audio gets through."""
        async with asyncio.timeout(PATIENCE_S):
            while max((abs(s) for s in array("h", await self.ear.listen(0.5))), default=0) < 500:
                pass

    async def told(self, name: str, attempt: str = "") -> dict[str, Any]:
        """The first event of this name (about this attempt); waits for it."""

        def found() -> dict[str, Any] | None:
            return next((p for n, p in self.heard if n == name and (not attempt or p.get("attempt") == attempt)), None)

        try:
            async with asyncio.timeout(PATIENCE_S), self._news:
                await self._news.wait_for(lambda: found() is not None)
        except TimeoutError:
            raise AssertionError(f"no {name}; heard {[n for n, _ in self.heard]}") from None
        payload = found()
        assert payload is not None
        return payload

    async def _listen(self, after: int) -> None:
        while True:
            try:
                async for name, payload in self.session.events(after=after):
                    async with self._news:
                        self.heard.append((name, payload))
                        self._news.notify_all()
            except (RefusedError, OSError):
                await asyncio.sleep(0.2)  # a page comes back, too
                after = (await self.insist(lambda: self.session.get_json("/work/shift/state/")))["last_event"]
