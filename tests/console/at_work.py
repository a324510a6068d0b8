"""Somebody at a page of the exchange: signed in, looking, pressing keys."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import APIResponse, Browser, Page, Route, expect

from tests.console.world import World

AXE = Path(__file__).resolve().parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"


class AtWork:
    def __init__(self, world: World, page: Page) -> None:
        self.world = world
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    @classmethod
    @contextmanager
    def open(cls, world: World, browser: Browser, who: str, *, width: int = 1280, **options: Any) -> Iterator[AtWork]:
        context = browser.new_context(
            base_url=world.url,
            locale="en-GB",
            viewport={"width": width, "height": 860},
            permissions=["microphone"],
            **options,
        )
        if who:  # nobody: a guest without an account
            context.add_cookies([{"name": "sessionid", "value": world.people[who], "url": world.url}])
        try:
            yield cls(world, context.new_page())
        finally:
            context.close()

    def begin(self, campaign: str) -> None:
        """A shift in this campaign, by the keyboard: to its button with Tab, then Enter."""
        self.page.goto("/work/")
        button = self.page.locator("li", has=self.page.get_by_role("heading", name=campaign)).get_by_role("button")
        for _ in range(60):
            if button.evaluate("(one) => one === document.activeElement"):
                break
            self.page.keyboard.press("Tab")
        expect(button).to_be_focused()
        self.page.keyboard.press("Enter")
        self.page.wait_for_url("**/work/shift/")
        self.mode("No line")

    def begin_with_line(self, campaign: str) -> None:
        self.begin(campaign)
        self.press("Enter")
        self.mode("Ready")

    def talk(self) -> None:
        """From ready to talking with the next contact, who answers."""
        self.press("Enter")
        self.mode("Reserved for you")
        self.press("d")
        self.mode("Talking")

    def hears_a_voice(self, *, seconds: float = 1.5) -> None:
        """Until so much of the other side's voice has come out of the page's loudspeaker."""
        self.page.evaluate(
            """(wanted) => {
              const context = new AudioContext();
              const analyser = new AnalyserNode(context, { fftSize: 2048 });
              context.createMediaStreamSource(document.getElementById("voice").srcObject).connect(analyser);
              const samples = new Float32Array(analyser.fftSize);
              window.heardFor = 0;
              const timer = setInterval(() => {
                analyser.getFloatTimeDomainData(samples);
                if (Math.max(...samples) > 0.02) window.heardFor += 0.05;
                if (window.heardFor >= wanted) clearInterval(timer);
              }, 50);
            }""",
            seconds,
        )
        deadline = time.monotonic() + 25
        while self.page.evaluate("window.heardFor") < seconds:  # wait_for_function evals, which the page's CSP refuses
            assert time.monotonic() < deadline, f"heard {self.page.evaluate('window.heardFor')} s of {seconds}"
            self.page.wait_for_timeout(100)

    @contextmanager
    def late_replies(self, address: str) -> Iterator[None]:
        """The exchange's reply to this command comes when the block ends: what it tells by events is quicker."""
        kept: list[tuple[Route, APIResponse]] = []
        self.page.route(address, lambda route: kept.append((route, route.fetch())), times=1)
        yield
        deadline = time.monotonic() + 10
        while not kept:  # the exchange has done it, and its reply is on its way
            assert time.monotonic() < deadline, f"nobody asked {address}"
            self.page.wait_for_timeout(20)
        ((route, response),) = kept
        route.fulfill(response=response)

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)

    def press_code(self, code: str, text: str, key_code: int) -> None:
        """A physical key under another layout: `code` is where it is, `text` what it writes there."""
        session = self.page.context.new_cdp_session(self.page)
        for kind in ("keyDown", "keyUp"):
            event = {"type": kind, "code": code, "key": text, "text": text, "windowsVirtualKeyCode": key_code}
            session.send("Input.dispatchKeyEvent", event)
        session.detach()

    def mode(self, text: str, *, timeout_s: float = 20) -> None:
        expect(self.page.locator("#strip-mode")).to_have_text(text, timeout=timeout_s * 1000)

    def desk(self, text: str, *, timeout_s: float = 20) -> None:
        """Where the manager's page stands."""
        expect(self.page.locator("#desk-mode")).to_have_text(text, timeout=timeout_s * 1000)

    def sees(self, selector: str, text: str, *, timeout_s: float = 10) -> None:
        expect(self.page.locator(selector)).to_contain_text(text, timeout=timeout_s * 1000)

    def breaches(self) -> list[str]:
        """What axe-core finds against WCAG 2.2 A and AA, one line each."""
        if not self.page.evaluate("() => Boolean(window.axe)"):
            self.page.evaluate(AXE.read_text())  # past the page's own CSP, as a developer's tool is
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        found = self.page.evaluate(
            "(tags) => axe.run(document, { runOnly: tags }).then((result) => result.violations.flatMap("
            "(v) => v.nodes.map((node) => `${v.id}: ${node.target.join(' ')}: ${node.failureSummary}`)))",
            tags,
        )
        return [str(line) for line in found]
