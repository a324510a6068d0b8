"""People in browsers: headless Chromium with a tone for a microphone, signed in through the sign-in page."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from playwright.sync_api import Browser, Page, Playwright, expect

from tests.e2e.exchange import wait_for
from tests.e2e.second_factor import code_of
from tests.e2e.seed_words import PASSWORD, SECRET

RESULTS = Path(__file__).resolve().parents[2] / "test-results"
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--allow-loopback-in-peer-connection",
    "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip

EAR = """() => {
  const voice = document.getElementById("voice");
  const context = new AudioContext({ sampleRate: 8000 });
  const analyser = new AnalyserNode(context, { fftSize: 2048, smoothingTimeConstant: 0 });
  context.createMediaStreamSource(voice.srcObject).connect(analyser);
  window.ear = { analyser, context };
}"""
LISTEN = """async ([frequencies, ms]) => {
  const { analyser, context } = window.ear;
  const bins = new Float32Array(analyser.frequencyBinCount);
  const loudest = frequencies.map(() => -200);
  const end = performance.now() + ms;
  while (performance.now() < end) {
    analyser.getFloatFrequencyData(bins);
    frequencies.forEach((hertz, n) => {
      const bin = Math.round((hertz * analyser.fftSize) / context.sampleRate);
      loudest[n] = Math.max(loudest[n], bins[bin - 1], bins[bin], bins[bin + 1]);
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return loudest;
}"""


class Place(Protocol):
    """Where people go: an exchange."""

    url: str
    log: list[str]


class Person:
    """Somebody at a browser. `page` is where they are; `hears` tells frequencies apart."""

    def __init__(self, exchange: Place, browser: Browser) -> None:
        self.exchange = exchange
        self.browser = browser
        self.context = browser.new_context(
            base_url=exchange.url, locale="en-GB", viewport={"width": 1280, "height": 900}, permissions=["microphone"]
        )
        self.page: Page = self.context.new_page()
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def sign_in(self, email: str) -> None:
        self.page.goto("/accounts/login/")
        self.page.get_by_label(re.compile("e-?mail", re.IGNORECASE)).fill(email)
        self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in", exact=True).click()
        self.page.wait_for_url(lambda url: "/accounts/login" not in url)
        if "/2fa/authenticate" in self.page.url:  # moderators, who decide about money
            self.page.locator("input[name=code]").fill(code_of(SECRET))
            self.page.locator("input[name=code]").press("Enter")
            self.page.wait_for_url(lambda url: "/2fa/authenticate" not in url)

    def picture(self, name: str) -> None:
        """A screenshot into test-results/, for whoever reads a failure."""
        RESULTS.mkdir(exist_ok=True)
        self.page.screenshot(path=RESULTS / f"{name}.png", full_page=True)

    def look(self, name: str) -> None:
        """A screenshot for whoever wants to see how it looks on the way: only with PICTURES=1."""
        if os.environ.get("PICTURES"):
            self.picture(name)

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)

    def sees(self, selector: str, text: str, *, timeout_s: float = 15) -> None:
        expect(self.page.locator(selector)).to_contain_text(text, timeout=timeout_s * 1000)

    def hears(self, *frequencies: float, for_ms: int = 1200) -> list[bool]:
        """Which of the tones are there, 30 dB and less below full scale."""
        if not self.page.evaluate("() => Boolean(window.ear)"):
            self.page.evaluate(EAR)
        levels: list[float] = self.page.evaluate(LISTEN, [list(frequencies), for_ms])
        return [level > -50 for level in levels]

    def wait_hears(self, frequency: float, *, timeout_s: float = 8) -> None:
        wait_for(lambda: self.hears(frequency, for_ms=400)[0], f"a tone of {frequency} Hz", timeout_s=timeout_s)


@contextmanager
def person(play: Playwright, exchange: Place, voice: Path | None = None) -> Iterator[Person]:
    arguments = [*ARGUMENTS, f"--use-file-for-fake-audio-capture={voice}"] if voice else ARGUMENTS
    browser = play.chromium.launch(executable_path=CHROMIUM, args=arguments)
    somebody = Person(exchange, browser)
    try:
        yield somebody
    except BaseException:
        somebody.picture(f"failed-{voice.stem if voice else 'person'}")
        (RESULTS / "exchange.log").write_text("\n".join(exchange.log))
        raise
    finally:
        browser.close()


def open_shift(operator: Person, email: str = "operator@example.org") -> None:
    operator.sign_in(email)
    operator.page.goto("/work/")
    operator.page.get_by_role("button", name="Work on this").click()
    operator.sees("#strip-mode", "No line")
    operator.press("Enter")
    operator.sees("#strip-mode", "Ready")
