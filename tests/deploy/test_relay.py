"""A browser that reaches nothing but the TURN relay still works a shift: Chromium forced to relayed candidates, coturn with the
configuration that is shipped, the embedded engine, a provider and a phone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from playwright.sync_api import Playwright, sync_playwright

from hearthline.lib import clock
from hearthline.people.models import Role, User
from tests.deploy.turn_relay import Relay, relay
from tests.e2e.conftest import CALLER_ID, at_provider
from tests.e2e.exchange import running, wait_for
from tests.e2e.people import open_shift, person
from tests.testbed.provider import Account, Provider

ONLY_RELAYED = """
const Real = RTCPeerConnection;
window.RTCPeerConnection = function (configuration) {
  return new Real({ ...configuration, iceTransportPolicy: "relay" });
};
window.RTCPeerConnection.prototype = Real.prototype;
const set = Real.prototype.setConfiguration;
const connections = (window.connections = []);
const offer = Real.prototype.createOffer;
Real.prototype.createOffer = function (...all) { connections.push(this); return offer.apply(this, all); };
"""
SELECTED = """async () => {
  const report = await window.connections.at(-1).getStats();
  for (const one of report.values()) {
    if (one.type !== "transport" || !one.selectedCandidatePairId) continue;
    const pair = report.get(one.selectedCandidatePairId);
    return report.get(pair.localCandidateId).candidateType;
  }
  return "";
}"""


BOTH_WAYS = """async () => {
  const report = [...(await window.connections.at(-1).getStats()).values()];
  const comes = report.some((one) => one.type === "inbound-rtp" && one.packetsReceived > 50);
  return comes && report.some((one) => one.type === "remote-inbound-rtp" && one.fractionLost === 0);
}"""


@pytest.fixture(scope="module")
def coturn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    with relay(tmp_path_factory.mktemp("turn"), nodes="127.0.0.1") as found:
        yield found


@pytest.fixture(scope="module")
def play() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.mark.browser
@pytest.mark.sip
@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_line_through_the_relay(coturn: Relay, play: Playwright, tmp_path: Path) -> None:
    accounts = {"hearth": Account("Sec-100", caller_ids={CALLER_ID})}
    settings = {
        "turn_urls": json.dumps([coturn.url]),
        "turn_secret_file": str(coturn.secret_file),
        "node_full_late_percent": "100",  # a busy test machine is late, and this is not about admission
    }
    with Provider(tmp_path, accounts, {}) as provider, running(tmp_path / "data", **settings) as exchange:
        exchange.seed(provider=at_provider(provider), contacts=[["+79160000404", "Nobody"]])
        with person(play, exchange) as operator:
            operator.context.add_init_script(ONLY_RELAYED)
            open_shift(operator)
            assert operator.page.evaluate(SELECTED) == "relay"
            wait_for(lambda: operator.page.evaluate(BOTH_WAYS), "audio both ways, by RTP and by the engine's RTCP")
            assert operator.errors == []
    assert "peer 127.0.0.1 lifetime updated" in coturn.said()


@pytest.mark.django_db
class TestWhoIsTold:
    @pytest.fixture(autouse=True)
    def _set_up(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "secret").write_text("a-secret")
        monkeypatch.setattr(django_settings.HEARTHLINE, "turn_urls", ["turn:turn.example.org"])
        monkeypatch.setattr(django_settings.HEARTHLINE, "turn_secret_file", tmp_path / "secret")

    def asked(self, role: str | None) -> Any:
        client = Client()
        if role is not None:
            client.force_login(User.objects.create(email=f"{role}@example.org", name="A", role=role))
        return client.get("/line/relays/")

    @pytest.mark.parametrize("role", [Role.OPERATOR, Role.CUSTOMER])
    def test_a_password_for_one_shift(self, role: str) -> None:
        reply = self.asked(role)
        (server,) = reply.json()["servers"]
        until, _, word = server["username"].partition(":")
        assert 43_100 < int(until) - clock.now().timestamp() <= 43_200
        assert role not in word
        assert "no-store" in reply["Cache-Control"]
        assert self.asked(None).status_code == 401
        again = Client()
        again.force_login(User.objects.get(email=f"{role}@example.org"))
        assert again.get("/line/relays/").json()["servers"][0]["username"] != server["username"]

    @pytest.mark.parametrize(("role", "status"), [(None, 401), (Role.MODERATOR, 403), (Role.ADMIN, 403)])
    def test_nobody_else(self, role: str | None, status: int) -> None:
        reply = self.asked(role)
        assert reply.status_code == status
        assert "credential" not in reply.content.decode()

    def test_the_password_is_the_drafts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Against openssl's own HMAC-SHA1, worked out once."""
        from hearthline.web import relays

        monkeypatch.setattr(relays.secrets, "token_hex", lambda n: "word")
        monkeypatch.setattr(clock, "now", lambda: clock.from_timestamp(1_800_000_000))
        (server,) = relays.relays_for_line()
        assert server["username"] == "1800043200:word"
        assert server["credential"] == "HpsijWqLtwQoucowRDbSblWCCXc="
