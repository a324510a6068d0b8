"""The three addresses, for the web process (ASGI) and for processes without pages (`server.py`)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from hearthline.lib import measures
from hearthline.observe.access import may_read
from hearthline.observe.facts import Facts
from hearthline.observe.readiness import readiness

METRICS, READY, HEALTH = "/metrics", "/readyz", "/healthz"

_facts = CollectorRegistry()  # apart from what is counted in memory: it asks the database
_facts.register(Facts())


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content_type: str
    body: bytes


def metrics(client: str, headers: Iterable[tuple[str, str]]) -> Answer:
    """Prometheus's text. Reads the database: call it in a thread."""
    if not may_read(settings.HEARTHLINE, client, headers):
        sentence = b"Metrics are for allowed networks (HEARTHLINE_METRICS_ALLOW) or with the token.\n"
        return Answer(403, "text/plain; charset=utf-8", sentence)
    return Answer(200, CONTENT_TYPE_LATEST, generate_latest(measures.REGISTRY) + generate_latest(_facts))


def ready() -> Answer:
    """200 {"ready": true, "parts": {...}}, or 503 with the part that fails. Call it in a thread."""
    parts = readiness()
    well = all(word == "ok" for word in parts.values())
    return _json(200 if well else 503, {"ready": well, "parts": parts})


def alive() -> Answer:
    return _json(200, {"ok": True})


def _json(status: int, value: dict[str, object]) -> Answer:
    return Answer(status, "application/json", json.dumps(value).encode())
