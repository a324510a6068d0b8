"""One exchange for the console's browser tests; each test has an operator and a campaign of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.console.at_work import AtWork
from tests.console.world import World, number, running, tone

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--allow-loopback-in-peer-connection",
    "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip
CAMPAIGNS = {
    "By keyboard": [number("long_talker", 1), number("busy", 1)],
    "Reload": [number("long_talker", 2)],
    "Keys": [number("long_talker", 3), number("long_talker", 4)],
    "Two pages": [number("long_talker", 5)],
    "Looks": [number("long_talker", 6)],
    "Hand-over": [number("long_talker", 7)],
    "Network": [number("long_talker", 9)],
    "Guest": [number("long_talker", 8)],
    "Between calls": [number("long_talker", 10)],
    "Better paid": [number("long_talker", 11)],
}

Opens = Callable[..., AtWork]


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    with running(CAMPAIGNS) as running_world:
        yield running_world


@pytest.fixture(scope="module")  # its event loop runs in this thread: other modules' asynchronous tests need theirs
def play() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def browser(play: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    voice = tone(tmp_path_factory.mktemp("voice") / "tone.wav", 440)
    arguments = [*ARGUMENTS, f"--use-file-for-fake-audio-capture={voice}"]
    opened = play.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
    yield opened
    opened.close()


@pytest.fixture
def at_work(world: World, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Opens]:
    """Open a page as somebody: `at_work("Anna")`. Pages must not have thrown; failures leave a picture."""
    failed_before = request.session.testsfailed
    opened: list[AtWork] = []
    with ExitStack() as stack:

        def open_page(who: str, **options: Any) -> AtWork:
            page = stack.enter_context(AtWork.open(world, browser, who, **options))
            opened.append(page)
            return page

        try:
            yield open_page
        finally:
            results = Path(__file__).resolve().parents[2] / "test-results"
            if request.session.testsfailed > failed_before or request.node.stash.get(FAILED, False):
                results.mkdir(exist_ok=True)
                for n, one in enumerate(opened):
                    one.page.screenshot(path=results / f"{request.node.name}-{n}.png", full_page=True)
        for one in opened:
            assert one.errors == []


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome = yield
    if outcome.get_result().failed:  # type: ignore[attr-defined]
        item.stash[FAILED] = True
