"""The readiness check in a real browser: a real line of ten seconds, the microphone a tone with pauses; by keyboard, without barriers."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.console.conftest import Opens
from tests.console.world import World

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(150)]

KEPT = (
    "from hearthline.quality.models import LineCheck\n"
    "check = LineCheck.objects.get(operator__name__startswith='Jana')\n"
    "print(json.dumps([check.skipped, check.items]))"
)


def test_the_check_measures_a_real_line_and_is_kept(at_work: Opens, world: World) -> None:
    jana = at_work("Jana")
    page = jana.page
    page.goto("/work/")
    offer = page.get_by_role("link", name="Check microphone and line")
    offer.focus()
    jana.press("Enter")
    page.wait_for_url("**/work/ready/")
    assert jana.breaches() == []
    page.evaluate(
        """() => {
          window.said = [];
          const region = document.getElementById("ready-said");
          new MutationObserver(() => window.said.push(region.textContent)).observe(region, { childList: true });
        }"""
    )
    page.get_by_role("button", name="Begin the check").focus()
    jana.press("Enter")
    jana.sees("#ready-now", "Be quiet")
    jana.sees("#ready-now", "Now speak")
    jana.sees("#ready-now", "measured for ten seconds")
    expect(page.get_by_role("link", name="Go on to the campaigns")).to_be_focused(timeout=30_000)
    jana.sees("#ready-now", "You can begin")
    assert page.locator("#ready-trouble").inner_text() == ""
    assert jana.breaches() == []
    said = page.evaluate("window.said")
    for title in ("Browser", "Quiet room", "Echo", "Microphone", "Delay", "Free computer"):
        assert sum(sentence.count(f"{title}: ") for sentence in said) == 1, said
    skipped, items = world.run(KEPT)
    assert not skipped
    found = {one["code"]: one for one in items}
    assert found["browser"]["state"] == "good"
    assert found["microphone"]["state"] != "unknown"
    assert found["microphone"]["value"] > -40, "the tone of the fake microphone"
    for code in ("round_trip", "jitter", "loss"):
        assert found[code]["state"] == "good", "a node of this very machine"
        assert found[code]["value"] is not None
    jana.press("Enter")
    page.wait_for_url("**/work/")
    expect(page.get_by_role("link", name="Check microphone and line")).to_have_count(0)
    state = page.evaluate("async () => (await (await fetch('/work/shift/state/')).json()).line")
    assert state is None, "the check's line is closed"
