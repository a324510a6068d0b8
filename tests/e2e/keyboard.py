"""Somebody who sees nothing and has no mouse: Tab to what has this name, Enter, Space, typing; and what is said aloud meanwhile.

`listen` keeps every sentence that a live region says, as a screen reader would; `hears` waits for one. Nothing here looks at
classes or ids: only at roles, names and what is announced.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from playwright.sync_api import Error, Locator, Page, expect

from tests.e2e.exchange import wait_for

MOST_TABS = 120
AXE = Path(__file__).resolve().parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
Role = Literal["button", "link", "radio", "checkbox", "textbox", "combobox", "spinbutton"]

_LISTEN = """() => {
  const REGIONS = '[aria-live="polite"], [aria-live="assertive"], [role="status"], [role="alert"]';
  window.saidAloud = [];
  const heard = (node) => {
    const element = node instanceof Element ? node : node.parentElement;
    const region = element && element.closest(REGIONS);
    const words = region && !region.closest("[hidden]") && region.textContent.replace(/\\s+/g, " ").trim();
    if (words && window.saidAloud.at(-1) !== words) window.saidAloud.push(words);
  };
  new MutationObserver((changes) => {
    for (const change of changes) heard(change.target);
  }).observe(document, { childList: true, characterData: true, subtree: true });
}"""


def listen(page: Page) -> None:
    """On every page that is opened from now on."""
    page.add_init_script(f"({_LISTEN})()")


def said(page: Page) -> list[str]:
    try:
        sentences: list[str] = page.evaluate("window.saidAloud || []")
    except Error:  # the page is being left
        return []
    return sentences


def hears(page: Page, words: str, *, timeout_s: float = 20) -> None:
    """Until a live region has said these words since the page was opened, or since `deaf`."""
    try:
        wait_for(lambda: any(words in sentence for sentence in said(page)), f"“{words}” aloud", timeout_s=timeout_s)
    except AssertionError as error:
        raise AssertionError(f"{error}; what was said: {said(page)}") from None


def deaf(page: Page) -> None:
    """Forget what was said so far."""
    page.evaluate("window.saidAloud = []")


def tab_to(page: Page, target: Locator) -> Locator:
    """Move the focus there as a keyboard does: by Tab, from wherever it is, once round the page at most."""
    expect(target).to_be_visible()
    for _step in range(MOST_TABS):
        if target.evaluate("one => one === document.activeElement"):
            return target
        page.keyboard.press("Tab")
    raise AssertionError(f"the keyboard does not reach {target}")


def named(page: Page, role: Role, name: str | re.Pattern[str], within: str = "") -> Locator:
    """What has this role and exactly this name; `within`: in the section that is called so."""
    place: Page | Locator = page.get_by_role("region", name=re.compile(within)) if within else page
    return place.get_by_role(role, name=name, exact=True).first


def press(page: Page, name: str | re.Pattern[str], within: str = "") -> None:
    tab_to(page, named(page, "button", name, within))
    page.keyboard.press("Enter")


def follow(page: Page, name: str, within: str = "") -> None:
    tab_to(page, named(page, "link", name, within))
    page.keyboard.press("Enter")


def write(page: Page, label: str, text: str, role: Role = "textbox") -> None:
    """Into the field with this label; what was in it is replaced."""
    field = page.get_by_label(label, exact=True).first if role == "textbox" else named(page, role, label)
    tab_to(page, field)
    page.keyboard.press("Control+a")
    page.keyboard.type(text)


def tick(page: Page, name: str, role: Role = "checkbox") -> None:
    """A box that is not ticked yet, or one of several answers."""
    target = named(page, role, name)
    if role == "radio":
        _choose(page, target)
    elif not target.is_checked():
        tab_to(page, target)
        page.keyboard.press("Space")
    expect(target).to_be_checked()


def _choose(page: Page, target: Locator) -> None:
    """Tab reaches one radio button of a group; arrows go to the others."""
    group = target.evaluate("one => one.name")
    expect(target).to_be_visible()
    for _step in range(MOST_TABS):
        if page.evaluate("name => document.activeElement.name === name", group):
            break
        page.keyboard.press("Tab")
    for _step in range(MOST_TABS):
        if target.evaluate("one => one === document.activeElement"):
            break
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")


def accessible(page: Page) -> None:
    """axe-core finds nothing on the page as it stands."""
    session = page.context.new_cdp_session(page)  # the page's own policy lets nobody evaluate text
    session.send("Runtime.evaluate", {"expression": AXE.read_text()})
    session.detach()
    found = page.evaluate(
        "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})"
        ".then(done => done.violations.map(one => `${one.id}: ${one.nodes.map(node => node.target).join(' ')}`))",
        AXE_TAGS,
    )
    assert found == [], f"{page.url}: {found}"
