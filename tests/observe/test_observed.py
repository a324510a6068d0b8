"""What a running exchange tells of itself: scraped over HTTP from its processes, and compared with what reads it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.exchange import ROOT, Exchange, free_port, running, wait_for

TOKEN = "a-token-for-prometheus"
DEPLOY = ROOT / "deploy"
FOREIGN = {"up"}  # Prometheus's own


@pytest.fixture(scope="module")
def worker_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory, worker_port: int) -> Iterator[Exchange]:
    folder = tmp_path_factory.mktemp("observed")
    (folder / "token").write_text(TOKEN + "\n")
    with running(
        folder / "data", metrics_listen=f"127.0.0.1:{worker_port}", metrics_token_file=str(folder / "token"),
        log_format="json",
    ) as exchange:  # fmt: skip
        yield exchange


def get(url: str, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode()


def samples(url: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    status, text = get(url + "/metrics")
    assert status == 200, text
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            found.setdefault(one.name, []).append((one.labels, one.value))
    return found


def told_names(url: str) -> set[str]:
    """Every name that a query may use, also of families that have counted nothing yet."""
    names: set[str] = set()
    for family in text_string_to_metric_families(get(url + "/metrics")[1]):
        ends = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "info": ("_info",)}
        names |= {family.name + end for end in ends.get(family.type, ("",))}
    return names


def test_the_web_process_tells_of_pages_calls_and_the_exchange(exchange: Exchange) -> None:
    get(exchange.url + "/")
    get(exchange.url + "/no/such/page/")
    told = samples(exchange.url)
    views = {labels["view"] for labels, _ in told["hearthline_http_responses_total"]}
    assert {"home", "none"} <= views
    assert ({"view": "none", "status": "4xx"}, 1.0) in told["hearthline_http_responses_total"]
    assert {labels["phase"] for labels, _ in told["hearthline_calls"]} >= {"dialling", "talking", "briefing"}
    assert told["hearthline_switch_up"] == [({}, 1.0)]
    assert told["hearthline_exchange_read"] == [({}, 1.0)]
    assert told["hearthline_exchange_node_late_tick_percent"][0][0] == {"node": "local"}
    assert told["hearthline_event_streams"] == [({}, 0.0)]


def test_the_worker_tells_on_an_address_of_its_own(exchange: Exchange, worker_port: int) -> None:
    worker = f"http://127.0.0.1:{worker_port}"
    assert samples(worker)["hearthline_exchange_tasks_waiting"][0][1] >= 0
    assert get(worker + "/healthz") == (200, '{"ok": true}')
    assert get(worker + "/readyz")[0] == 200
    assert get(worker + "/")[0] == 404


@pytest.mark.parametrize("through", [{"X_Forwarded_For": "203.0.113.9"}, {"Via": "1.1 proxy"}, {"Forwarded": "for=x"}])
def test_who_comes_through_a_proxy_needs_the_token(
    exchange: Exchange, worker_port: int, through: dict[str, str]
) -> None:
    for url in (exchange.url, f"http://127.0.0.1:{worker_port}"):
        status, text = get(url + "/metrics", **through)
        assert status == 403
        assert "hearthline_" not in text
        assert get(url + "/metrics", Authorization="Bearer wrong", **through)[0] == 403
        assert get(url + "/metrics", Authorization=f"Bearer {TOKEN}", **through)[0] == 200


def test_who_comes_from_elsewhere_needs_the_token(exchange: Exchange) -> None:
    changed = {**exchange.environment, "HEARTHLINE_METRICS_ALLOW": '["192.0.2.0/24"]'}
    code = """
import django; django.setup()
from hearthline.observe import answers
for client in ("127.0.0.1", "192.0.2.7", "::ffff:192.0.2.7", "192.0.3.7", "", "not an address"):
    print(answers.metrics(client, []).status)
print(answers.metrics("198.51.100.1", [("authorization", "Bearer a-token-for-prometheus")]).status)
"""
    changed["DJANGO_SETTINGS_MODULE"] = "hearthline.settings"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=changed, capture_output=True, text=True, timeout=150, check=True
    )
    assert done.stdout.split() == ["403", "200", "200", "403", "403", "403", "200"]


def test_it_is_ready_with_database_bus_and_a_node(exchange: Exchange) -> None:
    def answer() -> Any:
        status, text = get(exchange.url + "/readyz")
        return json.loads(text) if status == 200 else None

    found = wait_for(answer, "the exchange to be ready")
    assert found == {"ready": True, "parts": {"database": "ok", "bus": "ok", "callcontrol": "ok"}}


def test_logs_are_json_lines(exchange: Exchange) -> None:
    os.kill(exchange.child("hearthline.switch.embedded"), signal.SIGKILL)  # something worth a line
    wait_for(lambda: any("answers again" in line for line in exchange.log), "the web process to say so")
    lines = [line.partition("| ")[2] for line in exchange.log if line.startswith(("engine", "web", "worker"))]
    told = [json.loads(line) for line in lines]
    assert any(one["level"] == "error" and "cannot be reached" in one["event"] for one in told)
    assert all({"event", "level", "timestamp", "logger"} <= one.keys() for one in told)


def test_every_name_on_the_dashboard_and_in_the_alerts_is_told(exchange: Exchange) -> None:
    told = told_names(exchange.url)
    dashboard = json.loads((DEPLOY / "grafana" / "hearthline.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    rules = (DEPLOY / "prometheus" / "hearthline.rules.yml").read_text()
    for lines, line in re.findall(r"expr: (?:\|\n((?:        .*\n)+)|(.*))", rules):
        queries.append(lines or line)
    assert len(queries) > 40
    used = {name for query in queries for name in re.findall(r"\b(?:hearthline|process)_\w+|\bup\b", query)} - FOREIGN
    assert used - told == set()
    ours = {name for name in told if name.startswith("hearthline_") and not name.endswith(("_sum", "_count"))}
    assert ours - used == {"hearthline_build_info"}  # each of the others is shown to somebody


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not here (Debian: prometheus)")
def test_prometheus_takes_the_rules() -> None:
    for words in (("rules", "hearthline.rules.yml"), ("config", "prometheus.yml")):
        done = subprocess.run(
            ["promtool", "check", *words],
            cwd=DEPLOY / "prometheus",
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
